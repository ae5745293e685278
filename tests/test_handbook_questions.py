"""The golden set of the project's own handbook, held to the handbook."""

import json
from typing import Any

from eval.questions.golden import load_beir
from tests.paths import ROOT

GOLDEN = ROOT / "eval" / "golden"
PAGES = sorted((ROOT / "docs").glob("*.md"))


def _queries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / "queries.jsonl").read_text(encoding="utf-8").splitlines()]


def _judgements() -> list[tuple[str, str, int]]:
    header, *lines = (GOLDEN / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
    assert header == "query-id\tcorpus-id\tscore"
    rows = [line.split("\t") for line in lines]
    return [(query, document, int(score)) for query, document, score in rows]


def test_a_golden_judgement_names_a_question_and_a_page_that_exist() -> None:
    known = {query["_id"] for query in _queries()}
    for query, document, score in _judgements():
        assert query in known, f"{query} is judged and not asked"
        assert (ROOT / document) in PAGES, f"{query} is judged with {document}, which is no page of the handbook"
        assert score > 0


def test_a_golden_question_is_judged_exactly_when_it_can_be_answered() -> None:
    queries = _queries()
    assert len({query["_id"] for query in queries}) == len(queries)
    answerable = {query["_id"] for query in queries if query["answerable"]}
    assert {query for query, _, _ in _judgements()} == answerable
    assert all(bool(query["answer"]) == query["answerable"] for query in queries)
    assert not any("windows" in query["text"].lower() for query in queries)


def test_the_golden_set_is_read_whole_by_the_gate() -> None:
    assert len(load_beir(GOLDEN)) == len(_queries())


def test_every_page_of_the_handbook_answers_a_golden_question() -> None:
    judged = {document for _, document, _ in _judgements()}
    assert {page.relative_to(ROOT).as_posix() for page in PAGES} - judged - {
        "docs/decisions.md",
        "docs/measurements.md",
    } == set()
