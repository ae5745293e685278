"""What `switch_load` runs against: two versions that can be told apart, a real server, and a process that moves the
alias between them.
"""

import contextlib
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, TypeVar

from ingest.build import cut, entries
from ingest.corrections import Accepted
from rag_flywheel import config, wiring
from rag_flywheel.domain import (
    Canary,
    CanaryId,
    CanaryState,
    Decision,
    Document,
    DocumentId,
    LearnedRanking,
    Manifest,
    Outcome,
    VersionId,
)
from rag_flywheel.errors import AlreadyRunning
from rag_flywheel.rollout import promotion
from rag_flywheel.services import Services

EDITIONS = ("amber", "cobalt")
MACHINES = (
    "boiler",
    "heat pump",
    "dishwasher",
    "elevator",
    "printer",
    "oven",
    "water softener",
    "garage door",
    "greenhouse lamp",
    "coffee machine",
    "fire alarm",
    "ventilation",
)
VERSIONS = {edition: VersionId(f"v-{edition}") for edition in EDITIONS}
SHARES = (0.1, 0.25, 0.5)
SETTINGS = """
privacy: {consent: assumed}
sources: []
golden: ""
canary:
  shares: [0.1, 0.25, 0.5]
  minimum_people: 1000000000   # the server looks at the canaries and never decides: the benchmark moves the alias
  maximum_hours: 100000.0
  slow_seconds: 1000.0
  seconds_between_looks: 1.0
"""
WHO = "switch_load"
T = TypeVar("T")
STARTING = 120.0  # seconds
ENDING = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The alias was moved between two instants of time.monotonic, which all processes of a machine share."""

    to: VersionId
    by: Literal["canary", "rollback"]
    before: float
    after: float


def questions() -> list[str]:
    return [f"How often is the {machine} serviced, and what is replaced?" for machine in MACHINES]


def edition_of(document: str) -> str:
    """The edition that a document belongs to, by its id."""
    return document.partition("/")[0]


def prepare(folder: Path) -> Path:
    """Settings, and two versions with the real embedder, the first one live; returns the settings' file."""
    file = folder / "config.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    with opened(file) as services:
        for edition in EDITIONS:
            _build(edition, services)
        live = VERSIONS[EDITIONS[0]]
        now, index, ledger = services.now(), services.index, services.ledger
        promotion.promote(live, expected=None, index=index, ledger=ledger, act=promotion.act_of(WHO, "begin", at=now))
    return file


def opened(file: Path) -> contextlib.AbstractContextManager[Services]:
    return wiring.services(config.load(file), config.secrets())


def _build(edition: str, services: Services) -> None:
    settings = services.config
    documents = [_page(edition, machine, number) for number, machine in enumerate(MACHINES)]
    nothing = Accepted(documents=(), hiding=(), superseded=())
    encoder = services.encoders(settings.embedder)
    forms, counts = cut(documents, nothing, skipped=0, settings=settings.ingest, counter=encoder, cache=services.cache)
    version, now = VERSIONS[edition], datetime.now(UTC)
    batches = entries(
        forms.chunks, encoder=encoder, titles=settings.ingest.embed_titles, on_step=lambda done, total: None
    )
    services.index.build(version, dimension=encoder.dimension, batches=batches)
    sections = ("ingest", "privacy", "embedder", "reranker", "retrieval")
    services.ledger.add_version(
        Manifest(
            version_id=version,
            parent=None,
            created=now,
            inputs=edition,
            sources={},
            feedback_cutoff=now,
            corrections=(),
            confirmed=(),
            embedder=encoder.name,
            learned=LearnedRanking(),
            settings={name: getattr(settings, name).model_dump(mode="json") for name in sections},
            counts=counts,
            notes=(),
        )
    )
    services.ledger.add_decision(
        Decision(
            version_id=version,
            control=None,
            decided=now,
            outcome=Outcome.PASSED,
            reasons=("as the test wants",),
            report={},
        )
    )


def _page(edition: str, machine: str, number: int) -> Document:
    other = MACHINES[(number + 5) % len(MACHINES)]
    text = (
        f"In the {edition} edition the {machine} is serviced every {number + 2} weeks, and its {edition} seal is "
        f"replaced. The {machine} of the {edition} edition must never stand beside the {other}."
    )
    name = f"{edition}/{machine.replace(' ', '-')}.md"
    return Document(document_id=DocumentId(name), title=f"The {machine}", text=text, source=name)


# --- the server -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    url: str
    pid: int

    @property
    def chat(self) -> str:
        return f"{self.url}/chat"

    def workers(self) -> list[int]:
        """Process ids of the workers that there are now, oldest first. Linux."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sorted(pid for pid in map(int, children) if "spawn_main" in _command_line(pid))

    def kilobytes(self) -> dict[int, int]:
        """The resident memory of the supervisor and of each worker."""
        return {pid: _resident(pid) for pid in (self.pid, *self.workers())}


@contextlib.contextmanager
def serving(file: Path, *, workers: int) -> Iterator[Server]:
    """A server process on a free loopback port, as a person would start it."""
    command = [sys.executable, "-m", "rag_flywheel", "--config", str(file)]
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", "--workers", str(workers)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if "http://" not in line:
            raise RuntimeError(f"the server did not start: {line!r}")
        yield Server(url="http://" + line.rpartition("http://")[2].strip(), pid=process.pid)
    finally:
        process.terminate()
        process.wait(timeout=ENDING)
        process.stdout.close()


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:  # it ended just now
        return ""


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


# --- the mover ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def moving(file: Path, *, moves: int, seconds: float, begin: float) -> Iterator[Callable[[], list[Move]]]:
    """A process that moves the alias `moves` times within `seconds` from `begin`; what is yielded waits for it."""
    spawn = multiprocessing.get_context("spawn")  # not a fork of this one, whose threads it would not have
    ours, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_move, args=(file, moves, seconds, begin, theirs))
    process.start()
    theirs.close()

    def done() -> list[Move]:
        if not ours.poll(seconds + STARTING):
            raise RuntimeError("the process that moves the alias has not ended")
        found: list[Move] = ours.recv()
        return found

    try:
        yield done
    finally:
        process.join(timeout=ENDING)
        process.kill()
        process.join()
        ours.close()


def _move(file: Path, moves: int, seconds: float, begin: float, done: Connection) -> None:
    """By turns: a canary of the other version that goes through all its steps and is promoted, and a rollback."""
    period = seconds / (moves + 1)
    made: list[Move] = []
    with opened(file) as services:
        for number in range(moves):
            due = begin + (number + 1) * period
            live = services.index.live()
            assert live is not None
            to = next(version for version in VERSIONS.values() if version != live)
            if number % 2 == 0:
                made.append(_by_canary(live, to, due=due, period=period, services=services))
            else:
                _sleep_until(due)
                made.append(_timed(to, "rollback", partial(_roll_back, to, services)))
    done.send(made)


def _by_canary(live: VersionId, to: VersionId, *, due: float, period: float, services: Services) -> Move:
    ledger, index, now = services.ledger, services.index, services.now()
    canary = Canary(
        canary_id=CanaryId(services.new_id()),
        control=live,
        treatment=to,
        shadow=False,
        shares=SHARES,
        superior=False,
        expected=0.1,
        started=now,
        step=0,
        stepped=now,
        state=CanaryState.RUNNING,
    )
    _insist(lambda: promotion.start_canary(canary, index=index, ledger=ledger, who=WHO))
    for step in range(1, len(SHARES)):
        _sleep_until(due - period * (len(SHARES) - step) / (len(SHARES) + 1))
        canary = _advanced(canary, services)
    _sleep_until(due)
    at = services.now()
    return _timed(
        to,
        "canary",
        lambda: _expect(
            promotion.finish(
                canary, promoted=True, index=index, ledger=ledger, act=promotion.act_of(WHO, "better", at=at)
            )
        ),
    )


def _advanced(canary: Canary, services: Services) -> Canary:
    at, ledger = services.now(), services.ledger
    _expect(_insist(lambda: promotion.advance(canary, ledger=ledger, act=promotion.act_of(WHO, "next", at=at))))
    return replace(canary, step=canary.step + 1, stepped=at, reasons=("next",))


def _roll_back(to: VersionId, services: Services) -> None:
    promotion.roll_back(
        to, index=services.index, ledger=services.ledger, act=promotion.act_of(WHO, "turn", at=services.now())
    )


def _timed(to: VersionId, by: Literal["canary", "rollback"], act: Callable[[], None]) -> Move:
    def timed() -> Move:
        before = time.monotonic()
        act()
        return Move(to=to, by=by, before=before, after=time.monotonic())

    return _insist(timed)


def _insist(act: Callable[[], T]) -> T:
    """Do it, and again while another process holds the lock: the server looks at its canaries, too."""
    while True:
        try:
            return act()
        except AlreadyRunning:
            time.sleep(0.01)


def _expect(done: bool) -> None:
    if not done:
        raise RuntimeError("the canary changed under the benchmark's hands")


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
