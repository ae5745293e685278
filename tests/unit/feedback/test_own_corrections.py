"""What became of all that one person handed in."""

from dataclasses import replace
from datetime import timedelta

from rag_flywheel.domain import CorrectionId, CorrectionState, Verdict, VersionId, VersionState
from rag_flywheel.feedback.review_queue import of_author, progress, survey
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, manifest, review, shown

ANN = "ann"


def house() -> MemoryLedger:
    """Four corrections of Ann's and one of somebody else's: replaced, live, rejected, waiting; and their rival."""
    made = MemoryLedger()
    made.add_interaction(interaction("i1", ranking=[shown("faq", 1)]))
    for number, (name, user, question) in enumerate(
        [
            ("old", ANN, "How do I roll back?"),
            ("live", ANN, "How do I install it?"),
            ("not", ANN, "How do I pay?"),
            ("waiting", ANN, "Where is the log?"),
            ("rival", "bob", "How do I roll back?"),
        ]
    ):
        one = correction(name, question=question, answer=f"Press {number}.", submitted=NOON + timedelta(hours=number))
        made.add_correction(replace(one, user=user))
    for name, verdict in (("old", Verdict.ACCEPT), ("live", Verdict.ACCEPT), ("not", Verdict.REJECT)):
        made.add_review(review(name, verdict, reviewed=NOON + timedelta(hours=5), name=f"r-{name}"))
    made.add_review(review("rival", Verdict.ACCEPT, reviewed=NOON + timedelta(hours=6), name="r-rival"))
    made.add_version(manifest("v1", corrections=["live", "rival"]))
    made.set_state(VersionId("v1"), VersionState.LIVE, at=NOON + timedelta(hours=7))
    return made


def test_a_person_s_corrections_come_newest_first_each_as_it_stands() -> None:
    found = of_author(ANN, ledger=house(), live=VersionId("v1"))
    assert [(each.reviewed.correction.correction_id, each.state) for each in found] == [
        ("waiting", CorrectionState.PENDING),
        ("not", CorrectionState.REJECTED),
        ("live", CorrectionState.LIVE),
        ("old", CorrectionState.SUPERSEDED),
    ]


def test_each_stands_as_it_does_when_it_is_asked_for_alone() -> None:
    ledger = house()
    for each in of_author(ANN, ledger=ledger, live=VersionId("v1")):
        name = CorrectionId(each.reviewed.correction.correction_id)
        alone = progress(name, known=survey(ledger=ledger, live=VersionId("v1")), ledger=ledger)
        assert (each.state, each.version, each.live_since) == (alone.state, alone.version, alone.live_since)


def test_who_handed_in_nothing_has_none() -> None:
    assert of_author("eve", ledger=house(), live=VersionId("v1")) == []
