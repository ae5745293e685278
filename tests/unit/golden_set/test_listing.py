"""What the golden set holds: where each judged question comes from, its role, and its state."""

from dataclasses import replace
from pathlib import Path

from rag_flywheel.domain import VersionId
from rag_flywheel.golden_set.listing import Origin, State
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, correction, decision, manifest, review
from tests.fakes.services import services
from tests.unit.golden_set.builders import add, by_id, case, confirmed, corrected, folder, import_cases, new_question


def test_the_list_tells_of_every_judged_question_where_it_comes_from(made: Services) -> None:
    corrected(made)
    confirmed(made)
    added = add(made, "How do I put the version back?").added[0]
    import_cases(made, case("q9", "Where is the ledger?", "docs/backup.md"))
    assert {name: question.origin for name, question in by_id(made).items()} == {
        "golden:q1": Origin.FOLDER,
        added: Origin.ADDED,
        "golden:q9": Origin.IMPORTED,
        "correction:c1": Origin.CORRECTION,
        "confirmed:i1": Origin.CONFIRMED,
    }


def test_a_correction_that_another_one_replaced_is_no_case(made: Services) -> None:
    corrected(made, "c1")
    made.ledger.add_correction(correction("c2", of="of c1", question="How do I roll back?"))
    made.ledger.add_review(review("c2", reviewed=NOON.replace(hour=13)))
    assert [name for name in by_id(made) if name.startswith("correction:")] == ["correction:c2"]


def test_wordings_of_one_question_have_one_group_and_one_role(made: Services) -> None:
    add(made, new_question("How do I put the previous version back again?", "docs/rollback.md", cluster="rollback"))
    add(made, new_question("Return to yesterday, please", "docs/rollback.md", cluster="rollback"))
    corrected(made, question="how do i put the previous version back AGAIN")
    wordings = [question for name, question in by_id(made).items() if name != "golden:q1"]
    assert [wording.case.cluster for wording in wordings] == ["rollback"] * 3
    assert len({wording.role for wording in wordings}) == 1


def test_a_case_is_stale_when_the_sources_no_longer_hold_what_answers_it(made: Services, tmp_path: Path) -> None:
    add(made, "How do I put the version back?")
    (tmp_path / "docs" / "install.md").unlink()
    stale, kept = by_id(made).values()
    assert (stale.state, kept.state, kept.reason) == (State.STALE, State.IN_USE, None)
    assert stale.reason == "its evidence is gone: the sources no longer hold docs/install.md"


def test_sealed_questions_rotate_with_the_decisions_and_never_reach_tuning(tmp_path: Path) -> None:
    texts = {f"q{at}": f"thing{at} what is it" for at in range(60)}
    folder(tmp_path, texts, {name: ["d"] for name in texts})
    made = services(tmp_path, text="golden: judged\nsources: []\ngate:\n  sealed: 0.2\n  sealed_decisions: 2\n")
    made.ledger.add_version(manifest("v1"))

    def sealed() -> tuple[set[str], set[str]]:
        roles = {name: question.role for name, question in by_id(made).items()}
        return (
            {name for name, role in roles.items() if role == "sealed"},
            {name for name, role in roles.items() if role == "tuning"},
        )

    first, learned = sealed()
    made.ledger.add_decision(replace(decision("v1"), version_id=VersionId("v1")))
    assert sealed() == (first, learned)
    made.ledger.add_decision(decision("v1"))
    second, still = sealed()
    assert min(len(first), len(second)) > 0
    assert not first & second
    assert still == learned
