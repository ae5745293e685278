"""What a cycle starts from, over fakes: what is in it, and when it says that there is nothing to do."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from eval.guardrails.suspects import of_question
from ingest.reading.raw import Skipped
from rag_flywheel.cycle.snapshot import Snapshot, take_snapshot, unchanged, without
from rag_flywheel.domain import (
    Aside,
    AsideState,
    CorrectionId,
    DocumentId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    GoldenCase,
    Guardrail,
    InteractionId,
    Retirement,
    Verdict,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.services import Services
from tests.fakes import beir
from tests.fakes.samples import NOON, correction, interaction, manifest, review
from tests.fakes.services import services

EARLIER = NOON - timedelta(hours=1)


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "boiler.md").write_text("Turn the gas tap to the left.\n", encoding="utf-8")
    return services(tmp_path, text="sources: [boiler.md]\n")


def praise(made: Services, name: str, question: str, *, consent: bool = True) -> None:
    """An interaction that somebody found right."""
    made.ledger.add_interaction(interaction(name, question=question, consent=consent))
    made.ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"thumb {name}"),
            interaction_id=InteractionId(name),
            given=EARLIER,
            user=None,
            kind=FeedbackKind.THUMB,
            value="up",
        )
    )


def add_golden(made: Services, name: str, question: str, *, document: str = "boiler.md") -> None:
    made.ledger.add_golden_case(
        GoldenCase(
            case_id=f"golden:{name}",
            added=EARLIER,
            who="rita",
            origin="added",
            question=question,
            cluster=question.casefold(),
            answer=None,
            documents=(DocumentId(document),),
            evidence=(),
            answerable=True,
        )
    )


def retire(made: Services, case_id: str) -> None:
    made.ledger.add_retirement(Retirement(case_id=case_id, retired=EARLIER, who="rita", why="nobody asks so"))


# --- what is in it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", AsideState)
def test_a_confirmed_question_that_is_set_aside_or_dropped_is_left_out(made: Services, state: AsideState) -> None:
    praise(made, "good", "How do I light the boiler?")
    before = take_snapshot(made)
    praise(made, "odd", "How is it lit?")
    found = of_question(made.ledger.interaction(InteractionId("odd")), Guardrail.INJECTION, "it gives orders")
    made.ledger.add_aside(Aside(suspicion=found, state=state, at=EARLIER))
    after = take_snapshot(made)
    out = state in (AsideState.ASIDE, AsideState.DROPPED)
    assert [praised.interaction_id for praised in after.confirmed] == ["good", *([] if out else ["odd"])]
    assert (after.inputs == before.inputs) == (state is AsideState.ASIDE), "rulings are among the inputs"


def chose(made: Services, name: str, correction_id: str, *, consent: bool = True) -> None:
    """Somebody whose question was refused chose a suggestion."""
    made.ledger.add_interaction(interaction(name, question=f"{name} in my words?", answered=False, consent=consent))
    made.ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"meant {name}"),
            interaction_id=InteractionId(name),
            given=EARLIER,
            user=None,
            kind=FeedbackKind.MEANT,
            value=correction_id,
        )
    )


def test_whoever_chose_a_suggestion_leads_their_own_words_to_that_correction(made: Services) -> None:
    made.ledger.add_interaction(interaction("asked", question="How is it lit?"))
    said = correction("c1", of="asked", question="How is it lit?", answer="With the button.", submitted=EARLIER)
    made.ledger.add_correction(said)
    chose(made, "cold shower", "c1")
    assert take_snapshot(made).confirmed == (), "the correction is not accepted"
    made.ledger.add_review(review("c1", reviewed=EARLIER))
    before = take_snapshot(made)
    [asked] = before.confirmed
    assert (asked.query, asked.answer) == ("cold shower in my words?", "With the button.")
    assert [citation.document_id for citation in asked.citations] == ["correction:c1"]
    chose(made, "without consent", "c1", consent=False)
    assert take_snapshot(made).confirmed == before.confirmed


def test_a_choice_counts_instead_of_the_praise_of_the_same_answer(made: Services) -> None:
    praise(made, "good", "How do I light the boiler?")
    made.ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId("meant"),
            interaction_id=InteractionId("good"),
            given=EARLIER,
            user=None,
            kind=FeedbackKind.MEANT,
            value="c9",
        )
    )
    assert take_snapshot(made).confirmed == ()


def test_without_a_correction_the_one_that_it_replaced_has_its_place_back_and_the_inputs_are_as_if_it_never_came(
    made: Services,
) -> None:
    def correct(name: str, answer: str) -> None:
        made.ledger.add_interaction(interaction(f"asked {name}", question="How is it lit?"))
        said = correction(name, of=f"asked {name}", question="How is it lit?", answer=answer, submitted=EARLIER)
        made.ledger.add_correction(said)
        made.ledger.add_review(review(name, reviewed=EARLIER))

    correct("c1", "With a match.")
    before = take_snapshot(made)
    correct("c2", "With the button.")
    after = take_snapshot(made)
    assert [document.text for document in after.accepted.documents] == ["With the button."]
    left = without(after, corrections={CorrectionId("c2")}, questions=set())
    assert [document.text for document in left.accepted.documents] == ["With a match."]
    assert left.inputs == before.inputs != after.inputs


def test_what_may_not_be_learned_from_is_not_among_the_confirmed(made: Services) -> None:
    praise(made, "private", "How do I light the boiler?", consent=False)
    assert take_snapshot(made).confirmed == ()


def test_only_interactions_of_corrections_that_stand_are_kept_with_it(made: Services) -> None:
    for name, verdict in (("c1", Verdict.ACCEPT), ("c2", Verdict.REJECT), ("c3", None)):
        made.ledger.add_interaction(interaction(f"asked {name}", question=f"What of {name}?"))
        made.ledger.add_correction(correction(name, of=f"asked {name}", question=f"What of {name}?"))
        if verdict is not None:
            made.ledger.add_review(review(name, verdict))
    assert set(take_snapshot(made).corrected) == {"asked c1"}


def test_corrections_that_a_version_holds_are_told_from_the_others(made: Services) -> None:
    for name in ("c1", "c2"):
        made.ledger.add_interaction(interaction(f"asked {name}"))
        made.ledger.add_correction(correction(name, of=f"asked {name}", question=f"What of {name}?"))
        made.ledger.add_review(review(name))
    held = take_snapshot(made).held(manifest("v1", corrections=["c2"]))
    assert [reviewed.correction.correction_id for reviewed in held] == [CorrectionId("c2")]


def test_the_golden_set_is_the_folders_cases_and_those_that_only_the_ledger_has(tmp_path: Path) -> None:
    (tmp_path / "boiler.md").write_text("Turn the gas tap to the left.\n", encoding="utf-8")
    asked = [{"_id": "both", "text": "As the folder has it?"}]
    beir.write(tmp_path / "golden", asked=asked, judged=[("both", "boiler.md", 1)])
    made = services(tmp_path, text="sources: [boiler.md]\ngolden: golden\n")
    add_golden(made, "both", "As the ledger has it?")
    add_golden(made, "own", "What else is asked?")
    found = {case.case_id: case.question for case in take_snapshot(made).golden}
    assert found == {"golden:both": "As the folder has it?", "golden:own": "What else is asked?"}


def test_a_judged_question_and_its_retirement_are_inputs_of_the_next_version(made: Services) -> None:
    inputs = [take_snapshot(made).inputs]
    add_golden(made, "q1", "How do I light the boiler?")
    inputs.append(take_snapshot(made).inputs)
    retire(made, "golden:q1")
    taken = take_snapshot(made)
    inputs.append(taken.inputs)
    assert len(set(inputs)) == 3
    assert taken.inputs == take_snapshot(made).inputs
    assert set(taken.retired) == {"golden:q1"}
    assert [case.case_id for case in taken.golden] == ["golden:q1"], "it keeps its place in the split"


@pytest.mark.parametrize("key", ["title: Boiler", "trust: public", "language: de", "mask: full"])
def test_how_a_source_is_treated_is_an_input_of_the_next_version(tmp_path: Path, made: Services, key: str) -> None:
    before = take_snapshot(made).inputs
    treated = services(tmp_path, text=f"sources: [{{path: boiler.md, {key}}}]\n")
    assert take_snapshot(treated).inputs != before
    as_before = services(tmp_path, text="sources: [{path: boiler.md, trust: official}]\n")
    assert take_snapshot(as_before).inputs == before


def test_a_source_that_could_not_be_fetched_is_reported_once(tmp_path: Path) -> None:
    made = services(tmp_path, text="sources: [{reader: 'wikis:Wiki'}]\n")
    failed = Skipped(name="Wiki", reason="could not be fetched")
    assert [problem.name for problem in take_snapshot(made).problems] == ["Wiki"]
    assert take_snapshot(made, unfetched=[failed]).problems == (failed,)


def test_what_comes_after_the_cutoff_waits_for_the_next_cycle(made: Services) -> None:
    before = take_snapshot(made)
    case = GoldenCase(
        case_id="golden:later",
        added=NOON + timedelta(days=1),
        who="rita",
        origin="added",
        question="How do I light the boiler?",
        cluster="later",
        answer=None,
        documents=(DocumentId("boiler.md"),),
        evidence=(),
        answerable=True,
    )
    made.ledger.add_golden_case(case)
    made.ledger.add_retirement(
        Retirement(case_id="golden:other", retired=NOON + timedelta(days=1), who="rita", why="later")
    )
    after = take_snapshot(made)
    assert (after.golden, after.retired, after.inputs) == ((), {}, before.inputs)


# --- nothing to do --------------------------------------------------------------------------------------------------


def record(snapshot: Snapshot, version: str, *states: VersionState, same: bool = True) -> VersionRecord:
    """A version with these states, the last one its own, of the snapshot's inputs or of others."""
    made = replace(manifest(version), inputs=snapshot.inputs if same else "others")
    at = [(NOON + timedelta(minutes=minute), state) for minute, state in enumerate(states)]
    return VersionRecord(manifest=made, states=tuple(at))


LIVE, BACK, RETIRED = VersionState.LIVE, VersionState.ROLLED_BACK, VersionState.RETIRED


def test_where_the_live_version_has_the_same_inputs_there_is_nothing_to_do(made: Services) -> None:
    taken = take_snapshot(made)
    assert unchanged(taken, [record(taken, "v1", LIVE)], VersionId("v1")) == "nothing has changed since v1 was built"
    assert unchanged(taken, [record(taken, "v1", LIVE, same=False)], VersionId("v1")) is None
    assert unchanged(taken, [], None) is None


def test_what_was_rolled_back_is_not_built_again_by_itself_and_the_reason_says_how_to_have_it(made: Services) -> None:
    taken = take_snapshot(made)
    live = record(taken, "v1", LIVE, same=False)
    told = unchanged(taken, [live, record(taken, "v2", LIVE, BACK)], VersionId("v1"))
    assert told is not None
    assert "`rag-flywheel promote v2`" in told
    deleted = unchanged(taken, [live, record(taken, "v2", LIVE, BACK, VersionState.DELETED)], VersionId("v1"))
    assert deleted is not None
    assert "promote" not in deleted
    assert "--force" in deleted


def test_what_was_refused_or_gave_way_to_a_newer_version_is_built_again(made: Services) -> None:
    taken = take_snapshot(made)
    live = record(taken, "v1", LIVE, same=False)
    for states in ((VersionState.REJECTED,), (LIVE, BACK, LIVE, RETIRED)):
        assert unchanged(taken, [live, record(taken, "v2", *states)], VersionId("v1")) is None


def test_what_too_few_people_stand_behind_waits_where_its_source_is_sensitive(tmp_path: Path) -> None:
    (tmp_path / "ward.md").write_text("Visits end at eight.\n", encoding="utf-8")
    made = services(tmp_path, text="sources: [{path: ward.md, sensitive: true}]\nprivacy: {supporters: 2}\n")
    made.ledger.add_interaction(interaction("i1", question="When do visits end?", user="ann", asked=EARLIER))
    made.ledger.add_correction(correction(question="When do visits end?", submitted=EARLIER))
    made.ledger.add_review(review(reviewed=EARLIER))
    before = take_snapshot(made)
    assert before.accepted.documents == ()
    made.ledger.add_interaction(interaction("i2", question="when do visits end", user="bob", asked=EARLIER))
    after = take_snapshot(made)
    assert [document.title for document in after.accepted.documents] == ["When do visits end?"]
    assert before.inputs != after.inputs
