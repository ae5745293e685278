"""The cycle's snapshot and build, over fakes: which corrections the next version holds."""

from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.domain import CorrectionId, Evidence, Feedback, FeedbackId, FeedbackKind, InteractionId, Json, Verdict
from rag_flywheel.reindex import build_version, take_snapshot
from rag_flywheel.wiring import Services
from tests.fakes.samples import NOON, correction, interaction, review, span
from tests.fakes.services import services

HOUR = timedelta(hours=1)
PAGE = "# Boiler\n\nTurn the gas tap to the left and hold the ignition button for ten seconds until the flame is lit.\n"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "boiler.md").write_text(PAGE, encoding="utf-8")
    made = services(tmp_path, text="sources: [boiler.md]\ngolden: ''\n")
    made.ledger.add_interaction(interaction("i1"))
    for name, answer in (("c1", "Turn it left."), ("c2", "Call the vendor.")):
        made.ledger.add_correction(correction(name, answer=answer, submitted=NOON - timedelta(hours=9)))
    return made


def decided(made: Services, name: str, verdict: Verdict, minute: int) -> None:
    at = NOON - HOUR + timedelta(minutes=minute)
    made.ledger.add_review(review(name, verdict, reviewed=at, name=f"{name} at {minute}"))


def next_version(made: Services) -> dict[CorrectionId, tuple[Evidence, ...]]:
    """The corrections that a version built now holds, each with what it supersedes."""
    manifest, _, _ = build_version(take_snapshot(made), made, parent=None, steps=lambda name, done, total: None)
    held = {
        one.provenance.correction_id: one.provenance.supersedes
        for one in made.index.chunks(manifest.version_id)
        if one.provenance is not None
    }
    assert tuple(held) == manifest.corrections
    return held


def test_a_correction_that_is_superseded_leaves_at_the_next_reindex_and_its_successor_names_it(made: Services) -> None:
    decided(made, "c2", Verdict.ACCEPT, 1)
    assert next_version(made) == {"c2": ()}
    decided(made, "c1", Verdict.ACCEPT, 2)
    assert next_version(made) == {"c1": (span("correction:c2", 0, 16),)}
    assert len(made.ledger.corrections()) == 2


def test_a_correction_that_is_rejected_later_leaves_at_the_next_reindex_and_the_older_one_returns(
    made: Services,
) -> None:
    decided(made, "c1", Verdict.ACCEPT, 1)
    decided(made, "c2", Verdict.ACCEPT, 2)
    before = take_snapshot(made)
    decided(made, "c2", Verdict.REJECT, 3)
    assert take_snapshot(made).inputs != before.inputs
    assert next_version(made) == {"c1": ()}
    decided(made, "c1", Verdict.REJECT, 4)
    assert next_version(made) == {}


def said(made: Services, of: str, kind: FeedbackKind, value: Json) -> None:
    name = FeedbackId(f"f{len(made.ledger.feedback())}")
    given = Feedback(
        feedback_id=name, interaction_id=InteractionId(of), given=NOON - HOUR, user=None, kind=kind, value=value
    )
    made.ledger.add_feedback(given)


def test_implicit_signals_about_unjudged_answers_change_nothing_that_a_version_is_made_of(made: Services) -> None:
    before = take_snapshot(made)
    for kind in (FeedbackKind.USED, FeedbackKind.ABANDONED, FeedbackKind.REGENERATED):
        said(made, "i1", kind, True)
    after = take_snapshot(made)
    assert (after.inputs, after.weights, after.confirmed) == (before.inputs, {}, ())


def test_implicit_signals_about_confirmed_and_corrected_answers_weigh_them_and_are_among_the_inputs(
    made: Services,
) -> None:
    made.ledger.add_interaction(interaction("praised"))
    said(made, "praised", FeedbackKind.THUMB, "up")
    decided(made, "c1", Verdict.ACCEPT, 1)
    inputs = [take_snapshot(made).inputs]
    said(made, "praised", FeedbackKind.USED, True)
    inputs.append(take_snapshot(made).inputs)
    said(made, "i1", FeedbackKind.ABANDONED, True)
    inputs.append(take_snapshot(made).inputs)
    assert len(set(inputs)) == 3
    said(made, "i1", FeedbackKind.ABANDONED, True)  # a repetition
    assert take_snapshot(made).inputs == inputs[-1]
    assert take_snapshot(made).weights == {"praised": 1.25, "i1": 0.75}
