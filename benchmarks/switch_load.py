"""A real server under steady load while the alias moves, workers are restarted and one is killed: what its users see.

Two versions of one small corpus, told apart by every sentence, are served by real models, in embedded mode or from the
Qdrant server and the PostgreSQL that RAG_FLYWHEEL_INDEX__URL and RAG_FLYWHEEL_LEDGER__URL name. Questions of many
people arrive at a constant rate, whatever becomes of those before (an open loop), each over a connection of its own and
at a host by chance, which is a server with workers of its own. Meanwhile another process moves the alias, by turns with
a canary that goes through all its steps and with a rollback; two workers are ended by SIGTERM, one after the other, and
one by SIGKILL. What must hold:

- No request fails, but those whose connection was open at the moment of the SIGKILL.
- No answer cites, or quotes, a passage of another version than the one it names.
- Within a step of a canary a person is on one arm, and nobody goes from the treatment back to the control.
- Who is on the treatment gets the candidate.
- Every worker follows the alias within a second: no question sent later than that is answered by the version that was
  live before. (People of a canary's treatment are not counted here.)

In much less than the default time both workers can be starting at once, and then questions wait for them.
How soon a move is followed is seen through the answers, so it is known to the distance of two questions. A worker that
ended is counted as replaced when the supervisor has another one. Memory is resident, and what workers share counts in
each. When a promise is broken, the exit code is 1. Linux only. Usage:

    python benchmarks/switch_load.py [--seconds 300] [--rate 50] [--moves 40] [--hosts 1] [--workers 2] [--seed 0]
        [--json]
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from switch_world import EDITIONS, VERSIONS, Move, Server, edition_of, moving, opened, prepare, questions, serving

from rag_flywheel.domain import Arm, Exposure

PEOPLE = 400
PATIENCE = 60.0  # seconds for an answer
FOLLOWED = 1.0  # seconds, at most
ENDS = (
    (0.25, signal.SIGTERM),
    (0.5, signal.SIGTERM),
    (0.75, signal.SIGKILL),
)  # share of the time, and what a worker gets
LET_GO = 2.0  # seconds before the first question and after the last
DYING = 0.1  # seconds that a process may take to die of SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    seconds: float
    rate: float  # questions a second
    moves: int
    hosts: int
    workers: int  # of each host
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question as it went. Times are of time.monotonic; `due` is when it should have been sent."""

    person: str
    due: float
    sent: float
    ended: float
    failure: str  # empty: it was answered
    reply: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A worker that was sent a signal."""

    pid: int
    by: signal.Signals
    at: float


def main() -> None:
    parser = argparse.ArgumentParser(description="Load a server while versions switch and workers end.")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=50.0, help="questions a second")
    parser.add_argument("--moves", type=int, default=40, help="of the alias")
    parser.add_argument("--hosts", type=int, default=1, help="servers")
    parser.add_argument("--workers", type=int, default=2, help="of each host")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    arguments = vars(parser.parse_args())
    if arguments["workers"] < 2:
        parser.error("--workers is 2 at least: a single worker has nobody who would replace it")
    as_json = arguments.pop("json")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        result = measure(Path(folder), Options(**arguments))
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result, Console())
    sys.exit(0 if all(promise["held"] for promise in result["promises"].values()) else 1)


def measure(folder: Path, options: Options) -> dict[str, Any]:
    """Everything that was seen, with what was promised of it."""
    file = prepare(folder)
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(serving(file, workers=options.workers)) for _ in range(options.hosts)]
        asyncio.run(_warm(hosts))
        begin = time.monotonic() + LET_GO
        with moving(file, moves=options.moves, seconds=options.seconds, begin=begin) as moved:
            asked, ended = asyncio.run(_load(hosts, options, begin))
            moves = moved()
        memory = {host.pid: host.kilobytes() for host in hosts}
    with opened(file) as services:
        exposures = services.ledger.exposures()
        candidates = {canary.canary_id: canary.treatment for canary in services.ledger.canaries()}
    return _result(options, asked, ended, moves, exposures, candidates, memory)


# --- the load -------------------------------------------------------------------------------------------------------


async def _warm(hosts: Sequence[Server]) -> None:
    """Until all workers answer: each question goes over a connection of its own."""
    async with _client() as client:
        for host in hosts:
            for _ in range(3):
                await asyncio.gather(*(client.post(host.chat, json={"question": text}) for text in questions()))


async def _load(hosts: Sequence[Server], options: Options, begin: float) -> tuple[list[Asked], list[Ended]]:
    chance = Random(options.seed)
    async with _client() as client:
        ending = asyncio.create_task(_end_workers(hosts, options.seconds, begin))
        pending = []
        for number in range(int(options.seconds * options.rate)):
            due = begin + number / options.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            person = f"person {chance.randrange(PEOPLE)}"
            text = f"{chance.choice(questions())} It is unit {number}."  # so that no vector is at hand already
            pending.append(asyncio.create_task(_ask(client, chance.choice(hosts), person, text, due)))
        asked = await asyncio.gather(*pending)
        await asyncio.sleep(LET_GO)
        return asked, await ending


async def _ask(client: httpx.AsyncClient, host: Server, person: str, text: str, due: float) -> Asked:
    sent, failure, reply = time.monotonic(), "", {}
    try:
        response = await client.post(host.chat, json={"question": text, "user_id": person})
        reply = response.json()
        failure = "" if response.is_success else f"{response.status_code} {reply.get('error')}"
    except httpx.HTTPError as error:
        failure = type(error).__name__
    return Asked(person=person, due=due, sent=sent, ended=time.monotonic(), failure=failure, reply=reply)


async def _end_workers(hosts: Sequence[Server], seconds: float, begin: float) -> list[Ended]:
    """End the worker that has been there longest, on one host after the other."""
    ended = []
    for (share, by), host in zip(ENDS, itertools.cycle(hosts)):
        await asyncio.sleep(max(0.0, begin + share * seconds - time.monotonic()))
        oldest = host.workers()[0]
        ended.append(Ended(pid=oldest, by=by, at=time.monotonic()))
        os.kill(oldest, by)
    return ended


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0))


# --- what was seen --------------------------------------------------------------------------------------------------


def _result(
    options: Options,
    asked: Sequence[Asked],
    ended: Sequence[Ended],
    moves: Sequence[Move],
    exposures: Sequence[Exposure],
    candidates: Mapping[Any, Any],
    memory: Mapping[int, Mapping[int, int]],
) -> dict[str, Any]:
    answered = [question for question in asked if not question.failure]
    failed = [question for question in asked if question.failure]
    excused = [question for question in failed if killed(question, ended)]
    waits = sorted(question.ended - question.due for question in answered) or [0.0]
    follow = [followed(move, until, answered) for move, until in _until_the_next(moves)]
    workers = {pid: kilobytes for host, some in memory.items() for pid, kilobytes in some.items() if pid != host}
    result: dict[str, Any] = {
        "seconds": options.seconds,
        "rate": options.rate,
        "hosts": options.hosts,
        "workers": options.workers,
        "asked": len(asked),
        "answered": len(answered),
        "failed": dict(Counter(question.failure for question in failed if question not in excused)),
        "failed_by_kill": len(excused),
        "median_seconds": round(statistics.median(waits), 3),
        "p99_seconds": round(waits[int(0.99 * (len(waits) - 1))], 3),
        "slowest_seconds": round(waits[-1], 3),
        "without_citation": sum(not question.reply["citations"] for question in answered),
        "mixed": sum(map(mixed, answered)),
        "on_treatment": sum(question.reply["arm"] == Arm.TREATMENT for question in answered),
        "misplaced": sum(_misplaced(question, candidates) for question in answered),
        "people": len({question.person for question in asked}),
        "arm_changers": len(arm_changers(exposures)),
        "came_back": len(came_back(answered)),
        "moves": dict(Counter(move.by for move in moves)),
        "first_follows_seconds": _spread([first for first, _ in follow if first is not None]),
        "last_follows_seconds": _spread([last for _, last in follow]),
        "workers_ended": [worker.by.name for worker in ended],
        "workers_replaced": sum(worker.pid not in workers for worker in ended),
        "workers_at_the_end": len(workers),
        "supervisor_mb": [some[host] // 1024 for host, some in memory.items()],
        "worker_mb": [kilobytes // 1024 for kilobytes in workers.values()],
    }
    return {**result, "promises": promises(result, options)}


def killed(asked: Asked, ended: Sequence[Ended]) -> bool:
    """Whether the question was under way when a worker was killed. What answered with a status was not its own."""
    disconnected = not asked.failure[0].isdigit()
    return disconnected and any(
        asked.sent <= end.at + DYING and end.at <= asked.ended for end in ended if end.by is signal.SIGKILL
    )


def mixed(asked: Asked) -> bool:
    """Whether the answer cites or quotes another version than the one it names."""
    named = next(edition for edition, version in VERSIONS.items() if version == asked.reply["version"])
    cited = {edition_of(citation["document_id"]) for citation in asked.reply["citations"]}
    quoted = " ".join([asked.reply["answer"], *(citation["text"] for citation in asked.reply["citations"])])
    return not cited <= {named} or any(edition in quoted for edition in EDITIONS if edition != named)


def _misplaced(asked: Asked, candidates: Mapping[Any, Any]) -> bool:
    return bool(asked.reply["arm"] == Arm.TREATMENT and asked.reply["version"] != candidates[asked.reply["canary"]])


def arm_changers(exposures: Iterable[Exposure]) -> set[tuple[str, str]]:
    """(person, canary) with two arms in one step, or on the control in a step after one on the treatment."""
    steps: dict[tuple[str, str], dict[int, set[Arm]]] = defaultdict(lambda: defaultdict(set))
    for exposure in exposures:
        if exposure.canary_id is not None:
            steps[exposure.unit, exposure.canary_id][exposure.step].add(exposure.arm)
    changed = set()
    for key, arms in steps.items():
        in_order = [arm for step in sorted(arms) for arm in sorted(arms[step], reverse=True)]  # treatment, control
        if any(len(some) > 1 for some in arms.values()) or in_order != sorted(in_order):  # control before treatment
            changed.add(key)
    return changed


def came_back(answered: Sequence[Asked]) -> set[tuple[str, str]]:
    """(person, canary) with an answer on the treatment and then one, asked later, on the control."""
    treated: dict[tuple[str, str], float] = {}  # when the first answer on the treatment was there
    for asked in answered:
        if asked.reply["canary"] and asked.reply["arm"] == Arm.TREATMENT:
            key = (asked.person, asked.reply["canary"])
            treated[key] = min(asked.ended, treated.get(key, asked.ended))
    return {
        (asked.person, asked.reply["canary"])
        for asked in answered
        if asked.reply["canary"]
        and asked.reply["arm"] == Arm.CONTROL
        and asked.sent > treated.get((asked.person, asked.reply["canary"]), float("inf"))
    }


def followed(move: Move, until: float, answered: Iterable[Asked]) -> tuple[float | None, float]:
    """Seconds after the move, up to the next one: to the first answer of the new version (None: there was none), and
    to the last question that the old version answered, 0 when it answered none.
    """
    control = [asked for asked in answered if asked.reply["arm"] == Arm.CONTROL]
    new = [
        asked.ended for asked in control if asked.reply["version"] == move.to and move.before <= asked.ended <= until
    ]
    old = [
        asked.sent
        for asked in control
        if asked.reply["version"] != move.to and move.after <= asked.sent and asked.ended < until
    ]
    return (max(0.0, min(new) - move.after) if new else None), max((sent - move.after for sent in old), default=0.0)


def _until_the_next(moves: Sequence[Move]) -> Iterator[tuple[Move, float]]:
    ends = [*(move.before for move in moves[1:]), float("inf")]
    yield from zip(moves, ends, strict=True)


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {"median": round(statistics.median(seconds), 3), "most": round(max(seconds), 3)}


# --- what was promised ----------------------------------------------------------------------------------------------


def promises(result: Mapping[str, Any], options: Options) -> dict[str, dict[str, Any]]:
    """By name: what was seen against it, the limit, and whether it was held."""
    workers = options.hosts * options.workers
    asked = [
        ("no request fails but those of the killed worker's connections", sum(result["failed"].values()), 0),
        ("no answer mixes versions", result["mixed"], 0),
        ("nobody changes arm within a canary", result["arm_changers"] + result["came_back"], 0),
        ("who is on the treatment gets the candidate", result["misplaced"], 0),
        ("the last worker follows the alias within a second", result["last_follows_seconds"].get("most", 0), FOLLOWED),
        ("every move of the alias was made", options.moves - sum(result["moves"].values()), 0),
        ("every worker that ended was replaced", len(result["workers_ended"]) - result["workers_replaced"], 0),
        ("as many workers at the end as at the beginning", workers - result["workers_at_the_end"], 0),
        ("answers have citations by which the versions are told apart", result["without_citation"], 0),
    ]
    return {name: {"seen": seen, "limit": limit, "held": seen <= limit} for name, seen, limit in asked}


def show(result: Mapping[str, Any], console: Console) -> None:
    """What was seen, a row each, then the promises."""
    table = Table("seen", "", title="Switching under load", title_justify="left")
    for name, value in result.items():
        if name != "promises":
            table.add_row(name.replace("_", " "), _said(value))
    console.print(table)
    for name, promise in result["promises"].items():
        console.print(f"{'held  ' if promise['held'] else 'BROKEN'}  {name}: {promise['seen']}", highlight=False)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "-"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    main()
