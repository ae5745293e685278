"""What `Versions` promises."""

import contextlib

import pytest

from rag_flywheel.domain import (
    Outcome,
    VersionId,
    VersionState,
)
from rag_flywheel.errors import Conflict, NotFound
from rag_flywheel.ports import Ledger
from tests.contract.rows import (
    NOON,
    SECOND,
    a_decision,
    a_manifest,
)


def test_a_manifest_comes_back_as_it_was_added_in_state_built(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    record = ledger.version(VersionId("v1"))
    assert record.manifest == a_manifest()
    assert list(record.manifest.sources) == ["z.md", "a.md"]
    assert record.states == ((NOON, VersionState.BUILT),)


def test_a_decision_comes_back_as_it_was_added(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    ledger.add_decision(a_decision())
    assert ledger.decision(VersionId("v1")) == a_decision()


def test_a_version_that_was_never_added_is_not_found_and_has_no_decision(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="v9"):
        ledger.version(VersionId("v9"))
    assert ledger.decision(VersionId("v9")) is None


def test_a_state_or_a_decision_of_an_unknown_version_is_refused_as_not_found_and_leaves_nothing(
    ledger: Ledger,
) -> None:
    with pytest.raises(NotFound, match="v1"):
        ledger.set_state(VersionId("v1"), VersionState.LIVE, at=NOON)
    with pytest.raises(NotFound, match="v1"):
        ledger.add_decision(a_decision())
    assert ledger.versions() == []


def test_a_version_is_never_replaced(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    with pytest.raises(Conflict, match="v1"):
        ledger.add_version(a_manifest(created=NOON + SECOND))
    assert [record.manifest for record in ledger.versions()] == [a_manifest()]


def test_the_state_appended_last_is_the_versions_state_whatever_the_clock_said(ledger: Ledger) -> None:
    ledger.add_version(a_manifest())
    ledger.set_state(VersionId("v1"), VersionState.CANARY, at=NOON + SECOND)
    ledger.set_state(VersionId("v1"), VersionState.LIVE, at=NOON - SECOND)
    record = ledger.version(VersionId("v1"))
    assert record.state is VersionState.LIVE
    assert record.went_live == NOON - SECOND
    assert [state for _, state in record.states] == [VersionState.BUILT, VersionState.CANARY, VersionState.LIVE]


def test_versions_come_oldest_first_with_their_own_states(ledger: Ledger) -> None:
    ledger.add_version(a_manifest("newer", created=NOON + SECOND))
    ledger.add_version(a_manifest("older", created=NOON))
    ledger.set_state(VersionId("older"), VersionState.DELETED, at=NOON + 2 * SECOND)
    found = [(record.manifest.version_id, record.state) for record in ledger.versions()]
    assert found == [("older", VersionState.DELETED), ("newer", VersionState.BUILT)]


def test_the_latest_decision_on_a_version_counts(ledger: Ledger) -> None:
    ledger.add_version(a_manifest("v1"))
    ledger.add_version(a_manifest("v2"))
    ledger.add_decision(a_decision(decided=NOON, outcome=Outcome.UNDECIDED))
    ledger.add_decision(a_decision(decided=NOON + SECOND, outcome=Outcome.REFUSED))
    ledger.add_decision(a_decision(of="v2", decided=NOON + 2 * SECOND))
    assert ledger.decision(VersionId("v1")) == a_decision(decided=NOON + SECOND, outcome=Outcome.REFUSED)


def test_decisions_are_counted_over_all_versions(ledger: Ledger) -> None:
    assert ledger.count_decisions() == 0
    for version, decided in (("v1", NOON), ("v1", NOON + SECOND), ("v2", NOON)):
        with contextlib.suppress(Conflict):
            ledger.add_version(a_manifest(version))
        ledger.add_decision(a_decision(of=version, decided=decided))
    assert ledger.count_decisions() == 3
