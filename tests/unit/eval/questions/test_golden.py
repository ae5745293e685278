"""Cases: where they come from, what answers them, and when they are retired."""

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eval.questions import golden
from eval.questions.golden import Case, Retired, Slice
from eval.questions.rewordings import rewordings
from rag_flywheel.domain import (
    Citation,
    DocumentId,
    GoldenCase,
    Interaction,
    InteractionId,
    Retirement,
    Verdict,
    VersionId,
)
from rag_flywheel.errors import InvalidInput
from tests.fakes.evaluation import case, chunk
from tests.fakes.samples import NOON, correction_chunk, reviewed, span


def beir(folder: Path, queries: list[object], qrels: str) -> Path:
    (folder / "qrels").mkdir()
    lines = [query if isinstance(query, str) else json.dumps(query) for query in queries]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels, encoding="utf-8")
    return folder


def test_a_beir_folder_becomes_cases_in_the_order_of_its_queries(tmp_path: Path) -> None:
    queries = [
        {"_id": "q2", "text": "How do I pair it?", "answer": "Press both.", "cluster": "pairing", "metadata": {}},
        {"_id": 1, "text": "Where is the LOG?", "answer": ""},
    ]
    cases = golden.load_beir(beir(tmp_path, queries, "q2\td1\t1\nq2\td2\t2\nq2\td3\t0\n1\td9\t1\n"))
    assert cases == [
        case(
            "golden:q2",
            "d1",
            "d2",
            question="How do I pair it?",
            cluster="pairing",
            slice=Slice.GOLDEN,
            answer="Press both.",
        ),
        case("golden:1", "d9", question="Where is the LOG?", cluster="where is the log", slice=Slice.GOLDEN),
    ]


def test_a_question_that_nothing_answers_is_a_case_for_refusal_without_reference(tmp_path: Path) -> None:
    queries = [{"_id": "q1", "text": "Who?", "answer": "I cannot say.", "answerable": False}]
    [only] = golden.load_beir(beir(tmp_path, queries, ""))
    assert (only.answerable, only.answer, only.documents) == (False, None, frozenset())


def test_unjudged_questions_are_left_out_and_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queries = [{"_id": "q1", "text": "One?"}, {"_id": "q2", "text": "Two?"}]
    with caplog.at_level(logging.WARNING):
        cases = golden.load_beir(beir(tmp_path, queries, "q1\td1\t1\n"))
    assert [asked.case_id for asked in cases] == ["golden:q1"]
    assert "1 of 2 questions" in caplog.text
    assert "Two?" not in caplog.text


@pytest.mark.parametrize(
    ("queries", "qrels", "message"),
    [
        (['{"_id": "q1", "text"'], "", r"queries\.jsonl:1: not JSON"),
        (['{"_id": ' + "9" * 5000 + "}"], "", r"queries\.jsonl:1: not JSON that can be read"),
        (["[" * 100_000], "", r"queries\.jsonl:1: not JSON that can be read"),
        ([["q1"]], "", r"queries\.jsonl:1: expected an object"),
        ([{"text": "No id?"}], "", r"queries\.jsonl:1: _id"),
        ([{"_id": "q1", "text": "One?"}, {"_id": "q2", "text": " "}], "", r"queries\.jsonl:2: text"),
        ([{"_id": "q1", "text": "One?", "answerable": "no"}], "", r"queries\.jsonl:1: answerable should be bool"),
        ([{"_id": "q1", "text": "One?"}, {"_id": "q1", "text": "Two?"}], "", r"queries\.jsonl:2: _id q1 came before"),
        ([{"_id": "q1", "text": "One?"}], "q1\td1\n", r"test\.tsv:2: expected"),
        ([{"_id": "q1", "text": "One?"}], "q1\td1\tgood\n", r"test\.tsv:2: expected"),
        ([{"_id": "q1", "text": "One?"}], "q9\td1\t1\n", r"test\.tsv:2: there is no query q9"),
        ([{"_id": "q1", "text": "One?"}], "", "none of 1 queries is judged"),
    ],
)
def test_a_mistake_in_a_beir_folder_is_named_with_file_and_line(
    tmp_path: Path, queries: list[object], qrels: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        golden.load_beir(beir(tmp_path, queries, qrels))


def test_a_folder_that_is_no_golden_set_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"queries\.jsonl and qrels/test\.tsv"):
        golden.load_beir(tmp_path)


def test_only_accepted_corrections_become_cases_with_the_reviewed_wording() -> None:
    some = [
        reviewed("a", wording="As reviewed.", evidence=[span("d1", 0, 9)]),
        reviewed("b", verdict=Verdict.REJECT),
        reviewed("c", verdict=None),
    ]
    [only] = golden.from_corrections(some, slice=Slice.CORRECTED)
    assert only.answer == "As reviewed."
    assert only.relevant_documents == {"correction:a", "d1"}
    assert (only.slice, only.cluster, only.made) == (Slice.CORRECTED, "what about a", False)


def interaction(name: str, *, answered: bool = True, consent: bool = True, cited: bool = True) -> Interaction:
    citation = Citation(number=1, document_id=DocumentId("d1"), title="", text="x" * 9, start=3, end=12, score=1.0)
    return Interaction(
        interaction_id=InteractionId(name),
        asked=datetime(2025, 1, 1, tzinfo=UTC),
        user=None,
        session=None,
        question="And how?",
        query="How do I pair it?",
        answer="Press both. [1]",
        answered=answered,
        version_id=VersionId("v1"),
        arm="control",
        generator="extractive",
        ranking=(),
        shown=0,
        citations=(citation, citation) if cited else (),
        consent=consent,
        seconds=0.1,
    )


def test_a_confirmed_answer_is_answered_by_the_spans_that_it_cited() -> None:
    unusable = [interaction("r", answered=False), interaction("n", consent=False), interaction("u", cited=False)]
    [only] = golden.from_confirmed([interaction("i1"), *unusable])
    assert only == Case(
        case_id="confirmed:i1",
        question="How do I pair it?",
        cluster="how do i pair it",
        slice=Slice.CONFIRMED,
        answer="Press both. [1]",
        documents=frozenset(),
        evidence=(span("d1", 3, 12),),
        answerable=True,
        made=False,
    )


def test_a_chunk_is_relevant_by_its_document_or_by_an_overlapping_span() -> None:
    asked = case("c", "whole", evidence=[span("part", 10, 20)])
    assert golden.relevant(asked, chunk("whole"))
    assert golden.relevant(asked, chunk("part", "x" * 15))
    assert not golden.relevant(asked, chunk("part", "x" * 10))
    assert not golden.relevant(asked, chunk("other"))


def test_a_correction_that_supersedes_the_evidence_takes_its_place() -> None:
    asked = case("c", evidence=[span("d1", 10, 20)])
    assert golden.satisfied(asked, correction_chunk("new", supersedes=[span("d1", 0, 11)])) == ["d1#10-20"]
    assert not golden.relevant(asked, correction_chunk("new", supersedes=[span("d1", 20, 30)]))


def test_a_correction_answers_every_wording_of_its_cluster_and_no_other_question() -> None:
    corrected = case("a", "correction:1", cluster="g", slice=Slice.CORRECTED)
    wording, other, refusal = case("b", "d1", cluster="g"), case("c", "d1", cluster="h"), case("d", cluster="g")
    found = golden.with_corrections([corrected, wording, other, refusal])
    assert [sorted(asked.documents) for asked in found] == [["correction:1"], ["correction:1", "d1"], ["d1"], []]


def test_a_case_is_retired_when_all_that_answers_it_is_gone_but_never_a_refusal() -> None:
    half, gone, refusal = case("half", "d1", "d2"), case("gone", evidence=[span("d3", 0, 5)]), case("refusal")
    kept, retired = golden.stale([half, gone, refusal], {DocumentId("d2")})
    assert kept == [half, refusal]
    assert retired == [gone]


def recorded(name: str, *, question: str = "How do I pair it?", answer: str | None = None) -> GoldenCase:
    return GoldenCase(
        case_id=name,
        added=NOON,
        who="ann",
        origin="added",
        question=question,
        cluster="pairing",
        answer=answer,
        documents=(DocumentId("d2"), DocumentId("d1")),
        evidence=(span("d3", 0, 5),),
        answerable=True,
    )


def retirement(of: str, *, why: str = "asked twice") -> Retirement:
    return Retirement(case_id=of, retired=NOON, who="rita", why=why)


def test_the_golden_set_is_the_folder_and_what_the_ledger_has_besides() -> None:
    mine = case("golden:q1", "d9", question="As the folder says?")
    found = golden.collected([mine], [recorded("golden:q1"), recorded("golden:added-1", answer="Press both.")])
    assert found == [
        mine,
        case(
            "golden:added-1",
            "d1",
            "d2",
            question="How do I pair it?",
            cluster="pairing",
            answer="Press both.",
            evidence=[span("d3", 0, 5)],
        ),
    ]


def test_the_content_of_a_case_differs_by_each_thing_that_it_says_and_not_by_their_order() -> None:
    original = case("a", "d1", "d2", evidence=[span("e", 0, 5), span("e", 7, 9)], answer="Yes.")
    same = case("a", "d2", "d1", evidence=[span("e", 7, 9), span("e", 0, 5)], answer="Yes.")
    others = [
        replace(original, case_id="b"),
        replace(original, question="Other?"),
        replace(original, cluster="other"),
        replace(original, answer=None),
        replace(original, documents=frozenset({DocumentId("d1")})),
        replace(original, evidence=(span("e", 0, 6),)),
    ]
    assert golden.content(same) == golden.content(original)
    assert all(golden.content(other) != golden.content(original) for other in others)


def test_retired_cases_tell_who_retired_them_or_what_is_gone() -> None:
    fine, dropped = case("fine", "d1"), case("dropped", "d1")
    gone = case("gone", "a", "b", "c", evidence=[span("d", 0, 5)])
    kept, retired = golden.settled(
        [dropped, gone, fine], document_ids={DocumentId("d1")}, retired={"dropped": retirement("dropped")}
    )
    assert kept == [fine]
    assert [(out.case, out.stale) for out in retired] == [(dropped, False), (gone, True)]
    assert retired[0].reason == "retired by rita: asked twice"
    assert retired[1].reason == "its evidence is gone: the sources no longer hold a, b, c and 1 more"


def test_a_retired_case_is_told_once_even_where_its_evidence_is_gone_too() -> None:
    both = case("both", "gone")
    kept, retired = golden.settled([both], document_ids=set(), retired={"both": retirement("both")})
    assert kept == []
    assert [out.stale for out in retired] == [False]


def test_a_retired_correction_takes_its_wordings_and_the_guard_of_its_evidence_along() -> None:
    correction = reviewed("a", evidence=[span("d1", 0, 9)])
    target = golden.from_corrections([correction], slice=Slice.CORRECTED)
    wordings = rewordings(target, chunks=[chunk("d1")], seed=0, rephrase=None)
    others = [case("asked", "d1"), case("golden:a", "d1"), case("confirmed:a", "d1")]
    assert wordings
    cases = [*target, *golden.by_evidence([correction]), *wordings]
    assert {golden.listed_as(asked.case_id) for asked in cases} == {"correction:a"}
    assert golden.in_use([*cases, *others], {"correction:a"}) == others


def test_the_stale_share_counts_judged_questions_that_nobody_retired() -> None:
    made = case("made", "d", slice=Slice.KNOWN_ITEM)
    gone, made_gone = (Retired(case=asked, reason="gone", stale=True) for asked in (case("c", "d"), made))
    dropped = Retired(case=case("e", "d"), reason="retired by rita", stale=False)
    assert golden.stale_share([case("a", "d"), case("b", "d"), made], [gone, made_gone, dropped]) == 1 / 3
    assert golden.stale_share([], [gone]) == 1.0
    assert golden.stale_share([made], [made_gone, dropped]) == 0.0


def test_a_case_names_what_answers_it_exactly_when_it_is_answerable() -> None:
    with pytest.raises(ValueError, match="case c"):
        Case(
            case_id="c",
            question="Why?",
            cluster="why",
            slice=Slice.GOLDEN,
            answer=None,
            documents=frozenset(),
            evidence=(),
            answerable=True,
            made=False,
        )
