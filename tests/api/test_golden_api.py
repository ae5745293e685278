"""The golden set over HTTP, and the commands that reach it so."""

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rag_flywheel.cli import app, invocation
from rag_flywheel.services import Services
from tests.fakes.doors import door, signed
from tests.fakes.services import services

Run = Callable[..., tuple[int, str, str]]
ADDED = {"question": "How do I roll back?", "documents": ["docs/rollback.md"]}


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "rollback.md").write_text("# Roll back\n\nRun the rollback command, then check the report.\n")
    return services(tmp_path, text="sources: [docs]\ngate:\n  minimum_cases: 1\n  sealed: 0.0\n")


@pytest.fixture
def http(made: Services) -> TestClient:
    return door(made)


@pytest.fixture
def run(made: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`rag-flywheel ARGUMENTS`, which reaches the app over the fakes instead of the settings' services."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(invocation, "local_services", lambda invoked: contextlib.nullcontext(made))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rag-flywheel", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        return ended.value.code if isinstance(ended.value.code, int) else 0, said.out, said.err

    return run


def told(answer: tuple[int, str, str]) -> Any:
    return json.loads(answer[1])


def beir(folder: Path, questions: Sequence[str], judged: Sequence[str]) -> Path:
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": f"q{at}", "text": text}) for at, text in enumerate(questions))
    )
    rows = [f"q{at}\t{document}\t1" for at, document in enumerate(judged)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]))
    return folder


# --- HTTP -----------------------------------------------------------------------------------------------------------


def test_a_question_is_added_once_listed_and_retired(http: TestClient) -> None:
    first, again = http.post("/golden", json=ADDED), http.post("/golden", json=ADDED)
    assert (first.status_code, again.status_code) == (201, 200)
    [name] = first.json()["added"]
    assert again.json() == {"added": [], "skipped": [name], "masked": {}}
    [listed] = http.get("/golden").json()
    assert listed == {
        "case_id": name,
        "question": "How do I roll back?",
        "origin": "added",
        "group": "how do i roll back",
        "role": listed["role"],
        "state": "in_use",
        "reason": None,
        "answer": None,
        "documents": ["docs/rollback.md"],
        "evidence": [],
        "followed": [],
        "answerable": True,
    }
    retired = http.post("/golden/retire", json={"case_id": name, "why": "asked twice"}, headers=signed(http, "rita"))
    assert (retired.status_code, retired.json()["who"], retired.json()["why"]) == (200, "rita", "asked twice")
    [listed] = http.get("/golden").json()
    assert (listed["state"], listed["reason"]) == ("retired", "retired by rita: asked twice")


def test_the_list_is_narrowed_by_origin_role_and_state(http: TestClient) -> None:
    http.post("/golden", json=ADDED)
    cases = [{"id": f"q{at}", "question": f"word{at}", "documents": ["gone.md"]} for at in range(8)]
    assert http.post("/golden/import", json={"cases": cases}).status_code == 201
    every = http.get("/golden").json()

    def narrowed(**params: str) -> list[Any]:
        found: list[Any] = http.get("/golden", params=params).json()
        return found

    assert [item["origin"] for item in narrowed(origin="added")] == ["added"]
    assert len(narrowed(state="stale")) == len(narrowed(origin="imported", state="stale")) == 8
    assert 0 < len(narrowed(role="tuning")) < len(every)
    assert narrowed(role="tuning") + narrowed(role="test") != []
    assert len(narrowed(role="tuning")) + len(narrowed(role="test")) == len(every)
    assert http.get("/golden", params={"state": "lost"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/golden", {"question": "How?"}, 422, "name the document"),
        ("/golden", {"question": "How?", "documents": ["none.md"]}, 422, "none.md"),
        ("/golden", {"question": "How?", "kluster": "x"}, 422, "kluster"),
        ("/golden/import", {"cases": []}, 422, "cases"),
        ("/golden/import", {"cases": [{"id": "q1", "question": "How?"}]}, 422, "golden:q1"),
        ("/golden/retire", {"case_id": "golden:q1", "why": "so"}, 404, "golden:q1"),
        ("/golden/retire", {"case_id": "golden:q1"}, 422, "why"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_message(
    http: TestClient, made: Services, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    reply = http.post(path, json=body)
    assert reply.status_code == status
    assert said in reply.json()["detail"]
    assert made.ledger.golden_cases() == []


def test_an_id_that_is_an_address_is_not_kept_and_is_known_again(http: TestClient, made: Services) -> None:
    cases = [{"id": f"{name}@mailbox.org", "question": f"How, {name}?", "documents": ["a.md"]} for name in ("a", "b")]
    first, second = (http.post("/golden/import", json={"cases": cases}).json() for _ in range(2))
    assert len(set(first["added"])) == 2
    assert second["skipped"] == first["added"]
    assert not any("mailbox" in case.case_id for case in made.ledger.golden_cases())


def test_an_import_with_one_conflict_keeps_nothing(http: TestClient, made: Services) -> None:
    case = {"id": "q1", "question": "How?", "documents": ["a.md"]}
    http.post("/golden/import", json={"cases": [case]})
    other = [{"id": "q0", "question": "New?", "documents": ["a.md"]}, {**case, "question": "Else?"}]
    reply = http.post("/golden/import", json={"cases": other})
    assert (reply.status_code, reply.json()["error"]) == (409, "Conflict")
    assert "golden:q1" in reply.json()["detail"]
    assert "Else?" not in reply.text
    assert [case.case_id for case in made.ledger.golden_cases()] == ["golden:q1"]


def test_a_check_tells_what_is_wrong_by_ids(http: TestClient) -> None:
    http.post("/golden/import", json={"cases": [{"id": "q1", "question": "How?", "documents": ["gone.md"]}]})
    reply = http.get("/golden/check").json()
    assert (reply["outcome"], reply["stale_share"], sum(reply["roles"].values())) == ("faulty", 1.0, 0)
    assert [(finding["fault"], finding["cases"]) for finding in reply["findings"]] == [
        ("stale", ["golden:q1"]),
        ("too_few", []),
    ]


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_question_is_added_with_documents_and_spans(run: Run, made: Services) -> None:
    code, said, _ = run(
        "golden", "add", "How do I roll back?", "--answer", "Run it.", "--evidence", "docs/rollback.md:3:12",
        "--evidence", "docs/rollback.md", "--who", "ann", "--cluster", "rollback", "--json",
    )  # fmt: skip
    [kept] = made.ledger.golden_cases()
    assert (code, json.loads(said)["added"]) == (0, [kept.case_id])
    assert (kept.who, kept.cluster, kept.documents) == ("ann", "rollback", ("docs/rollback.md",))
    assert [(span.document_id, span.start, span.end) for span in kept.evidence] == [("docs/rollback.md", 3, 12)]


def test_a_document_whose_name_has_colons_is_no_span(run: Run, made: Services, tmp_path: Path) -> None:
    text = "The document of a name with colons holds words enough to be kept."
    (tmp_path / "docs" / "more.jsonl").write_text(json.dumps({"_id": "note:7", "title": "", "text": text}))
    assert run("golden", "add", "What of it?", "--evidence", "note:7", "--json")[0] == 0
    assert run("golden", "add", "What of that?", "--evidence", "note:7:0:9", "--json")[0] == 0
    whole, part = made.ledger.golden_cases()
    assert (whole.documents, part.documents) == (("note:7",), ())
    assert (part.evidence[0].document_id, part.evidence[0].end) == ("note:7", 9)


def test_a_question_that_nothing_answers_is_added_as_such(run: Run, made: Services) -> None:
    assert run("golden", "add", "Who wrote it?", "--unanswerable")[0] == 0
    [kept] = made.ledger.golden_cases()
    assert not kept.answerable
    code, _, said = run("golden", "add", "Who?", "--unanswerable", "--evidence", "docs/rollback.md")
    assert (code, "nothing answers" in said) == (2, True)


def test_a_folder_is_imported_and_a_second_time_skipped(run: Run, tmp_path: Path) -> None:
    folder = str(beir(tmp_path / "more", ["One?", "Two?", "Three?"], ["docs/rollback.md", "docs/rollback.md"]))
    names = ["golden:q0", "golden:q1"]
    assert told(run("golden", "import", folder, "--json")) == {
        "added": names,
        "skipped": [],
        "masked": {},
        "unfound": [],
        "left_out": [],
        "unjudged": ["golden:q2"],
    }
    assert told(run("golden", "import", folder, "--json"))["skipped"] == names
    beir(tmp_path / "more", ["One?", "Another?"], ["docs/rollback.md", "docs/rollback.md"])
    code, said, _ = run("golden", "import", folder, "--json")
    assert (code, json.loads(said)["error"]) == (6, "Conflict")


def test_an_imported_question_keeps_its_answer_and_its_cluster(run: Run, made: Services, tmp_path: Path) -> None:
    folder = beir(tmp_path / "more", ["One?", "Two?"], ["docs/rollback.md", "docs/rollback.md"])
    lines = (
        {"_id": "q0", "text": "One?", "answer": "Roll back.", "cluster": "counting"},
        {"_id": "q1", "text": "Two?"},
    )
    (folder / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert run("golden", "import", str(folder))[0] == 0
    kept = [(case.question, case.answer, case.cluster) for case in made.ledger.golden_cases()]
    assert kept == [("One?", "Roll back.", "counting"), ("Two?", None, "two")]


def test_an_import_with_a_bad_line_names_it_and_keeps_nothing(run: Run, made: Services, tmp_path: Path) -> None:
    folder = beir(tmp_path / "more", ["One?"], ["docs/rollback.md"])
    (folder / "queries.jsonl").write_text('{"_id": "q0", "text": "One?"}\n{"_id": 1}')
    code, _, said = run("golden", "import", str(folder))
    assert (code, "queries.jsonl:2" in said) == (2, True)
    assert made.ledger.golden_cases() == []


def test_the_list_is_a_table_with_the_reasons_below(run: Run, http: TestClient) -> None:
    [name] = http.post("/golden", json=ADDED).json()["added"]
    assert run("golden", "retire", name, "--why", "asked twice", "--who", "rita")[0] == 0
    code, said, _ = run("golden", "list", "--state", "retired")
    assert code == 0
    assert f"{name}: retired by rita: asked twice" in said
    assert "no judged question is like this" in run("golden", "list", "--origin", "confirmed")[1]
    assert [item["case_id"] for item in told(run("golden", "list", "--json"))] == [name]
    assert run("golden", "retire", name, "--why", "again")[0] == 6
    assert run("golden", "retire", "golden:none", "--why", "so")[0] == 5


def test_a_check_exits_by_its_outcome(run: Run, http: TestClient) -> None:
    code, said, _ = run("golden", "check", "--json")
    assert (code, json.loads(said)["outcome"]) == (4, "undecided")
    for word in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"):
        http.post("/golden", json={**ADDED, "question": word})
    code, said, _ = run("golden", "check")
    assert (code, said.splitlines()[0].startswith("sound: "), "nothing is wrong" in said) == (0, True, True)
    http.post("/golden/import", json={"cases": [{"id": "q1", "question": "iota", "documents": ["gone.md"]}]})
    code, said, _ = run("golden", "check")
    assert (code, "golden:q1" in said, "gone.md" in said) == (2, True, True)
