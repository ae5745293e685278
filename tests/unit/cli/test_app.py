"""The command line: one JSON document, exit codes that scripts can rely on, and help that shows how."""

import contextlib
import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import uvicorn
from typer.testing import CliRunner

from rag_flywheel.api.app import create_app
from rag_flywheel.cli import app
from rag_flywheel.domain import Admission, LearnedRanking
from rag_flywheel.services import Services
from tests.fakes.services import publish, services
from tests.paths import ROOT

QUESTION = "How do I put the previous version back?"
NOBODY = "http://127.0.0.1:9"  # the discard port, where no server listens

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`rag-flywheel ARGUMENTS` as the entry point runs it; gives the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rag-flywheel", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, said.out, said.err

    return call


@contextlib.contextmanager
def serving(server: uvicorn.Server) -> Iterator[str]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("service"))
    publish(made, "v1")
    publish(made, "v2")
    return made


@pytest.fixture(scope="module")
def url(made: Services) -> Iterator[str]:
    with serving(uvicorn.Server(uvicorn.Config(create_app(made), port=0, log_level="error"))) as address:
        yield address


# --- help -----------------------------------------------------------------------------------------------------------


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield from commands(command, *path, name) if hasattr(command, "commands") else [(*path, name)]


COMMANDS = list(commands(typer.main.get_command(app.app)))


def test_the_promised_commands_are_there() -> None:
    promised = [
        "serve",
        "reindex",
        "ask",
        "explain",
        "feedback",
        "correct",
        "promote",
        "rollback",
        "report",
        "gaps",
        "triage",
        "demo",
    ]
    groups = [("versions", "list"), ("versions", "show"), ("versions", "diff"), ("config", "check"), ("config", "show")]
    reviews = [("review", "list"), ("review", "decide")]
    assert {*((name,) for name in promised), *groups, *reviews} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_has_an_example_that_names_it(path: tuple[str, ...]) -> None:
    reply = CliRunner().invoke(app.app, [*path, "--help"])
    assert reply.exit_code == 0
    said = " ".join(reply.output.split())
    assert "Example" in said
    assert " ".join(path) in said.partition("Example")[2]


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    code, out, err = run()
    assert code in (0, 2)
    assert "reindex" in out + err


# --- settings -------------------------------------------------------------------------------------------------------


def test_config_check_says_that_the_settings_are_sound(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("sources: [manuals]")
    code, out, _ = run("config", "check", "--json")
    assert code == 0
    assert json.loads(out) == {"file": str(tmp_path / "config.yaml"), "ok": True, "unknown_variables": []}


def test_config_check_names_variables_that_do_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text("")
    monkeypatch.setenv("RAG_FLYWHEEL_SOURCE", "[]")
    assert json.loads(run("config", "check", "--json")[1])["unknown_variables"] == ["RAG_FLYWHEEL_SOURCE"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_mistake_in_the_settings_is_one_json_document_and_exit_code_2(run: Run, tmp_path: Path, where: str) -> None:
    (tmp_path / "config.yaml").write_text("ledgr: {}")
    code, out, err = run(
        *(["--json"] if where == "before" else []), "config", "check", *(["--json"] * (where == "after"))
    )
    assert (code, err) == (2, "")
    assert json.loads(out)["error"] == "ConfigError"
    assert "did you mean `ledger`" in json.loads(out)["detail"]


def test_without_json_a_mistake_goes_to_standard_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("ledgr: {}")
    code, out, err = run("config", "check")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert "did you mean `ledger`" in err


def test_a_config_file_is_named_by_option_or_variable(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.yaml").write_text("api: {port: 1}")
    assert json.loads(run("--config", "other.yaml", "config", "show", "--json")[1])["api"]["port"] == 1
    monkeypatch.setenv("RAG_FLYWHEEL_CONFIG", str(tmp_path / "other.yaml"))
    assert json.loads(run("config", "show", "--json")[1])["api"]["port"] == 1
    assert run("--config", "none.yaml", "config", "show")[0] == 2


def test_config_show_wraps_no_line(run: Run, tmp_path: Path) -> None:
    name = "a" * 150
    (tmp_path / "config.yaml").write_text(f"golden: {name}")
    assert f"golden: {name}" in run("config", "show")[1].splitlines()


def test_config_commands_load_no_model_library() -> None:
    code = (
        "import sys; sys.argv = ['rag-flywheel', 'config', 'check']\n"
        "from rag_flywheel.cli import app as cli\n"
        "try: cli.main()\n"
        "except SystemExit as ended: assert not ended.code, ended.code\n"
        "heavy = {'torch', 'transformers', 'llama_index', 'presidio_analyzer', 'fastapi'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, timeout=60)


def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rag_flywheel", "config", "check", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert json.loads(ended.stdout)["error"] == "ConfigError"


# --- wrong usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("ask",),
        ("ask", "x", "--loudly"),
        ("gaps", "--limit", "0"),
        ("review", "decide", "c1"),
        ("correct", "i1", "--answer", "a", "--evidence", "guide"),
        ("correct", "i1", "--answer", "a", "--evidence", "guide:a:b"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_json_document(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run("--json", "--url", NOBODY, *arguments)
    assert (code, err) == (2, "")
    assert json.loads(out)["error"] == "InvalidInput"


# --- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("gaps",), ("ask", "x"), ("versions", "list"), ("report",)])
def test_a_server_that_is_not_there_is_exit_code_7(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, _ = run("--json", *arguments, "--url", NOBODY)
    assert code == 7
    assert json.loads(out)["error"] == "Unavailable"
    assert NOBODY in json.loads(out)["detail"]
    assert "rag-flywheel serve" in json.loads(out)["detail"]


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://localhost", "http://[::1", "nonsense"])
def test_what_is_no_url_is_exit_code_2(run: Run, address: str) -> None:
    code, out, _ = run("--json", "gaps", "--url", address)
    assert code == 2
    assert "--url" in json.loads(out)["detail"]


class OtherServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if "review" in self.path else 200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("arguments", [("gaps",), ("review", "list")])
def test_a_server_of_another_kind_is_exit_code_8(run: Run, arguments: tuple[str, ...]) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), OtherServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        code, out, _ = run("--json", *arguments, "--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert code == 8
    assert "is it a rag-flywheel server?" in json.loads(out)["detail"]


def test_ask_prints_what_the_api_returns(run: Run, url: str) -> None:
    code, out, _ = run("--url", url, "ask", QUESTION, "--user", "ada", "--json")
    assert code == 0
    said = json.loads(out)
    assert set(said) == {"interaction_id", "answer", "citations", "version", "arm", "canary", "answered"}
    assert said["citations"][0]["document_id"] == "rollback"


def test_ask_records_the_group_of_the_asker(run: Run, url: str, made: Services) -> None:
    assert run("--url", url, "ask", QUESTION, "--group", "beta")[0] == 0
    assert made.ledger.interactions(limit=1)[0].group == "beta"


def test_ask_shows_people_the_answer_with_its_citations(run: Run, url: str) -> None:
    code, out, _ = run("--url", url, "ask", QUESTION)
    assert code == 0
    assert "run rag-flywheel rollback" in out
    assert "[1] Rollback (rollback:" in out
    assert "interaction id" in out


def test_explain_shows_people_the_ranking_and_prints_what_the_api_returns(run: Run, url: str, made: Services) -> None:
    asked = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])
    code, out, _ = run("--url", url, "explain", asked["interaction_id"])
    said = " ".join(out.split())
    assert code == 0
    assert QUESTION in said
    assert f"version {asked['version']}, live" in said
    assert "fusion: reciprocal rank fusion; reranker: none" in said
    assert "admission: no known question is used" in said
    assert "cited" in said
    assert "no known question is near the query" in said
    code, out, _ = run("--url", url, "explain", asked["interaction_id"], "--limit", "2", "--json")
    explained = json.loads(out)
    assert code == 0
    assert (explained["repeated"], explained["notes"]) == (True, [])
    assert [passage["rank"] for passage in explained["passages"]] == [1, 2]


def test_explain_says_to_people_what_it_cannot_explain(run: Run, url: str) -> None:
    asked = json.loads(run("--url", url, "ask", QUESTION, "--no-consent", "--json")[1])
    out = run("--url", url, "explain", asked["interaction_id"])[1]
    assert "question not kept" in out
    assert "note: the question was not kept, because there was no consent" in out


def test_explain_shows_people_by_what_a_known_question_is_answered(run: Run, tmp_path: Path) -> None:
    made = services(tmp_path)
    publish(
        made,
        "v1",
        corrections={"theme": ("Is there a dark theme?", "No, there is none.")},
        confirmed={"past": (QUESTION, "rollback"), "again": ("Can the looks be changed?", "correction:theme")},
        learned=LearnedRanking(admission=Admission(threshold=0.5, words=0.5, passage=0.5)),
    )
    with serving(uvicorn.Server(uvicorn.Config(create_app(made), port=0, log_level="error"))) as url:
        asked = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])
        out = run("--url", url, "explain", asked["interaction_id"])[1]
    ranking, known = out.split("Known questions near the query")
    wanted = "a known question is used where cosine + 0.50 x words - 0.50 x best passage is above 0.50"
    assert f"admission: {wanted}, and no passage is nearer" in ranking
    why = [line.split("│")[4].strip() for line in ranking.splitlines() if line.startswith("│")]
    assert "confirmed answer of interaction past" in " ".join(why)
    answered_by = [line.split("│")[1].strip() for line in known.splitlines() if line.startswith("│")]
    assert [cell for cell in answered_by if cell] == [
        *("confirmed answer of interaction", "past"),
        *("confirmed answer of interaction", "again", "correction", "theme"),
        *("correction", "theme"),
    ]


def test_an_answer_that_was_abandoned_without_a_word_is_listed_for_triage(run: Run, url: str) -> None:
    name = json.loads(run("--url", url, "ask", "How is a backup of the ledger made?", "--json")[1])["interaction_id"]
    assert "nothing to look at" in run("--url", url, "triage")[1]
    assert run("--url", url, "feedback", name, "abandoned")[0] == 0
    [suspect] = json.loads(run("--url", url, "triage", "--json")[1])
    assert (suspect["interaction_ids"], suspect["score"], suspect["times"]) == ([name], 1.0, 1)
    assert name in run("--url", url, "triage", "--limit", "1")[1]


def test_a_correction_goes_from_the_command_to_the_reviewer(run: Run, url: str, made: Services) -> None:
    name = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
    spans = ("--evidence", "rollback:0:10", "--supersedes", "rollback:0:10")
    code, out, _ = run("--url", url, "--json", "correct", name, "--answer", "Do it.", "--user", "ada", *spans)
    taken = json.loads(out)
    assert (code, set(taken), taken["status"]) == (0, {"id", "status"}, "pending")
    listed = json.loads(run("--url", url, "--json", "review", "list")[1])
    assert taken["id"] in [one["id"] for one in listed]
    assert "Do it." in run("--url", url, "review", "show", taken["id"])[1]
    decided = run("--url", url, "--json", "review", "decide", taken["id"], "--verdict", "accept", "--reviewer", "grace")
    assert json.loads(decided[1])["status"] == "accepted"
    followed = json.loads(run("--url", url, "--json", "correction", taken["id"])[1])
    assert (followed["id"], followed["status"]) == (taken["id"], "accepted")
    assert made.ledger.audit(limit=1)[0].who == "grace"


def test_a_conflict_is_put_before_the_reviewer(run: Run, url: str) -> None:
    asked = json.loads(run("--url", url, "ask", "How is a backup of the ledger made?", "--json")[1])["interaction_id"]
    first, second = (
        json.loads(run("--url", url, "--json", "correct", asked, "--answer", answer)[1])["id"]
        for answer in ("Copy the database file.", "Nobody knows how.")
    )
    listed = json.loads(run("--url", url, "--json", "review", "list", "--conflicts")[1])
    assert [one["id"] for one in listed] == [first, second]
    for arguments in (("review", "list", "--conflicts"), ("review", "show", second)):
        said = run("--url", url, *arguments)[1]
        assert f"{second} is in conflict with {first} (pending): Copy the database file." in said
        assert "the very same question: the one accepted last supersedes the other" in said
    assert json.loads(run("--url", url, "--json", "review", "list", "--conflicts", "--status", "rejected")[1]) == []


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("thumb", "down", "down"),
        ("stars", "4", 4),
        ("used", "true", True),
        ("comment", "42", "42"),
        ("issue", "true", "true"),
        ("missing_knowledge", "NaN", "NaN"),
        ("passage_relevance", '{"document_id": "d", "relevant": true}', {"document_id": "d", "relevant": True}),
    ],
)
def test_feedback_is_typed_as_its_kind_wants_it(
    run: Run, url: str, made: Services, kind: str, typed: str, kept: object
) -> None:
    name = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
    assert run("--url", url, "feedback", name, kind, typed)[0] == 0
    assert made.ledger.feedback()[-1].value == kept


def test_a_repeated_key_records_once(run: Run, url: str, made: Services) -> None:
    name = json.loads(run("--url", url, "ask", QUESTION, "--json")[1])["interaction_id"]
    before = len(made.ledger.feedback())
    said = [run("--url", url, "--json", "feedback", name, "thumb", "up", "--key", "k")[1] for _ in range(2)]
    assert said[0] == said[1]
    assert len(made.ledger.feedback()) == before + 1


def test_versions_are_listed_shown_and_compared(run: Run, url: str) -> None:
    listed = json.loads(run("--url", url, "--json", "versions", "list")[1])
    assert [one["version"] for one in listed] == ["v1", "v2"]
    assert {"version", "state", "created", "counts"} <= set(listed[0])
    assert json.loads(run("--url", url, "--json", "versions", "show", "v1")[1])["version"] == "v1"
    assert json.loads(run("--url", url, "--json", "versions", "diff", "v1", "v2")[1])["to"] == "v2"
    assert "Index versions" in run("--url", url, "versions", "list")[1]


def test_a_roll_back_prints_what_is_live_and_what_was(run: Run, url: str) -> None:
    live = json.loads(run("--url", url, "--json", "ask", QUESTION)[1])["version"]
    assert json.loads(run("--url", url, "rollback", "--to", "v1", "--json")[1]) == {"live": "v1", "was": live}
    assert json.loads(run("--url", url, "promote", "v2", "--json")[1]) == {"live": "v2", "was": "v1"}
    assert json.loads(run("--url", url, "rollback", "--json")[1]) == {"live": "v1", "was": "v2"}


def test_errors_of_the_server_have_the_exit_codes_of_their_kind(run: Run, url: str) -> None:
    for arguments, code, kind in (
        (("correction", "none"), 5, "NotFound"),
        (("promote", "none"), 5, "NotFound"),
        (("feedback", "none", "thumb", "up"), 5, "NotFound"),
        (("explain", "none"), 5, "NotFound"),
        (("review", "list", "--status", "lost"), 2, "InvalidInput"),
    ):
        ended, out, _ = run("--url", url, "--json", *arguments)
        assert (ended, json.loads(out)["error"]) == (code, kind), arguments


def test_a_report_is_written_as_a_page_and_printed_unwrapped(
    run: Run, url: str, made: Services, tmp_path: Path
) -> None:
    folder = made.reports / "v2"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text("<p>page</p>")
    (folder / "report.json").write_text('{"outcome": "passed"}')
    (folder / "report.md").write_text("| " + "x" * 150 + " | :warning: [bold]")
    assert json.loads(run("--url", url, "report", "v2", "--json")[1]) == {"outcome": "passed"}
    assert "x" * 150 + " | :warning: [bold]" in run("--url", url, "report")[1]
    assert run("--url", url, "report", "v2", "--html", "page.html")[0] == 0
    assert (tmp_path / "page.html").read_text() == "<p>page</p>"
