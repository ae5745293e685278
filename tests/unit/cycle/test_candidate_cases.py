"""A candidate's questions: what is tested, and what may be learned from."""

from dataclasses import replace

from eval.questions.golden import Slice
from eval.questions.known_items import Nearby
from eval.questions.splits import is_tuning
from ingest.reading.raw import Skipped
from rag_flywheel.cycle.candidate_cases import asked_by_the_gate, cases, lessons, moved, widened
from rag_flywheel.domain import CorrectionId, DocumentId, Interaction, InteractionId
from tests.fakes.evaluation import case, chunk, manifest
from tests.fakes.samples import interaction, reviewed, shown, span


def made(*, control: tuple[str, ...] | None = None, judged=(), skipped=(), known=()):  # type: ignore[no-untyped-def]
    evidence = [span("guide", 0, 9)]
    corrections = [
        reviewed("c1", evidence=evidence),
        reviewed("c2", wording="Turn the tap off first.", evidence=evidence),
    ]
    before = None if control is None else replace(manifest(), corrections=tuple(CorrectionId(one) for one in control))
    found = cases(
        corrections=corrections,
        confirmed=[],
        judged=judged,
        known=known,
        known_at_most=10,
        control=before,
        skipped=skipped,
        seed=0,
        rephrase=None,
    )
    return {one.case_id: one for one in found}


def test_new_corrections_are_the_target_and_old_ones_guards() -> None:
    found = made(control=("c1",))
    assert found["correction:c1"].slice is Slice.CONFIRMED
    assert found["correction:c2"].slice is Slice.CORRECTED


def test_a_new_correction_with_evidence_also_guards_what_search_makes_of_the_sources() -> None:
    """Confirmed answers were right by selection; a better ranking shows on the questions that were not."""
    found = made(control=("c1",))
    assert "asked:c1" not in found  # its correction is live already, and guarded as such
    guard = found["asked:c2"]
    assert (guard.slice, guard.sources_only, guard.group) == (Slice.CONFIRMED, True, found["correction:c2"].group)
    assert guard.documents == frozenset()
    assert guard.evidence == found["correction:c2"].evidence != ()


def test_a_guard_on_the_sources_teaches_nothing_of_its_own() -> None:
    found = list(made().values())
    taught = lessons(found, corrections=[reviewed("c1"), reviewed("c2")], interaction=asked, weights={}, seed=0)
    assert len([one for part in taught for one in part if one.documents == frozenset()]) == 0


def test_a_judgement_of_a_duplicate_counts_for_the_document_that_was_kept() -> None:
    skipped = [Skipped(name="copy", reason="says the same", same_as=DocumentId("guide"))]
    assert made(judged=[case("g", "copy")], skipped=skipped)["g"].documents == {"copy", "guide"}


def test_a_correction_that_says_the_same_as_a_judged_answer_answers_its_question() -> None:
    agreeing = case("same", "guide", answer="The author's answer about c1")
    other = case("other", "guide", answer="Something else altogether, in other words.")
    found = made(judged=[agreeing, other])
    assert found["same"].documents == {"guide", "correction:c1"}
    assert found["other"].documents == {"guide"}


def test_the_gate_asks_the_half_that_tuning_does_not_see_and_every_correction() -> None:
    judged = [case(f"g{number}", "guide", question=f"What of matter {number} is it?") for number in range(40)]
    found = list(made(judged=judged).values())
    asked = {one.case_id for one in asked_by_the_gate(found, seed=0)}
    assert {"correction:c1", "correction:c2"} <= asked
    half = {one.case_id for one in found if one.case_id in asked and one.case_id.startswith("g")}
    assert half == {one.case_id for one in found if one.case_id.startswith("g") and not is_tuning(one.group, seed=0)}
    assert 5 < len(half) < 35


def test_no_group_that_the_gate_tests_is_among_the_lessons_of_the_ranking() -> None:
    judged = [case(f"g{number}", "guide", question=f"What of matter {number} is it?") for number in range(40)]
    found = list(made(judged=judged).values())
    corrections, others, ranking = lessons(
        found, corrections=[reviewed("c1"), reviewed("c2")], interaction=asked, weights={}, seed=0
    )
    assert len(corrections) == 2
    assert all(is_tuning(one.group, seed=0) for one in [*others, *ranking])
    assert not {other.question for other in others} & {correction.question for correction in corrections}


def asked(interaction_id: InteractionId) -> Interaction:
    ranking = [shown("guide", 1, start=0, end=10), shown("faq", 2), shown("deep", 3)]
    return replace(interaction("i1", ranking=ranking), shown=2)


def test_the_hard_negatives_of_a_correction_are_the_shown_passages_that_do_not_support_it() -> None:
    one = reviewed("c1", evidence=[span("guide", 5, 8)])
    found = cases(
        corrections=[one],
        confirmed=[],
        judged=[],
        known=[],
        known_at_most=0,
        control=None,
        skipped=[],
        seed=0,
        rephrase=None,
    )
    (lesson,), _, _ = lessons(found, corrections=[one], interaction=asked, weights={}, seed=0)
    assert [span.document_id for span in lesson.rejected] == ["faq"]
    assert lesson.corrected


def test_a_confirmed_answer_weighs_as_people_trusted_it_and_its_correction_the_other_way_round() -> None:
    praised = [interaction(f"p{number}", question=f"What of matter {number} is it?") for number in range(20)]
    judged = [case(f"g{number}", "guide", question=f"Which of case {number} was meant?") for number in range(20)]
    one = reviewed("c1")
    found = cases(
        corrections=[one],
        confirmed=praised,
        judged=judged,
        known=[],
        known_at_most=0,
        control=None,
        skipped=[],
        seed=0,
        rephrase=None,
    )
    weights = {InteractionId("i1"): 0.75, **{praise.interaction_id: 1.25 for praise in praised[:10]}}
    corrected, others, ranking = lessons(found, corrections=[one], interaction=asked, weights=weights, seed=0)
    assert [lesson.weight for lesson in corrected] == [1.25]
    trusted = {praise.query for praise in praised[:10]}
    assert {lesson.question in trusted for lesson in others} == {True, False}
    assert all(lesson.weight == (1.25 if lesson.question in trusted else 1.0) for lesson in others)
    assert [lesson for lesson in ranking if not lesson.corrected] == others


def test_weights_make_no_lesson() -> None:
    found = list(made().values())
    corrections = [reviewed("c1"), reviewed("c2")]
    without = lessons(found, corrections=corrections, interaction=asked, weights={}, seed=0)
    weights = {InteractionId("nobody judged it"): 1.5}
    assert lessons(found, corrections=corrections, interaction=asked, weights=weights, seed=0) == without


def test_a_document_is_moved_when_its_file_changed_and_its_chunks_lie_elsewhere() -> None:
    before = [chunk("same", "text one"), chunk("longer", "text"), chunk("rechunked", "text", source="other.md")]
    after = [chunk("same", "text one"), chunk("longer", "text grew"), chunk("rechunked", "te", source="other.md")]
    sources = ({"guide.md": "1", "other.md": "1"}, {"guide.md": "2", "other.md": "1"})
    assert moved(before, after, sources=sources) == {"longer"}


def test_a_span_of_a_moved_document_gives_way_to_the_whole_document() -> None:
    (found,) = widened([case("g", evidence=[span("moved", 1, 2), span("still", 3, 4)])], {DocumentId("moved")})
    assert (found.documents, found.evidence) == ({"moved"}, (span("still", 3, 4),))


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
    chunks=tuple(one.chunk_id for one in CHUNKS),
)


def told(*, near: tuple[Nearby, ...] = (), reworded: bool = False, rephrase=None, known_at_most: int = 0):  # type: ignore[no-untyped-def]
    return cases(
        corrections=[VARNISHED],
        confirmed=[],
        judged=[],
        known=CHUNKS,
        known_at_most=known_at_most,
        control=None,
        skipped=[],
        seed=0,
        rephrase=rephrase,
        near=near,
        neighbours_at_most=2,
        reworded=reworded,
    )


def test_passages_near_a_correction_are_asked_for_by_the_gate_whichever_half_they_are_in() -> None:
    found = told(near=(NEAR,))
    near = [one for one in found if one.slice is Slice.NEIGHBOUR]
    assert len(near) == 2
    assert all(one.made and one.evidence for one in near)
    assert set(near) <= set(asked_by_the_gate(found, seed=0))
    assert [one for one in told() if one.slice is Slice.NEIGHBOUR] == []


def test_no_passage_is_asked_for_both_as_a_neighbour_and_as_a_known_item() -> None:
    found = told(near=(NEAR,), known_at_most=1)
    questions = [one.question for one in found if one.made]
    assert len(questions) == len(set(questions)) == 3


def test_other_wordings_of_a_new_correction_are_targets_of_its_group_and_the_gate_asks_them() -> None:
    found = told(reworded=True)
    [corrected] = [one for one in found if one.slice is Slice.CORRECTED]
    wordings = [one for one in found if one.slice is Slice.PARAPHRASE]
    assert wordings
    assert {wording.group for wording in wordings} == {corrected.group}
    assert all(wording.documents == corrected.documents and wording.made for wording in wordings)
    assert set(wordings) <= set(asked_by_the_gate(found, seed=0))
    assert [one for one in told() if one.slice is Slice.PARAPHRASE] == []


def test_where_a_language_model_rephrases_its_wordings_are_asked() -> None:
    def rephrase(text: str, count: int) -> list[str]:
        return [f"Put otherwise: {text}"][:count]

    found = told(reworded=True, rephrase=rephrase, near=(NEAR,), known_at_most=1)
    made_by_it = {one.slice for one in found if one.question.startswith("Put otherwise")}
    assert made_by_it == {Slice.PARAPHRASE, Slice.NEIGHBOUR, Slice.KNOWN_ITEM}


def test_a_wording_of_a_correction_teaches_nothing_of_its_own() -> None:
    taught = lessons(told(), corrections=[VARNISHED], interaction=asked, weights={}, seed=0)
    assert {one.question for part in taught for one in part} == {CORRECTED.question}
