"""Each correction is asked for through the real path, in its own words and in those of others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from eval.questions.golden import Case
from eval.scores.scorecard import Reply
from rag_flywheel.cycle import probing
from rag_flywheel.cycle.probing import OLDEST, SAMPLED, Making, People, Plan, Wording
from rag_flywheel.cycle.scoring_run import ScoringRun
from rag_flywheel.domain import (
    Admission,
    Chunk,
    Citation,
    CorrectionId,
    DocumentId,
    Evidence,
    Interaction,
    InteractionId,
    LearnedRanking,
    Manifest,
    ReviewedCorrection,
    VersionId,
)
from rag_flywheel.domain.probes import Found, Probe, Reworded
from tests.fakes import evaluation
from tests.fakes.evaluation import case, reply
from tests.fakes.samples import (
    NOON,
    chunk,
    correction,
    correction_chunk,
    interaction,
    manifest,
    passage,
    review,
    span,
)
from tests.fakes.services import publish, services

FENCE = "Which paint suits the old garden fence behind our house best?"
NEAR = "Which paint suits the old garden fence behind our house well?"
ALSO_NEAR = "Which paint suits the old garden fence behind our house now?"
VARNISH = "Brown varnish from the shed in two coats."
SAME = "Two coats of brown varnish from the shed."


def accepted(
    name: str = "c1",
    question: str = FENCE,
    answer: str = VARNISH,
    *,
    hours: int = 0,
    evidence: Sequence[Evidence] = (),
) -> ReviewedCorrection:
    at = NOON + timedelta(hours=hours)
    given = correction(name, of=f"asked {name}", question=question, answer=answer, evidence=evidence)
    return ReviewedCorrection(correction=given, review=review(name, reviewed=at))


def planned(
    corrections: Sequence[ReviewedCorrection],
    *,
    interactions: Sequence[Interaction] = (),
    judged: Sequence[Case] = (),
    retired: Sequence[str] = (),
    by: str | None = "ann",
    chunks: Sequence[Chunk] = (),
    control: Manifest | None = None,
) -> Plan:
    """`by` asked what was corrected."""
    corrected: Mapping[InteractionId, Interaction] = {
        entry.correction.interaction_id: interaction(entry.correction.interaction_id, user=by) for entry in corrections
    }
    people = People(interactions=interactions, corrected=corrected, judged=judged, retired=retired)
    return probing.plan(
        corrections, control=control, people=people, making=Making(chunks=chunks, seed=0, rephrase=None)
    )


def wordings(plan: Plan, name: str = "c1") -> dict[str, bool]:
    """Each with whether it is made."""
    return {wording.question: wording.made for wording in plan.rewordings[CorrectionId(name)]}


# --- in what words --------------------------------------------------------------------------------------------------


def test_what_other_people_asked_comes_before_what_is_made() -> None:
    asked = [interaction("i2", question=NEAR, user="bob"), interaction("i3", question="What is the time?", user="bob")]
    found = wordings(planned([accepted()], interactions=asked))
    assert next(iter(found.items())) == (NEAR, False)
    assert list(found.values()) == [False, True, True]


def test_no_more_wordings_are_asked_than_are_allowed_however_many_people_ask() -> None:
    many = [interaction(f"i{at}", question=f"{FENCE[:-6]} {at}?", user="bob") for at in range(50)]
    assert list(wordings(planned([accepted()], interactions=many)).values()) == [False, False, False]


def test_where_nobody_else_asked_wordings_are_made() -> None:
    assert set(wordings(planned([accepted()])).values()) == {True}


@pytest.mark.parametrize(
    "asked",
    [
        interaction("i2", question=NEAR, user="ann"),
        interaction("i2", question=NEAR, user="bob", consent=False),
        interaction("i2", question=FENCE.upper(), user="bob"),
    ],
    ids=["by the same person", "without consent", "in the same words"],
)
def test_what_is_no_wording_of_others_is_not_taken(asked: Interaction) -> None:
    assert set(wordings(planned([accepted()], interactions=[asked])).values()) == {True}


def test_where_nobody_knows_who_asked_every_other_wording_counts() -> None:
    found = wordings(planned([accepted()], interactions=[interaction("i2", question=NEAR)], by=None))
    assert found[NEAR] is False


def test_judged_questions_of_the_same_cluster_are_wordings_too() -> None:
    judged = [
        case("golden:q1", "d1", question=NEAR, cluster="fence"),
        case("golden:q2", "d1", question="What do I coat planks with?", cluster="fence"),
    ]
    found = wordings(planned([accepted()], judged=judged))
    assert found.items() >= {(NEAR, False), ("What do I coat planks with?", False)}
    assert NEAR not in wordings(planned([accepted()], judged=judged, retired=["golden:q1", "golden:q2"]))


def test_where_two_corrections_may_be_meant_nothing_that_people_asked_is_taken() -> None:
    both = [accepted(), accepted("c2", ALSO_NEAR, "Do not paint it at all.")]
    plan = planned(both, interactions=[interaction("i2", question=NEAR, user="bob")])
    assert NEAR not in wordings(plan, "c1")
    assert NEAR not in wordings(plan, "c2")


# --- which ----------------------------------------------------------------------------------------------------------


def named(plan: Plan) -> list[str]:
    return [entry.correction.correction_id for entry in plan.probed]


def many(count: int) -> list[ReviewedCorrection]:
    return [accepted(f"c{at:03}", f"What of matter {at}?", f"Answer {at}.", hours=at) for at in range(count)]


def test_all_new_corrections_are_probed_with_the_oldest_and_some_of_the_others() -> None:
    corrections = many(200)
    live = manifest("v1", corrections=[entry.correction.correction_id for entry in corrections[:150]])
    found = named(planned(corrections, control=live))
    assert set(found) > {f"c{at:03}" for at in (*range(OLDEST), *range(150, 200))}
    assert len(found) == OLDEST + SAMPLED + 50
    assert found == named(planned(corrections, control=live)), "the same each time"
    assert found != named(planned(corrections, control=replace(live, version_id=VersionId("v2"))))


def test_the_oldest_are_a_quarter_of_those_that_were_live() -> None:
    corrections = [accepted(f"c{at}", f"What of matter {at}?", hours=9 - at) for at in range(9)]
    live = manifest("v1", corrections=[f"c{at}" for at in range(8)])
    assert probing.oldest(corrections, control=live) == ["c7", "c6"]
    assert probing.oldest(corrections, control=None) == []


def test_a_retired_correction_is_not_asked_for() -> None:
    assert named(planned(many(2), retired=["correction:c000"])) == ["c001"]


# --- what became of them --------------------------------------------------------------------------------------------

OWN = correction_chunk("c1", FENCE, VARNISH)
SOURCE = chunk("shed", "Brown varnish stands in the shed, and it needs two coats.")


def citing(made: Reply, *spans: Evidence) -> Reply:
    citations = tuple(
        Citation(number=at, document_id=cited.document_id, title="", text="", start=cited.start, end=cited.end, score=1)
        for at, cited in enumerate(spans, start=1)
    )
    return replace(made, draft=replace(made.draft, citations=citations))


def becomes(corrections: Sequence[ReviewedCorrection], made: Reply, chunks: Sequence[Chunk] = (OWN,)) -> Found:
    """Of the first correction, by its own question."""
    return probing.probe(planned(corrections, chunks=chunks), ask=lambda question: made)[0].own


def holding(*spans: Evidence) -> Chunk:
    assert OWN.provenance is not None
    return replace(OWN, provenance=replace(OWN.provenance, holders=spans))


def test_a_correction_is_used_where_the_answer_cites_it_and_found_where_it_was_shown() -> None:
    assert becomes([accepted()], citing(reply(OWN, SOURCE), OWN.span)) is Found.AND_USED
    assert becomes([accepted()], citing(reply(OWN, SOURCE), SOURCE.span)) is Found.NOT_USED
    assert becomes([accepted()], reply(SOURCE, OWN, answer=None)) is Found.NOT_USED
    assert becomes([accepted()], reply(SOURCE, OWN, shown=1)) is Found.NOT_FOUND
    assert becomes([accepted()], reply()) is Found.NOT_FOUND


def test_a_passage_that_holds_the_answer_finds_it_and_only_that_place_uses_it() -> None:
    evidence = span("shed", 10, 30)
    corrections = [accepted(evidence=[evidence])]
    chunks = [holding(evidence)]
    assert becomes(corrections, citing(reply(SOURCE), span("shed", 20, 40)), chunks) is Found.AND_USED
    assert becomes(corrections, citing(reply(SOURCE), span("shed", 40, 50)), chunks) is Found.NOT_USED
    assert becomes(corrections, reply(chunk("other")), chunks) is Found.NOT_FOUND


def test_a_passage_that_another_one_stands_for_counts_as_shown() -> None:
    evidence = span("shed", 10, 30)
    shown = replace(passage(chunk("twin")), also=(SOURCE,))
    made = replace(reply(), passages=(shown,))
    assert becomes([accepted(evidence=[evidence])], made, [holding(evidence)]) is Found.NOT_USED


def test_an_answer_that_cites_a_passage_uses_those_that_it_stands_for() -> None:
    evidence = span("shed", 10, 30)
    made = citing(reply(SOURCE), span("twin"))
    [cited] = made.draft.citations
    made = replace(made, draft=replace(made.draft, citations=(replace(cited, also=(evidence,)),)))
    assert becomes([accepted(evidence=[evidence])], made, [holding(evidence)]) is Found.AND_USED


def test_a_guess_where_a_short_answer_stands_is_no_find() -> None:
    guessed = [holding(span("shed", 10, 30))]
    assert becomes([accepted(answer="Yes.")], reply(SOURCE), guessed) is Found.NOT_FOUND
    assert becomes([accepted()], reply(SOURCE), guessed) is Found.NOT_USED


def test_a_correction_that_says_the_same_counts_for_it() -> None:
    twin = correction_chunk("c2", "What do I coat planks with?", SAME)
    other = correction_chunk("c3", "What do I coat planks with?", "Nothing whatsoever.")
    corrections = [
        accepted(),
        accepted("c2", "What do I coat planks with?", SAME),
        accepted("c3", "Are planks coated?", "Nothing whatsoever."),
    ]
    assert becomes(corrections, citing(reply(twin), twin.span)) is Found.AND_USED
    assert becomes(corrections, citing(reply(other), other.span)) is Found.NOT_FOUND


def test_every_wording_is_told_with_whether_it_is_made() -> None:
    plan = replace(
        planned([accepted()]),
        rewordings={
            CorrectionId("c1"): (Wording(question="made", made=True), Wording(question="heard", made=False)),
        },
    )
    replies = {FENCE: citing(reply(OWN), OWN.span), "made": reply(SOURCE), "heard": reply(OWN)}
    assert probing.probe(plan, ask=replies.__getitem__) == (
        Probe(
            correction_id=CorrectionId("c1"),
            own=Found.AND_USED,
            rewordings=(
                Reworded(found=Found.NOT_FOUND, made=True),
                Reworded(found=Found.NOT_USED, made=False),
            ),
        ),
    )
    assert plan.questions == [FENCE, "made", "heard"]


def test_new_corrections_that_their_own_question_does_not_find_go_back() -> None:
    probes = [
        Probe(correction_id=CorrectionId(name), own=own)
        for name, own in (
            ("live", Found.NOT_FOUND),
            ("lost", Found.NOT_FOUND),
            ("found", Found.NOT_USED),
        )
    ]
    control = manifest("v1", corrections=["live"])
    candidate = evaluation.manifest()
    assert candidate.learned.admission is not None
    assert probing.not_found(probes, candidate, control=control) == ["lost"]
    assert probing.not_found(probes, replace(candidate, learned=LearnedRanking()), control=control) == []


# --- through the real path ------------------------------------------------------------------------------------------


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[float], Callable[[str], Reply]]:
    """What a version with two corrections replies, by the fit that it admits a known question from."""

    def version(threshold: float) -> Callable[[str], Reply]:
        made = services(tmp_path / str(threshold))
        learned = LearnedRanking(admission=Admission(threshold=threshold, words=0.0, passage=0.0))
        publish(made, "v1", corrections={"c1": (FENCE, VARNISH), "c2": ("Who mows?", "Karl does.")}, learned=learned)
        run = ScoringRun(services=made, references={}, judge=None, steps=lambda what, done, total: None)
        return run.asker(made.ledger.version(VersionId("v1")).manifest, as_new=False)

    for threshold in (0.5, 1.5):
        (tmp_path / str(threshold)).mkdir()
    return version


def test_a_version_that_admits_a_correction_finds_and_uses_it_and_one_that_admits_none_does_not(
    ask: Callable[[float], Callable[[str], Reply]],
) -> None:
    corrections = [accepted(), accepted("c2", "Who mows?", "Karl does.")]
    plan = planned(corrections, interactions=[interaction("i2", question=NEAR, user="bob")], chunks=[OWN])
    [fence, mows] = probing.probe(plan, ask=ask(0.5))
    assert (fence.own, mows.own) == (Found.AND_USED, Found.AND_USED)
    assert fence.rewordings[0] == Reworded(found=Found.AND_USED, made=False)
    assert {probe.own for probe in probing.probe(plan, ask=ask(1.5))} == {Found.NOT_FOUND}


def test_a_correction_of_another_document_id_is_no_answer() -> None:
    other = replace(OWN, document_id=DocumentId("correction:gone"))
    assert becomes([accepted()], citing(reply(other), other.span)) is Found.NOT_FOUND
