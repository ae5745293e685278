"""Records whose time is over, in whole cycles over fakes: what goes, what stays, and what a version keeps of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.config import Retention
from rag_flywheel.cycle import erasing, expiring
from rag_flywheel.cycle.expiring import expire
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.domain import InteractionId, VersionId
from rag_flywheel.domain.retention import Kind
from rag_flywheel.privacy import receipts
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, canary, interaction, manifest
from tests.fakes.services import services
from tests.unit.cycle.test_erasing import PEOPLE, Town, ident, settled

DAY = timedelta(days=1)


def after(days: float, made: Services, **periods: int) -> Services:
    """The same, so many days later, with these periods."""
    return replace(
        made,
        now=lambda: NOON + days * DAY,
        config=made.config.model_copy(update={"retention": Retention(**periods)}),
    )


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(services=settled(tmp_path), folder=tmp_path)


def test_what_was_accepted_stays_with_its_question_and_what_was_only_confirmed_goes_with_its_vector(
    town: Town,
) -> None:
    ledger = town.services.ledger
    town.night()
    held = ledger.version(town.services.index.live() or VersionId("")).manifest
    late = replace(town, services=after(31, town.services, interactions=30, feedback=30))
    assert late.night() in (CycleDecision.PROMOTED, CycleDecision.REFUSED, CycleDecision.UNDECIDED)
    left = {asked.interaction_id for asked in ledger.interactions(limit=99)}
    assert left == {ident("aaaa", name) for name in PEOPLE}
    assert {entry.correction.correction_id for entry in ledger.corrections()} == {*held.corrections}
    newest = ledger.versions()[-1].manifest
    assert (set(newest.corrections), newest.confirmed) == (set(held.corrections), ())
    assert all(ledger.interaction(InteractionId(name)).question for name in left)


def test_nothing_goes_without_a_period_or_before_it_is_over(town: Town) -> None:
    assert expire(after(10_000, town.services, replies=0)) == {}
    assert expire(after(29, town.services, interactions=30)) == {}
    assert expire(after(31, town.services, interactions=30)) == {Kind.INTERACTIONS: len(PEOPLE)}


def test_what_a_running_canary_counts_stays_until_it_has_ended(tmp_path: Path) -> None:
    made = services(tmp_path)
    for version in ("v1", "v2"):
        made.ledger.add_version(manifest(version))
    started = canary()
    made.ledger.add_canary(replace(started, started=NOON, stepped=NOON))
    for name, days in (("before", -1), ("counted", 1)):
        made.ledger.add_interaction(interaction(name, asked=NOON + days * DAY))
    assert expire(after(90, made, interactions=30)) == {Kind.INTERACTIONS: 1}
    assert [asked.interaction_id for asked in made.ledger.interactions(limit=9)] == ["counted"]


def test_reports_go_with_what_decisions_hold_of_them_but_not_those_on_kept_versions(town: Town) -> None:
    town.night()
    live = town.services.index.live()
    gone = town.services.reports / "v-of-before"
    gone.mkdir(parents=True)
    (gone / "report.md").write_text("old")
    town.services.ledger.add_version(manifest("v-of-before", created=NOON - DAY))
    assert expire(after(31, town.services, reports=30)) == {Kind.REPORTS: 1}
    assert (gone.exists(), (town.services.reports / (live or "")).is_dir()) == (False, True)
    decision = town.services.ledger.decision(live or VersionId(""))
    assert decision is not None
    assert decision.report


def test_old_receipts_go_and_those_that_stay_are_still_signed(town: Town) -> None:
    folder = erasing.folder(town.services)
    for number in (1, 2):
        receipts.write({"id": f"e{number}", "done": (NOON + number * DAY).isoformat()}, folder, secret="")
    (folder / "erasure-none.json").write_text("{")
    assert expire(after(31.5, town.services, receipts=30)) == {Kind.RECEIPTS: 1}
    left = receipts.read(folder / "erasure-e2.json")
    receipts.verify(left, (folder / "public.key").read_text())
    assert (folder / "erasure-none.json").exists()


def test_the_cache_is_emptied_once_in_a_period_but_for_what_was_read_from_files(town: Town) -> None:
    cache = town.services.cache
    kept = {f"{erasing.READ}file": b"1", "answers:v1:q": b"2"}
    cache.put(kept)
    assert expire(after(0, town.services, caches=7)) == {}
    assert expire(after(6, town.services, caches=7)) == {}
    assert cache.get([*kept]) == kept
    assert expire(after(8, town.services, caches=7)) == {Kind.CACHES: 1}
    assert cache.get([*kept]) == {f"{erasing.READ}file": b"1"}
    assert expire(after(9, town.services, caches=7)) == {}


def test_a_night_tells_what_it_deleted() -> None:
    assert expiring.told({}) == []
    [line] = expiring.told({Kind.AUDIT: 3, Kind.REPLIES: 1})
    assert line == "deleted what is older than `retention` allows: 3 audit, 1 replies"
