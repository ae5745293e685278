"""Forget some of many people while others ask and nights run, and look whether anything of them is left.

    python benchmarks/erasure.py --people 500 --erased 50 --store embedded
    python benchmarks/erasure.py --people 500 --erased 50 --store servers     # PostgreSQL, and a stand-in for Qdrant

Each person leaves two questions, a comment, a thumb, an accepted correction, a judged question, an exposure, a
remembered reply, a notice and an audit entry. Then one thread asks, one runs nights, and some people are forgotten, one
after the other. What is left of them is looked for by name, id and pseudonym in every row, passage and file; what the
others left is compared with before. Then the ledger's backup of before is put back, and the same is looked for again.
Encoder and gate are small (`tests.unit.cycle.house`), since they are not what is measured. Exit code 1 where anything
was left, lost, or not signed.
"""

import argparse
import contextlib
import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from rag_flywheel.adapters.cache import SqliteCache
from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.index.qdrant_index import connect
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.adapters.models.cached_encoder import CachedEncoder
from rag_flywheel.domain import Interaction
from rag_flywheel.domain.erasures import ErasureState
from rag_flywheel.errors import FlywheelError
from rag_flywheel.ports import Ledger, PassageIndex
from rag_flywheel.privacy import receipts
from rag_flywheel.privacy.belongings import belongings
from rag_flywheel.services import Services
from tests.fakes.encoder import HashingEncoder
from tests.fakes.keys import keys_in
from tests.fakes.qdrant_server import QdrantServer
from tests.fakes.samples import interaction
from tests.postgres import running_postgres
from tests.unit.cycle.house import FACTS, built_in
from tests.unit.cycle.town import Town, leave_all, record_id

SETTINGS = """
golden: ''
index: {timeout: 0.001}
canary: {strategy: direct}
guardrails: {maximum_growth: 1000, maximum_shrink: 0.9, author_share_from: 100}
gate: {minimum_cases: 1, known_items: 8, neighbours: 4, replayed: 20}
"""
KINDS = ("aaaa", "bbbb", "cccc")
NIGHTS = 8  # at most, until all are forgotten
TRAFFIC = 0.02  # seconds between two questions


Stores = Callable[[], contextlib.AbstractContextManager[tuple[Ledger, PassageIndex]]]
Restore = Callable[[], None]


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[tuple[Stores, Callable[[], Restore]]]:
    """How ledger and index are opened, and how a backup of both is made while they are closed, and put back."""
    data, kept = folder / "data", folder / "backup"
    data.mkdir(parents=True)

    @contextlib.contextmanager
    def opened() -> Iterator[tuple[Ledger, PassageIndex]]:
        url = sqlite_url(data / "ledger.db")
        ledger, index = (
            open_ledger(url, timeout=60, lock_folder=data / "locks", keys=keys_in(data / "locks")),
            EdgeIndex(data / "index"),
        )
        with contextlib.closing(ledger), contextlib.closing(index):
            yield ledger, index

    def backup() -> Restore:
        kept.mkdir()
        shutil.copy(data / "ledger.db", kept)
        shutil.copytree(data / "index", kept / "index")

        def restore() -> None:
            for beside in data.glob("ledger.db*"):
                beside.unlink()
            shutil.rmtree(data / "index")
            shutil.copytree(kept, data, dirs_exist_ok=True)
            shutil.rmtree(kept)

        return restore

    yield opened, backup


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[tuple[Stores, Callable[[], Restore]]]:
    """The same of servers: the ledger's database is put back, and the collections of before with their alias."""
    data = folder / "data"
    data.mkdir(parents=True)
    with running_postgres() as postgres, QdrantServer() as qdrant:
        name = postgres.new_database()

        @contextlib.contextmanager
        def opened() -> Iterator[tuple[Ledger, PassageIndex]]:
            ledger = open_ledger(
                postgres.url(name), timeout=60, lock_folder=data / "locks", keys=keys_in(data / "locks")
            )
            index = connect(qdrant.url, api_key="", timeout=60, prefix="erasure", titles=True)
            with contextlib.closing(ledger), contextlib.closing(index):
                yield ledger, index

        def backup() -> Restore:
            postgres.execute(f"CREATE DATABASE {name}_kept TEMPLATE {name}")
            collections = qdrant.kept()

            def restore() -> None:
                postgres.drop(name)
                postgres.execute(f"ALTER DATABASE {name}_kept RENAME TO {name}")
                qdrant.put_back(collections)

            return restore

        yield opened, backup


def main() -> int:
    """Measure, print, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--erased", type=int, default=50)
    parser.add_argument("--store", choices=["embedded", "servers"], default="embedded")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    people = [f"kumquat{number:05}" for number in range(wanted.people)]
    chosen = sorted(random.Random(wanted.seed).sample(range(wanted.people), wanted.erased))
    stores = {"embedded": embedded, "servers": servers}
    with tempfile.TemporaryDirectory() as name, stores[wanted.store](Path(name)) as (opened, backup):
        found = _measured(Path(name), people, chosen, opened, backup)
    print(json.dumps({**vars(wanted), **found}, indent=2))
    return 1 if found["left"] or found["brought_back"] or found["lost"] or found["unsigned"] else 0


def _measured(
    folder: Path,
    people: Sequence[str],
    chosen: Sequence[int],
    opened: Stores,
    backup: Callable[[], Restore],
) -> dict[str, object]:
    cache = SqliteCache(folder / "data/cache.db")
    encoder = CachedEncoder(HashingEncoder(512), model="hashing", cache=cache)
    base = replace(built_in(folder, SETTINGS).services, cache=cache, encoders=lambda settings: encoder)
    others = [number for number in range(len(people)) if number not in set(chosen)]
    with contextlib.closing(cache):
        with opened() as (ledger, index):
            town = Town(services=replace(base, ledger=ledger, index=index), folder=folder)
            began = time.monotonic()
            for number, name in enumerate(people):
                leave_all(name, number, town.services)
            first = town.night()
            _say(f"{len(people)} people, first night {first.value}", began)
            before = {number: belongings(town.scope(people[number]), ledger) for number in others}
            traces = [
                trace
                for number in chosen
                for trace in (people[number], town.scope(people[number]).user, *(record_id(k, number) for k in KINDS))
            ]
            there = len(_left(town, traces))
        restore = backup()
        with opened() as (ledger, index):
            town = Town(services=replace(base, ledger=ledger, index=index), folder=folder)
            began = time.monotonic()
            seconds, asked, cycles = _forgotten(town, [people[number] for number in chosen])
            nights = _until_done(town)
            _say(f"{len(chosen)} forgotten, {asked} questions and {cycles} nights meanwhile", began)
            left = _left(town, traces)
            lost = sum(belongings(town.scope(people[number]), ledger) != before[number] for number in others)
            lost += abs(len(ledger.interactions_of("somebody else")) - asked)
            signed = [_verdicts(file, folder) for file in town.receipts()]
            _later(town, days=8).night()
            again = [_verdicts(file, folder) for file in town.receipts() if file.stem.endswith("-again")]
            keys = len(list((folder / "data/receipts/keys").iterdir()))
        restore()
        with opened() as (ledger, index):
            town = Town(services=replace(base, ledger=ledger, index=index), folder=folder)
            began = time.monotonic()
            came = len([row for row in ledger.records() if any(trace in json.dumps(row) for trace in traces[:5])])
            restored = _until_done(town)
            _say("the backup put back and swept", began)
            back = _left(town, traces)
            lost += sum(belongings(town.scope(people[number]), ledger) != before[number] for number in others)
    verdicts = [verdict for receipt in (*signed, *again) for verdict in receipt]
    return {
        "traces_before": there,
        "left": left,
        "lost": lost,
        "receipts": len(signed),
        "second_looks": len(again),
        "unsigned": len(chosen) - len(signed) + len(chosen) - len(again),
        "residual": verdicts.count("residual"),
        "keys_left": keys,
        "rows_that_a_backup_brought_of_the_first": came,
        "brought_back": back,
        "forget_seconds": {
            "median": round(statistics.median(seconds), 2),
            "longest": round(max(seconds), 2),
        },
        "nights_until_done": nights,
        "nights_after_the_backup": restored,
    }


def _forgotten(town: Town, names: Sequence[str]) -> tuple[list[float], int, int]:
    """Forget them while others ask and nights run; seconds of each, questions asked, nights run."""
    stop = threading.Event()
    asked, nights = _Counted(stop, lambda number: _ask(town, number)), _Counted(stop, lambda _: town.night())
    seconds = []
    for thread in (asked, nights):
        thread.start()
    try:
        for name in names:
            began = time.monotonic()
            town.forget(name)
            seconds.append(time.monotonic() - began)
    finally:
        stop.set()
        for thread in (asked, nights):
            thread.join()
    return seconds, asked.done, nights.done


class _Counted(threading.Thread):
    """An act again and again, until it is told to stop."""

    def __init__(self, stop: threading.Event, act: Callable[[int], object]) -> None:
        super().__init__()
        self.done = 0
        self._stop_now, self._act = stop, act

    def run(self) -> None:
        while not self._stop_now.is_set():
            with contextlib.suppress(FlywheelError):  # another run is on, or the version that was tried is barred
                self._act(self.done)
                self.done += 1
            self._stop_now.wait(TRAFFIC)


def _ask(town: Town, number: int) -> Interaction:
    title, _ = list(FACTS.values())[number % len(FACTS)]
    asked = interaction(f"eeee{number:018}", question=title, user="somebody else")
    town.services.ledger.add_interaction(asked)
    return asked


def _until_done(town: Town) -> int:
    """How many nights it takes until nobody is being forgotten any more."""
    for night in range(NIGHTS):
        town.night()
        if all(entry.state is ErasureState.DONE for entry in town.services.ledger.erasures()):
            return night + 1
    return NIGHTS


def _left(town: Town, traces: Sequence[str]) -> list[str]:
    """Where any of the traces stands: tables, versions and files, once for each row, passage and file."""
    ledger, index = town.services.ledger, town.services.index
    rows = ((table, json.dumps(row)) for table, row in ledger.records())
    passages = ((version, repr(chunk)) for version in index.versions() for chunk in index.chunks(version))
    found = [place for place, text in (*rows, *passages) if any(trace in text for trace in traces)]
    sought = [trace.encode() for trace in traces]
    for file in (town.folder / "data").rglob("*"):
        if file.is_file() and any(trace in file.read_bytes() for trace in sought):
            found.append(str(file.relative_to(town.folder)))
    return found


def _verdicts(file: Path, folder: Path) -> list[str]:
    """Of a receipt that verifies."""
    receipt = receipts.read(file)
    receipts.verify(receipt, (folder / "data/receipts/public.key").read_text(encoding="ascii"))
    surfaces = receipt["surfaces"]
    assert isinstance(surfaces, list)
    return [str(surface["verdict"]) for surface in surfaces if isinstance(surface, dict)]


def _later(town: Town, *, days: int) -> Town:
    now = town.services.now
    services: Services = replace(town.services, now=lambda: now() + timedelta(days=days))
    return replace(town, services=services)


def _say(what: str, began: float) -> None:
    print(f"{what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
