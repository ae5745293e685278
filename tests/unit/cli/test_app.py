"""The command line: one JSON document, exit codes that scripts can rely on, and help that shows how."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from rag_flywheel.cli import app
from rag_flywheel.cli.invocation import segment
from rag_flywheel.errors import InvalidInput
from tests.paths import ROOT
from tests.unit.cli.conftest import Run

NOBODY = "http://127.0.0.1:9"  # the discard port, where no server listens


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
        "triage",
        "demo",
    ]
    groups = [("versions", "list"), ("versions", "show"), ("versions", "diff"), ("config", "check"), ("config", "show")]
    reviews = [("review", "list"), ("review", "decide"), ("gaps", "list"), ("gaps", "dismiss"), ("gaps", "check")]
    assert {*((name,) for name in promised), *groups, *reviews} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_has_an_example_that_names_it(path: tuple[str, ...]) -> None:
    reply = CliRunner().invoke(app.app, [*path, "--help"])
    assert reply.exit_code == 0
    said = " ".join(reply.output.split())
    assert "Example" in said
    assert " ".join(path) in said.partition("Example")[2]
    assert "[env var: ]" not in said


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    code, out, err = run()
    assert code in (0, 2)
    assert "reindex" in out + err


def test_the_shell_is_told_which_commands_begin_so(tmp_path: Path) -> None:
    program = tmp_path / "rag-flywheel"
    program.write_text("from rag_flywheel.cli.app import main\nmain()\n")
    asked = {"_RAG_FLYWHEEL_COMPLETE": "complete_bash", "COMP_WORDS": "rag-flywheel re", "COMP_CWORD": "1"}
    command = [sys.executable, str(program)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **asked}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.stdout.split() == ["review", "receipt", "reindex", "report", "replay", "restore"]


def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rag_flywheel", "config", "check", "--json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert json.loads(ended.stdout)["error"] == "ConfigError"


@pytest.mark.parametrize(
    "arguments",
    [
        ("dance",),
        ("ask",),
        ("ask", "x", "--loudly"),
        ("gaps", "list", "--limit", "0"),
        ("review", "decide", "c1"),
        ("correct", "i1", "--answer", "a", "--evidence", "guide"),
        ("correct", "i1", "--answer", "a", "--evidence", "guide:a:b"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_json_document(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run("--json", "--url", NOBODY, *arguments)
    assert (code, err) == (2, "")
    assert json.loads(out)["error"] == "InvalidInput"


@pytest.mark.parametrize("arguments", [("gaps", "list"), ("ask", "x"), ("versions", "list"), ("report",)])
def test_a_server_that_is_not_there_is_exit_code_7(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, _ = run("--json", *arguments, "--url", NOBODY)
    assert code == 7
    assert json.loads(out)["error"] == "Unavailable"
    assert NOBODY in json.loads(out)["detail"]
    assert "rag-flywheel serve" in json.loads(out)["detail"]


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://localhost", "http://[::1", "nonsense"])
def test_what_is_no_url_is_exit_code_2(run: Run, address: str) -> None:
    code, out, _ = run("--json", "gaps", "list", "--url", address)
    assert code == 2
    assert "--url" in json.loads(out)["detail"]


class OtherServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if "review" in self.path else 200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("arguments", [("gaps", "list"), ("review", "list")])
def test_a_server_of_another_kind_is_exit_code_8(run: Run, arguments: tuple[str, ...]) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), OtherServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        code, out, _ = run("--json", *arguments, "--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert code == 8
    assert "is it a rag-flywheel server?" in json.loads(out)["detail"]


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


def test_a_command_leaves_the_processor_to_others_while_its_threads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before torch is loaded, which reads it once, and only where nobody decided otherwise."""
    monkeypatch.setattr(sys, "argv", ["rag-flywheel", "--help"])
    for given, then in (("", "PASSIVE"), ("ACTIVE", "ACTIVE")):
        monkeypatch.setenv("OMP_WAIT_POLICY", "")
        monkeypatch.delenv("OMP_WAIT_POLICY")
        if given:
            monkeypatch.setenv("OMP_WAIT_POLICY", given)
        with pytest.raises(SystemExit):
            app.main()
        assert os.environ["OMP_WAIT_POLICY"] == then


@pytest.mark.parametrize("id", ["../rollback?", "..", "", "a/b", "x\n"])
def test_an_id_never_names_another_route(id: str) -> None:
    with pytest.raises(InvalidInput, match="is no id"):
        segment(id)


def test_what_an_id_may_hold_besides_is_quoted() -> None:
    assert segment("a?state=gone#b") == "a%3Fstate%3Dgone%23b"


def test_watching_a_server_s_corrections_from_elsewhere_is_refused_with_what_to_leave_out(run: Run) -> None:
    code, _, err = run("reindex", "--watch", "--url", NOBODY)
    assert code == InvalidInput.exit_code
    assert "leave one of them out" in " ".join(err.split())


def test_watching_is_not_forced_since_each_acceptance_would_replace_the_running_canary(run: Run) -> None:
    code, _, err = run("reindex", "--watch", "--force")
    assert code == InvalidInput.exit_code
    assert "leave out --watch" in " ".join(err.split())
