"""A candidate's questions: what is tested, and what may be learned from."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval.questions.golden import Case, Slice
from eval.questions.known_items import Nearby, Rephrase
from eval.questions.splits import is_tuning
from ingest.reading.raw import Skipped
from rag_flywheel.cycle.candidate_cases import (
    FromCorpus,
    FromPeople,
    asked_by_the_gate,
    cases,
    lessons,
)
from rag_flywheel.domain import CorrectionId, DocumentId, Interaction, InteractionId, Manifest, ReviewedCorrection
from tests.fakes.evaluation import case, chunk, manifest
from tests.fakes.samples import interaction, reviewed, shown, span

NOTHING = FromCorpus(chunks=(), known_items=0, seed=0, rephrase=None)


def made(
    *, control: tuple[str, ...] | None = None, judged: Sequence[Case] = (), skipped: Sequence[Skipped] = ()
) -> dict[str, Case]:
    """Two corrections of which the control holds those named, and what people judged; by the case's id."""
    evidence = [span("guide", 0, 9)]
    corrections = [
        reviewed("c1", evidence=evidence),
        reviewed("c2", wording="Turn the tap off first.", evidence=evidence),
    ]
    before = None if control is None else replace(manifest(), corrections=tuple(map(CorrectionId, control)))
    return {case.case_id: case for case in found(corrections, judged=judged, control=before, skipped=skipped)}


def found(
    corrections: Sequence[ReviewedCorrection],
    *,
    confirmed: Sequence[Interaction] = (),
    judged: Sequence[Case] = (),
    control: Manifest | None = None,
    skipped: Sequence[Skipped] = (),
    corpus: FromCorpus = NOTHING,
) -> list[Case]:
    people = FromPeople(corrections=corrections, confirmed=confirmed, judged=judged)
    return cases(people, corpus, control=control, skipped=skipped)


def test_new_corrections_are_the_target_and_old_ones_guards() -> None:
    by_id = made(control=("c1",))
    assert by_id["correction:c1"].slice is Slice.CONFIRMED
    assert by_id["correction:c2"].slice is Slice.CORRECTED


def test_a_new_correction_with_evidence_also_guards_what_search_makes_of_the_sources() -> None:
    """Confirmed answers were right by selection; a better ranking shows on the questions that were not."""
    by_id = made(control=("c1",))
    assert "asked:c1" not in by_id  # its correction is live already, and guarded as such
    guard = by_id["asked:c2"]
    assert (guard.slice, guard.sources_only, guard.cluster) == (Slice.CONFIRMED, True, by_id["correction:c2"].cluster)
    assert guard.documents == frozenset()
    assert guard.evidence == by_id["correction:c2"].evidence != ()


def test_a_guard_on_the_sources_teaches_nothing_of_its_own() -> None:
    taught = lessons(
        list(made().values()), corrections=[reviewed("c1"), reviewed("c2")], interaction=asked, weights={}, seed=0
    )
    assert all(lesson.documents for lesson in (*taught.corrections, *taught.others, *taught.ranking))


def test_a_judgement_of_a_duplicate_counts_for_the_document_that_was_kept() -> None:
    skipped = [Skipped(name="copy", reason="says the same", same_as=DocumentId("guide"))]
    assert made(judged=[case("g", "copy")], skipped=skipped)["g"].documents == {"copy", "guide"}


def test_a_correction_that_says_the_same_as_a_judged_answer_answers_its_question() -> None:
    agreeing = case("same", "guide", answer="The author's answer about c1")
    other = case("other", "guide", answer="Something else altogether, in other words.")
    by_id = made(judged=[agreeing, other])
    assert by_id["same"].documents == {"guide", "correction:c1"}
    assert by_id["other"].documents == {"guide"}


@pytest.mark.parametrize(
    ("wording", "answers"),
    [
        ("Hold the reset button on the back of the hub for ten seconds, until its light turns white.", True),
        ("Hold the reset button on the back of the hub for two seconds, until its light turns white.", False),
        ("Do not hold the reset button on the back of the hub for ten seconds until its light turns white.", False),
    ],
)
def test_a_correction_with_another_number_or_a_negation_does_not_say_the_same(wording: str, answers: bool) -> None:
    judged = case(
        "reset",
        "guide",
        answer="Hold the reset button on the back of the hub for ten seconds until the light turns white.",
    )
    by_id = {each.case_id: each for each in found([reviewed("c1", wording=wording)], judged=[judged])}
    assert by_id["reset"].documents == ({"guide", "correction:c1"} if answers else {"guide"})


def test_the_gate_asks_the_half_that_tuning_does_not_see_and_every_correction() -> None:
    judged = [case(f"g{number}", "guide", question=f"What of matter {number} is it?") for number in range(40)]
    by_id = made(judged=judged)
    asked = {case.case_id for case in asked_by_the_gate(list(by_id.values()), seed=0)}
    assert {"correction:c1", "correction:c2"} <= asked
    half = {name for name in asked if name.startswith("g")}
    tested = {name for name, case in by_id.items() if not is_tuning(case.cluster, seed=0)}
    assert half == {name for name in tested if name.startswith("g")}
    assert 5 < len(half) < 35


def test_no_group_that_the_gate_tests_is_among_the_lessons_of_the_ranking() -> None:
    judged = [case(f"g{number}", "guide", question=f"What of matter {number} is it?") for number in range(40)]
    taught = lessons(
        list(made(judged=judged).values()),
        corrections=[reviewed("c1"), reviewed("c2")],
        interaction=asked,
        weights={},
        seed=0,
    )
    assert len(taught.corrections) == 2
    assert all(is_tuning(lesson.cluster, seed=0) for lesson in (*taught.others, *taught.ranking))
    corrected = {lesson.question for lesson in taught.corrections}
    assert not {other.question for other in taught.others} & corrected


def asked(interaction_id: InteractionId) -> Interaction:
    ranking = [shown("guide", 1, start=0, end=10), shown("faq", 2), shown("deep", 3)]
    return replace(interaction("i1", ranking=ranking), shown=2)


def test_the_hard_negatives_of_a_correction_are_the_shown_passages_that_do_not_support_it() -> None:
    correction = reviewed("c1", evidence=[span("guide", 5, 8)])
    taught = lessons(found([correction]), corrections=[correction], interaction=asked, weights={}, seed=0)
    (lesson,) = taught.corrections
    assert [span.document_id for span in lesson.rejected] == ["faq"]
    assert lesson.corrected


def test_a_confirmed_answer_weighs_as_people_trusted_it_and_its_correction_the_other_way_round() -> None:
    praised = [interaction(f"p{number}", question=f"What of matter {number} is it?") for number in range(20)]
    judged = [case(f"g{number}", "guide", question=f"Which of case {number} was meant?") for number in range(20)]
    correction = reviewed("c1")
    asked_for = found([correction], confirmed=praised, judged=judged)
    weights = {InteractionId("i1"): 0.75, **{praise.interaction_id: 1.25 for praise in praised[:10]}}
    taught = lessons(asked_for, corrections=[correction], interaction=asked, weights=weights, seed=0)
    assert [lesson.weight for lesson in taught.corrections] == [1.25]
    trusted = {praise.query for praise in praised[:10]}
    assert {lesson.question in trusted for lesson in taught.others} == {True, False}
    assert all(lesson.weight == (1.25 if lesson.question in trusted else 1.0) for lesson in taught.others)
    assert tuple(lesson for lesson in taught.ranking if not lesson.corrected) == taught.others


def test_weights_make_no_lesson() -> None:
    both = list(made().values())
    corrections = [reviewed("c1"), reviewed("c2")]
    without = lessons(both, corrections=corrections, interaction=asked, weights={}, seed=0)
    weights = {InteractionId("nobody judged it"): 1.5}
    assert lessons(both, corrections=corrections, interaction=asked, weights=weights, seed=0) == without


# --- questions that only the gate asks ------------------------------------------------------------------------------

PASSAGES = {
    "boiler": "Turn the gas tap to the left and hold the ignition button for ten seconds.",
    "pump": "Rinse both meshes under running water and let them dry for a whole day.",
    "lamp": "Unscrew the glass dome before taking out used bulbs with a dry cloth.",
}
CHUNKS = [chunk(name, text, source=f"{name}.md") for name, text in PASSAGES.items()]
CORRECTED = replace(reviewed("c1").correction, question="Which varnish suits the garden fence?")
VARNISHED = replace(reviewed("c1"), correction=CORRECTED)
NEAR = Nearby(
    question=CORRECTED.question,
    answer=CORRECTED.answer,
    spans=(),
    chunks=tuple(piece.chunk_id for piece in CHUNKS),
)


def told(
    *, near: tuple[Nearby, ...] = (), reworded: bool = False, rephrase: Rephrase | None = None, known_items: int = 0
) -> list[Case]:
    corpus = FromCorpus(
        chunks=CHUNKS,
        known_items=known_items,
        neighbours=2,
        near=near,
        reworded=reworded,
        seed=0,
        rephrase=rephrase,
    )
    return found([VARNISHED], corpus=corpus)


def of(slice: Slice, asked_for: Sequence[Case]) -> list[Case]:
    return [case for case in asked_for if case.slice is slice]


def test_passages_near_a_correction_are_asked_for_by_the_gate_whichever_half_they_are_in() -> None:
    asked_for = told(near=(NEAR,))
    near = of(Slice.NEIGHBOUR, asked_for)
    assert len(near) == 2
    assert all(case.made and case.evidence for case in near)
    assert set(near) <= set(asked_by_the_gate(asked_for, seed=0))
    assert of(Slice.NEIGHBOUR, told()) == []


def test_no_passage_is_asked_for_both_as_a_neighbour_and_as_a_known_item() -> None:
    questions = [case.question for case in told(near=(NEAR,), known_items=1) if case.made]
    assert len(questions) == len(set(questions)) == 3


def test_other_wordings_of_a_new_correction_are_targets_of_its_group_and_the_gate_asks_them() -> None:
    asked_for = told(reworded=True)
    [corrected] = of(Slice.CORRECTED, asked_for)
    wordings = of(Slice.PARAPHRASE, asked_for)
    assert wordings
    assert {wording.cluster for wording in wordings} == {corrected.cluster}
    assert all(wording.documents == corrected.documents and wording.made for wording in wordings)
    assert set(wordings) <= set(asked_by_the_gate(asked_for, seed=0))
    assert of(Slice.PARAPHRASE, told()) == []


def test_where_a_language_model_rephrases_its_wordings_are_asked() -> None:
    def rephrase(text: str, count: int) -> list[str]:
        return [f"Put otherwise: {text}"][:count]

    asked_for = told(reworded=True, rephrase=rephrase, near=(NEAR,), known_items=1)
    made_by_it = {case.slice for case in asked_for if case.question.startswith("Put otherwise")}
    assert made_by_it == {Slice.PARAPHRASE, Slice.NEIGHBOUR, Slice.KNOWN_ITEM}


def test_a_wording_of_a_correction_teaches_nothing_of_its_own() -> None:
    taught = lessons(told(), corrections=[VARNISHED], interaction=asked, weights={}, seed=0)
    everything = (*taught.corrections, *taught.others, *taught.ranking)
    assert {lesson.question for lesson in everything} == {CORRECTED.question}
