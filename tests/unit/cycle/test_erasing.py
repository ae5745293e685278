"""Forgetting people, over fakes and over the embedded store with SQLite: what goes, what stays, and what is proved."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.adapters.cache import SqliteCache
from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.adapters.models.cached_encoder import CachedEncoder
from rag_flywheel.cycle import erasing, traces_left
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.domain import (
    AuditEntry,
    CorrectionId,
    VersionId,
)
from rag_flywheel.domain.erasures import ErasureState
from rag_flywheel.errors import Barred, Damaged, NotFound
from rag_flywheel.privacy import receipts
from rag_flywheel.privacy.belongings import belongings
from rag_flywheel.rollout import promotion
from rag_flywheel.rollout.promotion import act_of
from rag_flywheel.services import Services
from tests.fakes.encoder import HashingEncoder
from tests.fakes.index import MemoryIndex
from tests.fakes.keys import keys_in
from tests.fakes.samples import interaction
from tests.unit.cycle.house import EARLIER, built_in
from tests.unit.cycle.town import Town, leave_all, record_id

SETTINGS = """
golden: ''
index: {timeout: 0.001}
canary: {strategy: direct}
guardrails: {maximum_growth: 50, maximum_shrink: 0.9, author_share_from: 100}
gate: {minimum_cases: 1, known_items: 8, neighbours: 4, replayed: 20}
"""
PEOPLE = tuple(f"kumquat{number:02}" for number in range(20))
FORGOTTEN = PEOPLE[3:6]


def ident(kind: str, name: str) -> str:
    return record_id(kind, PEOPLE.index(name))


def leave_everything(name: str, services: Services) -> None:
    leave_all(name, PEOPLE.index(name), services)


def settled(folder: Path, people: Sequence[str] = PEOPLE) -> Services:
    made = built_in(folder, SETTINGS).services
    for name in people:
        leave_everything(name, made)
    return made


@contextlib.contextmanager
def on_disk(folder: Path) -> Iterator[Services]:
    data = folder / "data"
    with contextlib.ExitStack() as opened:
        ledger = open_ledger(
            sqlite_url(data / "ledger.db"), timeout=10, lock_folder=data / "locks", keys=keys_in(data / "locks")
        )
        opened.callback(ledger.close)
        index, cache = EdgeIndex(data / "index"), SqliteCache(data / "cache.db")
        opened.callback(index.close)
        opened.callback(cache.close)
        encoder = CachedEncoder(HashingEncoder(512), model="hashing", cache=cache)
        made = replace(
            built_in(folder, SETTINGS).services,
            ledger=ledger,
            index=index,
            cache=cache,
            encoders=lambda settings: encoder,
        )
        for name in PEOPLE:
            leave_everything(name, made)
        yield made


@pytest.fixture(params=["fakes", "disk"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    with contextlib.ExitStack() as opened:
        made = settled(tmp_path) if request.param == "fakes" else opened.enter_context(on_disk(tmp_path))
        town = Town(services=made, folder=tmp_path)
        assert town.night() is CycleDecision.PROMOTED
        quote(town, "\n".join(f"Where did {name} put the ladder of {name}?" for name in PEOPLE))
        yield town


def quote(town: Town, text: str) -> Path:
    """The report on the live version quotes somebody, as reports quote what was asked."""
    page = town.services.reports / (town.services.index.live() or "") / "report.md"
    page.write_text(page.read_text() + text)
    return page


def test_nothing_is_left_of_who_is_forgotten_and_others_lose_nothing(town: Town) -> None:
    services, first = town.services, town.services.index.live()
    before = {name: belongings(town.scope(name), services.ledger) for name in PEOPLE}
    assert town.rows_with(FORGOTTEN[0])
    stop = threading.Event()

    def ask() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            asked = interaction(f"eeee{number:016}", question=f"Where is number {number}?", user="somebody else")
            services.ledger.add_interaction(asked)
            stop.wait(0.01)
        return number

    with ThreadPoolExecutor(1) as asker:
        asking = asker.submit(ask)
        states = [town.forget(name) for name in FORGOTTEN]
        decided = town.night()
        stop.set()
        asked = asking.result()
    assert states == [ErasureState.SWEPT] * 3
    assert (decided, services.index.live() == first) == (CycleDecision.PROMOTED, False)
    assert town.night() is CycleDecision.UNCHANGED
    assert services.index.versions() == [services.index.live()]

    for name in FORGOTTEN:
        ids = [ident(kind, name) for kind in ("aaaa", "bbbb", "cccc")]
        for trace in (name, *ids, town.scope(name).user):
            assert town.rows_with(trace) == []
            assert town.files_with(trace) == []
    for name in set(PEOPLE) - set(FORGOTTEN):
        assert belongings(town.scope(name), services.ledger) == before[name]
        assert len([case for case in services.ledger.golden_cases() if name in case.question]) == 1
    held = services.ledger.version(services.index.live() or VersionId("")).manifest.corrections
    assert set(held) == {ident("cccc", name) for name in set(PEOPLE) - set(FORGOTTEN)}
    assert len(services.ledger.interactions_of("somebody else")) == asked
    assert [entry.state for entry in services.ledger.erasures()] == [ErasureState.DONE] * 3


def test_each_receipt_proves_what_was_found_and_names_the_one_before(town: Town) -> None:
    for name in FORGOTTEN:
        town.forget(name)
    town.night()
    town.night()
    public = (town.folder / "data/receipts/public.key").read_text()
    found = [receipts.read(file) for file in town.receipts()]
    assert any('"reports"' in json.dumps(receipt) for receipt in found)
    for receipt in found:
        receipts.verify(receipt, public)
        verdicts = {surface["surface"]: surface["verdict"] for surface in receipt["surfaces"]}  # type: ignore[union-attr, index, call-overload]
        assert "residual" not in verdicts.values(), receipt
        erased = {name for name, verdict in verdicts.items() if verdict == "erased"}
        assert erased >= {
            *("interactions", "feedback", "corrections", "reviews", "exposures", "golden_cases", "notices", "replies"),
            *("audit", "versions", "decisions", "index"),
        }
        with pytest.raises(Damaged):
            receipts.verify({**receipt, "asked_by": "somebody"}, public)
    assert [receipt["before"] is None for receipt in found].count(True) == 1
    assert (town.folder / "data/receipts/signing.key").stat().st_mode & 0o777 == 0o600


def test_a_version_that_holds_theirs_answers_until_the_next_and_can_never_come_back(town: Town) -> None:
    services, first = town.services, town.services.index.live()
    assert first is not None
    town.services.ledger.add_golden_case(
        replace(services.ledger.golden_cases()[0], case_id="golden:late", added=services.now())
    )
    assert town.night() is CycleDecision.PROMOTED
    second = services.index.live()
    slow = services.config.index.model_copy(update={"timeout": 3600.0})  # a search may still be reading the first one
    busy = replace(services, config=services.config.model_copy(update={"index": slow}))
    replace(town, services=busy).forget(PEOPLE[0])
    assert services.index.live() == second
    act = act_of("grace", "it was better", at=services.now())
    with pytest.raises(Barred):
        promotion.promote(first, expected=second, index=services.index, ledger=services.ledger, act=act)
    with pytest.raises(NotFound):
        promotion.roll_back(None, index=services.index, ledger=services.ledger, act=act)
    assert town.night() is CycleDecision.PROMOTED
    town.night()
    assert services.index.versions() == [services.index.live()]


def test_a_doubt_of_the_gate_does_not_keep_a_version_that_holds_theirs(tmp_path: Path) -> None:
    town = Town(services=settled(tmp_path), folder=tmp_path)
    town.night()
    first, name = town.services.index.live(), PEOPLE[12]  # without whom one question of forty is answered worse
    town.forget(name)
    decided = reindex(town.services, force=False, steps=lambda stage, done, total: None)
    assert (decided.decision, decided.version == first) == (CycleDecision.PROMOTED, False)
    assert any("is not ruled out" in reason for reason in decided.reasons)
    assert any("holds what must not be kept" in reason for reason in decided.reasons)
    town.night()
    assert (town.rows_with(name), town.files_with(name)) == ([], [])


def test_who_left_nothing_in_any_version_is_forgotten_at_once(town: Town) -> None:
    services = town.services
    live = services.index.live()
    asked = interaction("eeee000000000000", question="A question that nobody else asks?", user=town.scope("new").user)
    services.ledger.add_interaction(asked)
    page = quote(town, "asked: A question that nobody else asks?")
    seen = erasing.preview(town.scope("new"), services)
    assert (seen.records, seen.versions) == ({"interactions": 1, "reports": 1}, ())
    assert services.ledger.interactions_of(town.scope("new").user)
    assert town.forget("new") is ErasureState.DONE
    assert (services.index.live(), town.rows_with("eeee000000000000")) == (live, [])
    assert live is not None
    assert live in page.read_text()
    assert "nobody else asks" not in page.read_text()


class Killed(BaseException):
    """What no code catches, as a signal."""


STEPS = ("_sweep", "_erased", "suppress", "_completed", "_receipt")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_whatever_step_a_process_dies_at_the_next_night_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    town = Town(services=settled(tmp_path, PEOPLE[2:5]), folder=tmp_path)
    town.night()
    whole: Callable[..., object] = getattr(erasing, step)

    def dies(*args: object, **named: object) -> object:
        if after:
            whole(*args, **named)
        raise Killed

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        patch.setattr(erasing, step, dies)
        town.forget(FORGOTTEN[0])
        town.night()
        pytest.fail("nothing died")
    town.night()
    town.night()
    assert [entry.state for entry in town.services.ledger.erasures()] == [ErasureState.DONE]
    for trace in (FORGOTTEN[0], ident("cccc", FORGOTTEN[0]), town.scope(FORGOTTEN[0]).user):
        assert (town.rows_with(trace), town.files_with(trace)) == ([], [])
    [receipt] = town.receipts()
    assert "residual" not in receipt.read_text()


def test_a_restored_ledger_does_not_bring_anybody_back(town: Town) -> None:
    name = FORGOTTEN[0]
    town.forget(name)
    town.night()
    town.night()
    assert town.rows_with(name) == []
    leave_everything(name, town.services)  # as a backup would
    later = interaction("ffff000000000000", question="Something new?", user=town.scope(name).user)
    town.services.ledger.add_interaction(replace(later, asked=town.services.now() + timedelta(days=1)))
    town.night()
    town.night()
    assert [entry.state for entry in town.services.ledger.erasures()] == [ErasureState.DONE] * 2
    assert town.rows_with(name) == []
    assert [asked.interaction_id for asked in town.services.ledger.interactions_of(town.scope(name).user)] == [
        later.interaction_id
    ]


def later(town: Town, days: int) -> Town:
    now = town.services.now
    return replace(town, services=replace(town.services, now=lambda: now() + timedelta(days=days)))


def test_a_week_later_a_second_look_is_signed_and_then_the_key_is_destroyed(town: Town) -> None:
    name, kept = FORGOTTEN[0], town.folder / "data/receipts"
    town.forget(name)
    town.night()
    town.night()
    [first] = town.receipts()
    later(town, 6).night()
    assert (len(town.receipts()), len(list((kept / "keys").iterdir()))) == (1, 1)
    later(town, 8).night()
    [again] = [receipts.read(file) for file in town.receipts() if file != first]
    receipts.verify(again, (kept / "public.key").read_text())
    assert again["again"] == receipts.read(first)["id"]
    assert (again["verdict"], again["surfaces"]) == ("erased", [])
    assert not [file for part in ("keys", "watched") for file in (kept / part).iterdir()]


def test_the_second_look_finds_what_came_back_by_id_and_by_words(town: Town) -> None:
    name = FORGOTTEN[0]
    town.forget(name)
    town.night()
    town.night()
    town.services.ledger.add_audit(
        AuditEntry(at=EARLIER, who="rita", action="note", subject=ident("aaaa", name), detail={})
    )
    quote(town, f"Where did {name} put the ladder of {name}?")
    others = interaction("eeee000000000000", question=f"Where did {PEOPLE[0]} put the ladder of somebody else then?")
    town.services.ledger.add_interaction(others)
    later(town, 8).night()
    [again] = [read for file in town.receipts() if "again" in (read := receipts.read(file))]
    assert again["verdict"] == "residual"
    found = {surface["surface"]: surface["after"] for surface in again["surfaces"]}  # type: ignore[union-attr, index, call-overload]
    assert found == {"audit": 1, "reports": 1}


def test_the_key_of_a_request_that_is_just_being_recorded_is_not_destroyed(town: Town) -> None:
    key = town.folder / "data/receipts/keys/new.key"
    key.parent.mkdir(parents=True)
    key.write_text("00" * 32)
    town.night()
    assert key.exists()


def test_a_second_look_that_cannot_be_made_is_told_and_ends_no_night(town: Town) -> None:
    kept = town.folder / "data/receipts"
    for name in FORGOTTEN:
        town.forget(name)
    town.night()
    town.night()
    broken, other, third = sorted((kept / "watched").iterdir())
    broken.write_text("{")
    (kept / "keys" / f"{other.stem}.key").unlink()
    (kept / "keys" / f"{third.stem}.key").write_text("no key")
    with town.services.ledger.lock("reindex"):
        told = erasing.settle(later(town, 8).services)
    assert sorted(word.partition(":")[0].split(" erased")[0] for word in told) == [
        f"{broken} does not say what to look for again",
        *(f"cannot look again for what {watched.stem}" for watched in (other, third)),
    ]
    assert len(town.receipts()) == 3


def test_a_night_that_began_before_the_request_brings_nobody_back(town: Town) -> None:
    services, name, asked = town.services, FORGOTTEN[0], []
    services.ledger.add_golden_case(
        replace(services.ledger.golden_cases()[0], case_id="golden:late", added=services.now())
    )

    def step(stage: str, done: int, total: int) -> None:
        if stage == "deciding" and not asked:
            asked.append(town.forget(name))

    decided = reindex(services, force=False, steps=step)
    assert (asked, decided.decision) == ([ErasureState.ASKED], CycleDecision.FROZEN)
    assert "asked to be forgotten" in decided.reasons[-1]
    town.night()
    town.night()
    assert [entry.state for entry in services.ledger.erasures()] == [ErasureState.DONE]
    assert (town.rows_with(name), town.files_with(name)) == ([], [])


class Listing(MemoryIndex):
    """It lists one version more than there is, as where a night deletes one just now."""

    def versions(self) -> list[VersionId]:
        return [*super().versions(), VersionId("v-gone")]


def test_a_version_that_a_night_deletes_meanwhile_stops_no_request(tmp_path: Path) -> None:
    made = replace(built_in(tmp_path, SETTINGS).services, index=Listing())
    leave_everything(PEOPLE[0], made)
    town = Town(services=made, folder=tmp_path)
    assert erasing.preview(town.scope(PEOPLE[0]), made).records["interactions"] == 2


def test_what_is_looked_for_is_found_where_it_is_left(town: Town) -> None:
    scope = town.scope(PEOPLE[0])
    traces, _ = erasing._found(scope, b"k" * 32, town.services)
    found = traces_left.count(scope, traces, town.services)
    assert found.keys() >= {"interactions", "corrections", "index", "reports", "decisions", "golden_cases", "exposures"}
    assert CorrectionId(ident("cccc", PEOPLE[0])) in traces.names
