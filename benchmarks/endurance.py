"""A real server under mixed traffic for a long time, with cycles running: whether anything grows.

Two workers serve a small corpus with the bundled models. Requests arrive at a constant rate, whatever becomes of those
before (an open loop): questions, streams, ratings, corrections, decisions of a reviewer, and pages. Meanwhile `reindex`
runs again and again, so that corrections go live and versions are built, switched to and deleted. Every ten seconds a
line of JSON goes to `--out`: for all workers together their own memory, that of files they have mapped (both as PSS, in
which what workers share is counted once; the system takes the second back when it is short), open files and threads;
and the time of each kind of request (p50, p95), with failures by kind.

At the end it says of memory, files, threads and median latency whether they are flat: the median slope of all pairs of
samples (Theil and Sen) after the first quarter of the time, in which caches fill, with its interval of 95%. Flat is
what grows by less than five hundredths of its level in an hour, or may well not grow at all. Neighbouring samples are
alike, so that the true interval is wider. Exit code 1: something grows, a request failed, or a cycle did. Linux only.

    python benchmarks/endurance.py [--minutes 60] [--rate 5] [--cycle 180] [--workers 2] [--seed 0] [--out FILE]
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TextIO

import httpx
from scipy.stats import theilslopes
from switch_world import MACHINES, Server, serving

EVERY = 10.0  # seconds between two samples
PATIENCE = 60.0  # seconds for a reply
SETTLING = 0.25  # share of the time before what is measured for growth
GROWS = 0.05  # share of its level in an hour
KINDS = {"ask": 50, "stream": 20, "rate": 12, "correct": 3, "review": 5, "page": 10}
PAGES = ("/", "/review", "/versions", "/insights", "/gaps")
WATCHED = ("memory_mb", "files", "threads", "p50")
SETTINGS = """
privacy: {consent: assumed}
sources: [pages]
golden: ""
gate: {known_items: 80, neighbours: 10}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    seconds: float
    rate: float  # requests a second
    cycle: float  # seconds from the start of a reindex to the next one
    seed: int


@dataclass(slots=True, kw_only=True)
class Seen:
    """What came of the requests, since the last sample and in all."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    cycles: Counter[str] = field(default_factory=Counter)
    answers: deque[str] = field(default_factory=lambda: deque(maxlen=200))  # interactions to be rated
    handed_in: deque[str] = field(default_factory=deque)  # corrections to be decided on


def main() -> None:
    parser = argparse.ArgumentParser(description="Load a server for a long time, and tell whether anything grows.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=5.0, help="requests a second")
    parser.add_argument("--cycle", type=float, default=180.0, help="seconds from one reindex to the next")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where the samples go; standard output if not given")
    given = parser.parse_args()
    options = Options(seconds=60 * given.minutes, rate=given.rate, cycle=given.cycle, seed=given.seed)
    out = sys.stdout if given.out is None else given.out.open("w", encoding="utf-8")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, out:
        file = prepare(Path(folder))
        keys = [
            json.loads(command(file, "keys", "create", *words))["key"]
            for words in (("site", "--role", "admin", "--for-others"), ("grace", "--role", "reviewer"))
        ]
        with serving(file, workers=given.workers) as server:
            samples, seen = asyncio.run(load(server, file, keys, options, out=out))
        told = verdict(samples, seen)
        print(json.dumps(told, indent=2), file=out)
    if given.out is not None:
        print(json.dumps(told, indent=2))
    sys.exit(0 if told["held"] else 1)


def prepare(folder: Path) -> Path:
    """A folder with pages and settings, and a first version that is live."""
    (folder / "pages").mkdir()
    for number, machine in enumerate(MACHINES):
        text = (
            f"# The {machine}\n\nThe {machine} is serviced every {number + 2} weeks, and its seal is replaced.\n\n"
            f"## Cleaning the {machine}\n\nSwitch the {machine} off, and wipe it with a damp cloth.\n"
        )
        (folder / "pages" / f"{machine.replace(' ', '-')}.md").write_text(text, encoding="utf-8")
    (folder / "config.yaml").write_text(SETTINGS, encoding="utf-8")
    command(folder / "config.yaml", "reindex")
    return folder / "config.yaml"


def command(file: Path, *words: str) -> str:
    """What a command says on standard output. Raises where it fails."""
    made = [sys.executable, "-m", "rag_flywheel", "--config", str(file), *words, "--json"]
    return subprocess.run(made, stdout=subprocess.PIPE, text=True, check=True).stdout


# --- the load -------------------------------------------------------------------------------------------------------


async def load(
    server: Server, file: Path, keys: Sequence[str], options: Options, *, out: TextIO
) -> tuple[list[dict[str, float]], Seen]:
    chance, seen = Random(options.seed), Seen()
    site, reviewer = ({"Authorization": f"Bearer {key}"} for key in keys)
    # As many connections as are wanted, and none that waits for longer than a server keeps it open.
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, headers=site, limits=limits) as client:
        while not await _warm(client):
            await asyncio.sleep(1)
        begin = time.monotonic()
        beside = [
            asyncio.create_task(_sample(server, seen, begin, options.seconds, out)),
            asyncio.create_task(_cycles(file, seen, begin, options)),
        ]
        pending: set[asyncio.Task[None]] = set()
        for number in range(int(options.seconds * options.rate)):
            await asyncio.sleep(max(0.0, begin + number / options.rate - time.monotonic()))
            kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
            task = asyncio.create_task(_timed(kind, number, client, chance, seen, reviewer))
            pending.add(task)
            task.add_done_callback(pending.discard)
        await asyncio.gather(*pending)
        samples, _ = await asyncio.gather(*beside)
        assert samples is not None
        return samples, seen


async def _warm(client: httpx.AsyncClient) -> bool:
    """Whether workers answer, several times in a row."""
    try:
        return all([(await client.get("/health")).is_success for _ in range(20)])
    except httpx.TransportError:  # they are starting
        return False


async def _timed(
    kind: str, number: int, client: httpx.AsyncClient, chance: Random, seen: Seen, reviewer: Mapping[str, str]
) -> None:
    begin = time.monotonic()
    seen.asked += 1
    try:
        reply = (
            await _review(client, chance, seen, reviewer)
            if kind == "review"
            else await _request(kind, number, client, chance, seen)
        )
    except httpx.HTTPError as error:
        seen.failures[f"{kind} {type(error).__name__}"] += 1
        return
    if reply is None:
        return
    if not reply.is_success or "event: error" in (reply.text if kind == "stream" else ""):
        seen.failures[f"{kind} {reply.status_code}"] += 1
    else:
        seen.waits[kind].append(time.monotonic() - begin)


async def _request(
    kind: str, number: int, client: httpx.AsyncClient, chance: Random, seen: Seen
) -> httpx.Response | None:
    """Send one of the kind; None where there is nothing yet to send it about."""
    machine, user = chance.choice(MACHINES), f"person {chance.randrange(200)}"
    question = f"How often is the {machine} serviced? It is unit {number}."
    if kind in ("ask", "stream"):
        body = {"question": question, "user_id": user, "stream": kind == "stream"}
        reply = await client.post("/chat", json=body)
        if kind == "ask" and reply.is_success:
            seen.answers.append(f"{reply.json()['interaction_id']} {user}")
        return reply
    if kind == "page":
        return await client.get(chance.choice(PAGES), headers={"Accept": "text/html"}, follow_redirects=True)
    if not seen.answers:
        return None
    interaction, _, user = chance.choice(seen.answers).partition(" ")
    if kind == "rate":
        value = chance.choice(("up", "up", "down"))
        body = {"interaction_id": interaction, "kind": "thumb", "value": value, "user_id": user}
        return await client.post("/feedback", json=body)
    answer = f"The {machine} is serviced every {chance.randrange(2, 40)} weeks by its owner."
    reply = await client.post("/corrections", json={"interaction_id": interaction, "answer": answer, "user_id": user})
    if reply.is_success:
        seen.handed_in.append(reply.json()["id"])
    return reply


async def _review(client: httpx.AsyncClient, chance: Random, seen: Seen, reviewer: Mapping[str, str]) -> httpx.Response:
    """Decide on a correction, as somebody else than who handed it in; look at the queue where there is none."""
    if not seen.handed_in:
        return await client.get("/review", headers=reviewer)
    verdict = chance.choice(("accept", "accept", "reject"))
    return await client.post(f"/review/{seen.handed_in.popleft()}", json={"verdict": verdict}, headers=reviewer)


async def _cycles(file: Path, seen: Seen, begin: float, options: Options) -> None:
    """Reindex again and again, the last time early enough to be seen."""
    due = begin + options.cycle / 2
    while due < begin + options.seconds - options.cycle / 2:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        words = ["-m", "rag_flywheel", "--config", str(file), "reindex", "--json"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        out, _ = await process.communicate()
        decided = json.loads(out).get("decision") if out else None
        seen.cycles[decided or f"exit code {process.returncode}"] += 1
        due = max(due + options.cycle, time.monotonic())


async def _sample(server: Server, seen: Seen, begin: float, seconds: float, out: TextIO) -> list[dict[str, float]]:
    samples: list[dict[str, float]] = []
    while time.monotonic() < begin + seconds:
        await asyncio.sleep(EVERY)
        waits, seen.waits = seen.waits, defaultdict(list)
        every = sorted(wait for some in waits.values() for wait in some) or [0.0]
        sample = {
            "seconds": round(time.monotonic() - begin, 1),
            **resources(server.workers()),
            "p50": round(statistics.median(every), 4),
            "p95": round(every[int(0.95 * (len(every) - 1))], 4),
        }
        samples.append(sample)
        medians = {kind: round(statistics.median(some), 4) for kind, some in waits.items()}
        told = {**sample, "medians": medians, "failures": dict(seen.failures), "cycles": dict(seen.cycles)}
        print(json.dumps(told), file=out, flush=True)
    return samples


def resources(pids: Sequence[int]) -> dict[str, float]:
    """Of these processes together: memory of their own and mapped, open files and threads."""
    memory = mapped = files = threads = 0
    for pid in pids:
        rolled = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
        memory += next(int(kilobytes) for name, kilobytes, *_ in rolled if name == "Pss_Anon:")
        mapped += next(int(kilobytes) for name, kilobytes, *_ in rolled if name == "Pss_File:")
        files += len(os.listdir(f"/proc/{pid}/fd"))
        threads += len(os.listdir(f"/proc/{pid}/task"))
    return {
        "memory_mb": round(memory / 1024, 1),
        "mapped_mb": round(mapped / 1024, 1),
        "files": files,
        "threads": threads,
    }


# --- what it says ---------------------------------------------------------------------------------------------------


def verdict(samples: Sequence[Mapping[str, float]], seen: Seen) -> dict[str, Any]:
    """Whether anything grew, and all that failed."""
    late = [sample for sample in samples if sample["seconds"] >= SETTLING * samples[-1]["seconds"]]
    grown = {name: growth([(sample["seconds"], sample[name]) for sample in late]) for name in WATCHED}
    broken = [name for name in seen.cycles if name.startswith("exit code")]
    return {
        "asked": seen.asked,
        "failures": dict(seen.failures),
        "cycles": dict(seen.cycles),
        "growth": grown,
        "held": all(each["flat"] for each in grown.values()) and not seen.failures and not broken,
    }


def growth(points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The slope by the hour of (seconds, value), with its interval of 95%, and whether that is flat."""
    slope, _, low, high = theilslopes([value for _, value in points], [at / 3600 for at, _ in points], 0.95)
    level = statistics.median(value for _, value in points)
    return {
        "level": level,
        "an_hour": round(float(slope), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "flat": bool(low <= 0 or slope <= GROWS * level),
    }


if __name__ == "__main__":
    main()
