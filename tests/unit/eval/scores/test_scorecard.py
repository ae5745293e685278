"""Replies to scores."""

from dataclasses import replace

import pytest

from eval.questions.golden import Slice
from eval.scores import scorecard
from eval.scores.scorecard import Summary
from tests.fakes.encoder import HashingEncoder
from tests.fakes.evaluation import case, chunk, reply
from tests.fakes.judging import a_good_judge, judge_at
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.samples import correction_chunk, span


def ignore(done: int, total: int) -> None:
    """Progress is tested where it matters."""


def test_every_case_is_asked_once_and_progress_is_told() -> None:
    asked: list[str] = []
    steps: list[tuple[int, int]] = []

    def ask(question: str) -> scorecard.Reply:
        asked.append(question)
        return reply(chunk("d"))

    cases = [case("a", "d"), case("b", "d")]
    replies = scorecard.answer_all(cases, ask, lambda done, total: steps.append((done, total)))
    assert asked == ["question a", "question b"]
    assert list(replies) == ["a", "b"]
    assert steps == [(1, 2), (2, 2)]


def test_ranking_metrics_follow_the_place_of_the_first_answer() -> None:
    asked = case("a", "right", answer="An answer.")
    card = scorecard.scorecard(
        [asked],
        {"a": reply(chunk("wrong"), chunk("right"), chunk("other"))},
        references={"a": ["Some text of a source."]},
        encoder=HashingEncoder(),
        judge=None,
        on_step=ignore,
    )
    scores = card.values["a"]
    assert (scores["hit_at_1"], scores["reciprocal_rank"], scores["refusal_correct"]) == (0.0, 0.5, 1.0)
    assert scores["id_based_context_precision"] == pytest.approx(1 / 3)
    assert scores["id_based_context_recall"] == 1.0
    assert scores["non_llm_context_recall"] == 1.0
    assert scores["semantic_similarity"] == pytest.approx(1.0)
    assert scores["rouge_l"] == pytest.approx(1.0)


def test_a_document_in_many_chunks_counts_once() -> None:
    asked = case("a", "long", "short")
    pieces = [chunk("long", start=start) for start in (0, 100, 200)]
    card = scorecard.scorecard(
        [asked],
        {"a": reply(*pieces, chunk("short"))},
        references={},
        encoder=HashingEncoder(),
        judge=None,
        on_step=ignore,
    )
    assert card.values["a"]["ndcg_at_10"] == pytest.approx(1.0)
    assert card.values["a"]["id_based_context_precision"] == 1.0


def test_what_stands_below_what_the_generator_saw_counts_for_the_ranking_but_not_as_context() -> None:
    asked = case("a", evidence=[span("d", 0, 10)])
    card = scorecard.scorecard(
        [asked],
        {"a": reply(chunk("x"), chunk("y"), chunk("d"), shown=2)},
        references={},
        encoder=HashingEncoder(),
        judge=None,
        on_step=ignore,
    )
    assert card.values["a"]["reciprocal_rank"] == pytest.approx(1 / 3)
    assert card.values["a"]["id_based_context_recall"] == 0.0


def test_a_case_about_the_sources_is_scored_as_if_there_were_no_corrections() -> None:
    ranking = reply(correction_chunk("c1"), chunk("d"), chunk("x"), shown=2)
    cases = [case("with", "d"), replace(case("without", "d"), sources_only=True)]
    card = scorecard.scorecard(
        cases,
        {"with": ranking, "without": ranking},
        references={},
        encoder=HashingEncoder(),
        judge=None,
        on_step=ignore,
    )
    assert (card.values["with"]["hit_at_1"], card.values["without"]["hit_at_1"]) == (0.0, 1.0)
    assert card.values["without"]["id_based_context_precision"] == 0.5  # of the two source passages that come first


def test_a_question_that_nothing_answers_is_scored_by_its_refusal_alone() -> None:
    cases = [case("refused"), case("answered")]
    card = scorecard.scorecard(
        cases,
        {"refused": reply(chunk("x"), answer=None), "answered": reply(chunk("x"))},
        references={},
        encoder=HashingEncoder(),
        judge=None,
        on_step=ignore,
    )
    assert card.values == {"refused": {"refusal_correct": 1.0}, "answered": {"refusal_correct": 0.0}}


def test_one_judge_and_its_budget_serve_the_scorecards_of_both_versions() -> None:
    asked = case("a", "d", answer="An answer.")
    answers = {"control": "An answer.", "treatment": "Another answer."}
    with OpenAIServer(reply=a_good_judge) as server:
        judge = judge_at(server, maximum_calls=12)
        cards = {
            name: scorecard.scorecard(
                [asked],
                {"a": reply(chunk("d"), answer=answer)},
                references={},
                encoder=HashingEncoder(),
                judge=judge,
                on_step=ignore,
            )
            for name, answer in answers.items()
        }
    assert set(cards["control"].values["a"]) == set(scorecard.METRICS) - {
        "non_llm_context_precision",
        "non_llm_context_recall",
    }
    assert cards["control"].values["a"]["faithfulness"] == 1.0
    assert cards["treatment"].values["a"]["context_recall"] == 1.0  # the same passages as before
    assert None not in cards["control"].values["a"].values()
    assert None in cards["treatment"].values["a"].values()
    assert judge.costs.calls == len(server.requests) == 12


def test_a_summary_counts_failures_and_averages_only_what_was_scored() -> None:
    cases = [case("a", "d"), case("b", "d"), case("c", "d", slice=Slice.CORRECTED)]
    card = scorecard.Scorecard(
        cases=tuple(cases),
        values={"a": {"hit_at_1": 1.0, "faithfulness": None}, "b": {"hit_at_1": 0.0}, "c": {"hit_at_1": 1.0}},
    )
    assert card.summary == {
        Slice.CORRECTED: {"hit_at_1": Summary(mean=1.0, scored=1, failed=0)},
        Slice.GOLDEN: {
            "hit_at_1": Summary(mean=0.5, scored=2, failed=0),
            "faithfulness": Summary(mean=None, scored=0, failed=1),
        },
    }


def test_reference_texts_are_those_of_every_chunk_that_answers_in_a_fixed_order() -> None:
    old = span("d1", 0, 10)
    chunks = [
        correction_chunk("new", answer="What is right now.", supersedes=[old]),
        chunk("d2", "The second.", start=50),
        chunk("d2", "The first.", start=0),
        chunk("d1", "Mostly old."),
        chunk("d3", "Not about it."),
    ]
    cases = [case("a", "d2", evidence=[old]), case("b", "d3"), case("none")]
    assert scorecard.reference_texts(cases, chunks) == {
        "a": ("What is right now.", "Mostly old.", "The first.", "The second."),
        "b": ("Not about it.",),
        "none": (),
    }
    assert scorecard.reference_texts(cases, chunks[::-1]) == scorecard.reference_texts(cases, chunks)
