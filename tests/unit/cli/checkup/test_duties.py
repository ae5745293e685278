"""What the doctor finds that somebody has to do."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rag_flywheel.access import keys
from rag_flywheel.access.who import local
from rag_flywheel.cycle import erasing, looking_again
from rag_flywheel.domain import Role, VersionId
from rag_flywheel.domain.erasures import ErasureEntry, ErasureState, Scope
from rag_flywheel.privacy.traces import Traces
from rag_flywheel.rollout import promotion
from rag_flywheel.services import Services
from tests.unit.cli.checkup.conftest import Look, settings


def test_a_key_that_ends_soon_is_named_and_another_is_not(opened: Services, look: Look) -> None:
    for days in (3, 60):
        wanted = keys.Wanted(name=f"of {days}", roles=frozenset({Role.OPERATOR}), lasts=timedelta(days=days))
        keys.create(wanted, by=local("test"), ledger=opened.ledger, now=opened.now())
    finding = look("keys")
    assert (finding.level, "of 3 ends on" in finding.found) == ("warning", True)
    assert "rag-flywheel keys rotate" in finding.do


def test_a_server_of_a_network_that_no_admin_s_key_opens_is_told(opened: Services, folder: Path, look: Look) -> None:
    (folder / "config.yaml").write_text("sources: [docs]\napi: {host: 0.0.0.0, port: 0}\n")
    assert (look("keys").level, "no admin's key" in look("keys").found) == ("warning", True)
    wanted = keys.Wanted(name="ada", roles=frozenset({Role.ADMIN}))
    keys.create(wanted, by=local("test"), ledger=opened.ledger, now=opened.now())
    assert look("keys").level == "ok"


@pytest.mark.parametrize(("days", "level"), [(10, "warning"), (-1, "wrong")])
def test_an_erasure_that_waits_is_told_and_one_that_is_late_is_wrong(
    opened: Services, look: Look, days: int, level: str
) -> None:
    now = datetime.now(UTC)
    opened.ledger.add_erasure(
        ErasureEntry(
            erasure_id="e1",
            at=now - timedelta(days=20),
            state=ErasureState.ASKED,
            subject="00",
            asked_by="ada",
            checked="command",
            received=now - timedelta(days=20),
            due=now + timedelta(days=days),
            scope=Scope(user="pseudonym"),
        )
    )
    finding = look("erasures")
    assert (finding.level, finding.do) == (level, "`rag-flywheel reindex` goes on with it")


def test_a_second_look_that_nobody_made_is_told(opened: Services, look: Look) -> None:
    long_ago, place = datetime.now(UTC) - timedelta(days=30), erasing.folder(opened)
    looking_again.promise("e1", Traces(names=frozenset({"i1"}), digests=frozenset(), key=b"k" * 32), long_ago, place)
    assert (look("erasures").level, "1 erasures are to be looked for again" in look("erasures").found) == (
        "warning",
        True,
    )


def test_what_a_night_that_broke_off_left_is_told(opened: Services, folder: Path, look: Look) -> None:
    (folder / "data" / "index" / "v9.partial").mkdir()
    finding = look("nights")
    assert (finding.level, finding.found) == ("warning", "the build of v9 broke off")
    (folder / "data" / "index" / "v9.partial").rmdir()
    opened.index.build(VersionId("v8"), dimension=384, batches=[])
    assert look("nights").found == "v8 was built, and its run ended before the ledger knew of it"


def test_a_freeze_that_holds_every_night_up_is_told(opened: Services, look: Look) -> None:
    act = promotion.act_of("ada", "a look at it", at=opened.now())
    promotion.freeze(True, ledger=opened.ledger, act=act)
    finding = look("nights")
    assert (finding.level, finding.do) == ("warning", "`rag-flywheel unfreeze`")
    assert "ada" in finding.found


def test_periods_are_shown(folder: Path, look: Look) -> None:
    settings(folder, "retention: {interactions: 365}\n")
    assert "interactions 365 days" in look("retention").found
    assert "without end: corrections, feedback" in look("retention").found
