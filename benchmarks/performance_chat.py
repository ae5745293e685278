"""What one worker takes to start, to answer and to hold: extractive answers from the handbook, over HTTP."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
from performance_rows import Measured, options, pages, tell

SETTINGS = (
    "sources: [docs]\nprivacy: {consent: assumed}\nguardrails: {maximum_stale: 1.0}\ngate: {known_items: 0}\n"
    "limits: {person_per_minute: 100000, address_per_minute: 100000, at_once: 64}\n"
)
CLIENTS = 8
ASKED = 40  # new questions, and as often a repeated one
REPEATED = 4  # times that all clients together ask them again
READY = 120.0  # seconds, at most


def main() -> None:
    given = options()
    with TemporaryDirectory() as name:
        config = Path(name) / "config.yaml"
        (Path(name) / "docs").mkdir()
        for page in pages(given.pages):
            shutil.copy(page, Path(name) / "docs")
        config.write_text(SETTINGS, encoding="utf-8")
        command = [sys.executable, "-m", "rag_flywheel", "--config", str(config)]
        subprocess.run([*command, "reindex"], check=True, capture_output=True)
        starts = [_started(command) for _ in range(2)]
        process, url, seconds = _serving(command)
        worked = _processor(process.pid)
        try:
            rows = _asked(url, process.pid, _questions(given.pages))
        finally:
            _end(process)
    ready = statistics.median([*starts, seconds])
    start = Measured(
        what="server ready",
        unit="s",
        ours=round(ready, 1),
        aim="5 s",
        met=ready <= 5,
        quality=f"{worked:.1f} s of the processor",
    )
    new = len(_questions(given.pages)[10 : 10 + ASKED])
    amount = f"{len(starts) + 1} starts over {given.pages} pages, then {new} new questions, {ASKED} times one that was "
    tell([start, *rows], amount + f"asked before, and {REPEATED * new} questions by {CLIENTS} clients")


def _asked(url: str, pid: int, questions: Sequence[str]) -> list[Measured]:
    with httpx.Client(base_url=url, timeout=READY) as client:

        def answered(question: str) -> float:
            began = time.perf_counter()
            client.post("/chat", json={"question": question, "user_id": "bench"}).raise_for_status()
            return 1000 * (time.perf_counter() - began)

        for question in questions[:10]:
            answered(question)
        before = _processor(pid)
        new = [answered(question) for question in questions[10 : 10 + ASKED]]
        each = 1000 * (_processor(pid) - before) / len(new)
        again = [answered(questions[0]) for _ in range(ASKED)]
        several = list(questions[10 : 10 + ASKED])
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(answered, several * REPEATED))
        rate = REPEATED * len(several) / (time.perf_counter() - began)
        held = _resident(pid)
    median = float(np.median(new))
    return [
        Measured(
            what="`/chat`, new questions, p50",
            unit="ms",
            ours=round(median, 1),
            aim="40 ms",
            met=median <= 40,
            quality=f"{each:.0f} ms of the server's processor for each",
        ),
        Measured(what="`/chat`, new questions, p95", unit="ms", ours=round(float(np.quantile(new, 0.95)), 1)),
        Measured(what="`/chat`, a repeated question, p50", unit="ms", ours=round(float(np.median(again)), 1)),
        Measured(what=f"`/chat`, {CLIENTS} clients", unit="requests/s", ours=round(rate, 1), aim="60", met=rate >= 60),
        Measured(
            what="memory of the server, all processes", unit="MB", ours=round(held), aim="600 MB", met=held <= 600
        ),
    ]


def _questions(count: int) -> list[str]:
    """The headings of the pages, as questions."""
    lines = [line for page in pages(count) for line in page.read_text(encoding="utf-8").splitlines()]
    return [f"What about {line.lstrip('# ').lower()}?" for line in lines if line.startswith("##")]


def _serving(command: Sequence[str]) -> tuple[subprocess.Popen[str], str, float]:
    began = time.perf_counter()
    process = subprocess.Popen([*command, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = "http://" + process.stdout.readline().rpartition("http://")[2].strip()
    while time.perf_counter() - began < READY:
        try:
            if httpx.get(f"{url}/health").status_code == httpx.codes.OK:
                return process, url, time.perf_counter() - began
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    _end(process)
    raise SystemExit(f"the server was not ready within {READY:g} seconds")


def _started(command: Sequence[str]) -> float:
    process, _, seconds = _serving(command)
    _end(process)
    return seconds


def _end(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGTERM)
    process.wait(timeout=60)


def _below(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text(encoding="utf-8").split()] if listed.is_file() else []


def _processor(pid: int) -> float:
    """Seconds of a process and those below it, user and system (proc(5))."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    own = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_processor(child) for child in _below(pid))


def _resident(pid: int) -> float:
    """MB of a process and those below it, what they share counted in each."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000
    return own + sum(_resident(child) for child in _below(pid))


if __name__ == "__main__":
    main()
