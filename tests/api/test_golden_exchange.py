"""Judged questions to the files of other tools and back, by commands over the real app."""

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest
from fastapi.testclient import TestClient
from ragas import EvaluationDataset

from rag_flywheel.cli import app, invocation
from rag_flywheel.domain import DocumentId, GoldenCase, Role
from rag_flywheel.domain.consent import ConsentEvent, ConsentState, Means, Purpose
from rag_flywheel.golden_set import changes
from rag_flywheel.golden_set.changes import NewQuestion
from rag_flywheel.golden_set.listing import read_corpus
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.contract.rows import a_feedback
from tests.fakes.doors import door, key
from tests.fakes.samples import correction, interaction, review, shown, span
from tests.fakes.services import publish, services

Run = Callable[..., Any]
FORMATS = ("beir", "ragas", "datasets")
PAGES = {
    "rollback.md": "# Roll back\n\nRun the rollback command, then check the report. It takes one second at most.\n",
    "install.md": "# Install\n\nTo install the service on Linux, create a virtual environment and install it there.\n",
}
SPAN = "then check the report. It takes one second at most."
SETTINGS = "sources: [docs]\ngate:\n  minimum_cases: 1\n  sealed: 0.0\n"


def deployment(place: Path, pages: dict[str, str] = PAGES, *, settings: str = SETTINGS) -> Services:
    """Services whose sources are the pages, and whose live version holds them as they are read."""
    (place / "docs").mkdir(parents=True)
    for name, text in pages.items():
        (place / "docs" / name).write_text(text)
    made = services(place, text=settings)
    publish(made, "v1", {document.document_id: document.text for document in read_corpus(made).corpus.documents})
    return made


@pytest.fixture
def made(tmp_path: Path) -> Services:
    return deployment(tmp_path / "here")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`rag-flywheel golden ARGUMENTS --json` over some services: its reply, or the code and the words of a failure."""

    def run(made: Services, *arguments: str) -> Any:
        monkeypatch.setattr(invocation, "local_services", lambda invoked: contextlib.nullcontext(made))
        monkeypatch.setattr(sys, "argv", ["rag-flywheel", "golden", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = json.loads(capsys.readouterr().out)
        return said if ended.value.code in (0, None) else (ended.value.code, said["detail"])

    return run


def judge(made: Services) -> None:
    """A document, a span, both with a cluster, and a question that nothing answers."""
    text = {str(found.document_id): found.text for found in read_corpus(made).corpus.documents}["docs/rollback.md"]
    start = text.index("then check")
    for question, documents, evidence, answerable in (
        ("How do I roll back?", ["docs/rollback.md"], [], True),
        ("How long does it take?", [], [span("docs/rollback.md", start, len(text.rstrip()))], True),
        ("Who wrote the router?", [], [], False),
    ):
        new = NewQuestion(
            question=question,
            answer="One second." if answerable else None,
            documents=tuple(map(DocumentId, documents)),
            evidence=tuple(evidence),
            answerable=answerable,
            cluster="rollback" if answerable else None,
        )
        changes.add(new, who="ann", services=made)


def content(made: Services, *, named: bool) -> list[Any]:
    """What was judged, without who did and when; without ids and clusters, where those are not `named`."""

    def told(case: GoldenCase) -> Any:
        quotes = [(each, None if each.quote is None else each.quote.exact) for each in case.evidence]
        said = (case.question, case.answer, case.documents, quotes, case.answerable)
        return (*said, case.case_id, case.cluster) if named else said

    return sorted(map(told, made.ledger.golden_cases()), key=str)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_and_imported_elsewhere_is_judged_the_same(
    made: Services, run: Run, tmp_path: Path, form: str
) -> None:
    judge(made)
    folder = str(tmp_path / "out")
    told = run(made, "export", folder, "--format", form)
    assert (told["questions"], told["left_out"], told["without_judgement"]) == (3, {}, [])
    other = deployment(tmp_path / "there")
    taken = run(other, "import", folder, "--format", form)
    assert (len(taken["added"]), taken["unfound"], taken["left_out"], taken["unjudged"]) == (3, [], [], [])
    named = form != "ragas"
    assert content(other, named=named) == content(made, named=named)
    assert len(run(other, "import", folder, "--format", form)["skipped"]) == 3


@pytest.mark.parametrize("form", ["beir", "datasets"])
def test_an_export_is_known_again_where_it_was_made(made: Services, run: Run, tmp_path: Path, form: str) -> None:
    judge(made)
    run(made, "export", str(tmp_path / "out"), "--format", form)
    taken = run(made, "import", str(tmp_path / "out"), "--format", form)
    assert (taken["added"], len(taken["skipped"])) == ([], 3)


def test_what_moved_and_what_is_gone_elsewhere_is_found_again_or_listed(
    made: Services, run: Run, tmp_path: Path
) -> None:
    judge(made)
    run(made, "export", str(tmp_path / "out"))
    said = PAGES["rollback.md"].partition("\n\n")[2]
    moved = {"manual.md": f"# Manual\n\nRead this first, all of you.\n\n{said}"}
    other = deployment(tmp_path / "there", moved)
    taken = run(other, "import", str(tmp_path / "out"))
    gone = {"case_id": taken["left_out"][0], "passage": "docs/rollback.md"}
    assert (len(taken["added"]), len(taken["left_out"]), gone in taken["unfound"]) == (2, 1, True)
    [found] = [case for case in other.ledger.golden_cases() if case.evidence]
    assert found.evidence[0].document_id == "docs/manual.md"
    assert found.evidence[0].quote is not None
    assert found.evidence[0].quote.exact.startswith("then check the report.")


def test_qrels_that_somebody_edited_count(made: Services, run: Run, tmp_path: Path) -> None:
    judge(made)
    out = tmp_path / "out"
    run(made, "export", str(out))
    qrels = out / "qrels" / "test.tsv"
    heading, first, second = qrels.read_text().splitlines()
    corpus = map(json.loads, (out / "corpus.jsonl").read_text().splitlines())
    install = next(row["_id"] for row in corpus if "install" in row["metadata"]["document_id"])
    name = first.partition("\t")[0]
    qrels.write_text("\n".join([heading, f"{name}\t{install}\t1", second]))
    other = deployment(tmp_path / "there")
    run(other, "import", str(out))
    changed = next(case for case in other.ledger.golden_cases() if case.case_id == f"golden:{name}")
    assert [each.document_id for each in changed.evidence] + list(changed.documents) == ["docs/install.md"]


def test_a_corpus_of_another_tool_is_found_by_its_words(made: Services, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    sentence = PAGES["install.md"].partition("\n\n")[2].strip()
    rows = [{"_id": "d7", "title": "", "text": sentence}, {"_id": "d8", "title": "", "text": "Of something else."}]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "queries.jsonl").write_text('{"_id": "1", "text": "How?"}\n{"_id": "2", "text": "What?"}')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\td7\t1\n1\td8\t1\n2\td8\t1\n")
    taken = run(made, "import", str(folder))
    assert taken["added"] == ["golden:1"]
    assert taken["left_out"] == ["golden:2"]
    assert taken["unfound"] == [{"case_id": f"golden:{name}", "passage": "d8"} for name in ("1", "2")]
    [kept] = made.ledger.golden_cases()
    assert [each.document_id for each in kept.evidence] == ["docs/install.md"]


def test_ragas_reads_what_is_written_for_it(made: Services, run: Run, tmp_path: Path) -> None:
    judge(made)
    run(made, "export", str(tmp_path / "out"), "--format", "ragas")
    samples = EvaluationDataset.from_jsonl(tmp_path / "out" / "samples.jsonl").to_list()
    assert {sample["user_input"] for sample in samples} >= {"How do I roll back?", "Who wrote the router?"}
    [span_] = [sample for sample in samples if sample["user_input"] == "How long does it take?"]
    assert (span_["reference"], span_["reference_contexts"]) == ("One second.", [SPAN])


def test_a_file_that_ragas_wrote_is_found_by_its_contexts(made: Services, run: Run, tmp_path: Path) -> None:
    sentence = PAGES["install.md"].partition("\n\n")[2].strip()
    sample = {"user_input": "How?", "reference": "So.", "reference_contexts": [sentence], "query_style": "WEB_SEARCH"}
    (tmp_path / "one.jsonl").write_text("\n".join(map(json.dumps, [sample, {"user_input": "And what?"}])))
    taken = run(made, "import", str(tmp_path / "one.jsonl"), "--format", "ragas")
    assert (len(taken["added"]), taken["unjudged"], taken["unfound"]) == (1, ["golden:line 2"], [])
    [kept] = made.ledger.golden_cases()
    assert (kept.question, kept.answer, kept.evidence[0].document_id) == ("How?", "So.", "docs/install.md")


def test_datasets_reads_what_is_written_and_its_parquet_is_read(made: Services, run: Run, tmp_path: Path) -> None:
    judge(made)
    run(made, "export", str(tmp_path / "out"), "--format", "datasets")
    tables = datasets.load_from_disk(str(tmp_path / "out"))
    assert {name: len(rows) for name, rows in tables.items()} == {"queries": 3, "corpus": 2, "qrels": 2}
    for name, rows in tables.items():
        rows.to_parquet(str(tmp_path / "hub" / name / "0.parquet"))
    other = deployment(tmp_path / "there")
    run(other, "import", str(tmp_path / "hub"), "--format", "datasets")
    assert content(other, named=True) == content(made, named=True)


def test_a_corrected_question_of_who_agrees_to_no_evaluation_is_not_exported(
    made: Services, run: Run, tmp_path: Path
) -> None:
    for name, user in (("1", "ada"), ("2", "bob")):
        asked = interaction(f"i{name}", user=pseudonym(user, made.ledger.salt()), question=f"How {name}?")
        made.ledger.add_interaction(asked)
        given = correction(f"c{name}", of=f"i{name}", answer="Run it.", evidence=(span("docs/rollback.md"),))
        made.ledger.add_correction(replace(given, question=f"How {name}?"))
        made.ledger.add_review(review(f"c{name}"))
    made.ledger.add_consent(
        ConsentEvent(
            event_id="e1",
            at=made.now(),
            user=pseudonym("bob", made.ledger.salt()),
            session=None,
            state=ConsentState.WITHDRAWN,
            purposes=frozenset({Purpose.EVALUATE}),
            how=Means.API,
            notice="",
            said_by="bob",
        )
    )
    told = run(made, "export", str(tmp_path / "out"))
    written = [json.loads(line)["_id"] for line in (tmp_path / "out" / "queries.jsonl").read_text().splitlines()]
    assert (told["left_out"], written) == ({"no consent": 1}, ["correction:c1"])


def test_corrected_and_confirmed_questions_that_are_sensitive_are_neither_exported_nor_counted(
    run: Run, tmp_path: Path
) -> None:
    made = deployment(tmp_path / "here", settings=f"{SETTINGS}privacy: {{sensitive_groups: [patients]}}\n")
    text = {str(found.document_id): found.text for found in read_corpus(made).corpus.documents}["docs/rollback.md"]
    for name, group in (("1", "patients"), ("2", None), ("3", "patients"), ("4", None)):
        asked = interaction(f"i{name}", question=f"How {name}?", ranking=[shown("docs/rollback.md", 1)], citations=1)
        named: dict[str, Any] = {
            "document_id": DocumentId("docs/rollback.md"),
            "text": text,
            "start": 0,
            "end": len(text),
        }
        cites = replace(asked.citations[0], **named)
        made.ledger.add_interaction(replace(asked, group=group, citations=(cites,)))
        if name in "12":
            given = correction(f"c{name}", of=f"i{name}", answer="Run it.", evidence=(span("docs/rollback.md"),))
            made.ledger.add_correction(replace(given, question=f"How {name}?"))
            made.ledger.add_review(review(f"c{name}"))
        else:
            made.ledger.add_feedback(a_feedback(f"f{name}", of=f"i{name}"))
    told = run(made, "export", str(tmp_path / "out"))
    written = [json.loads(line)["_id"] for line in (tmp_path / "out" / "queries.jsonl").read_text().splitlines()]
    assert (told["left_out"], written) == ({}, ["correction:c2", "confirmed:i4"])


def test_a_folder_that_holds_something_is_not_written_to(made: Services, run: Run, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.txt").write_text("old")
    code, said = run(made, "export", str(tmp_path / "full"))
    assert (code, "not empty" in said) == (2, True)


def test_only_operators_take_the_corpus_away(made: Services) -> None:
    http = door(made)
    rita = key(made, "rita2", Role.REVIEWER)
    assert {http.get(path, headers=rita).status_code for path in ("/golden/export", "/golden/passages")} == {403}
    assert http.get("/golden/passages").json()["after"] is None


def test_passages_come_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag_flywheel.api.golden_export.PAGE", 1)
    http: TestClient = door(deployment(tmp_path / "here"))
    first = http.get("/golden/passages").json()
    rest = http.get("/golden/passages", params={"after": first["after"]}).json()
    documents = [passage["document_id"] for page in (first, rest) for passage in page["passages"]]
    assert (documents, rest["after"]) == (["docs/install.md", "docs/rollback.md"], None)
