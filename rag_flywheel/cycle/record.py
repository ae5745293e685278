"""How the cycles went: a small file beside the ledger, which whoever watches over the service reads.

The ledger knows of versions that were built, and not of nights on which nothing was to do or that broke off: an alert
about those needs both. It holds counts and times alone.
"""

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from rag_flywheel.cycle.result import CycleResult
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.ports import telemetry
from rag_flywheel.ports.telemetry import Kind

logger = logging.getLogger("rag_flywheel.cycle")

FILE = "cycles.json"  # in data_dir
FAILED = "failed"
"""The outcome of a cycle that an error ended; the others are those of `CycleDecision`."""
STAGES = {
    "fetching sources": "fetch",
    "reading files": "read",
    "looking at new texts": "screen",
    "finding what people named": "follow",
    "embedding elsewhere": "embed",
    "embedding passages": "embed",
    "learning": "learn",
    "tuning the reranker": "tune",
    "answering with the": "answer",
    "scoring the": "score",
    "comparing the judge": "judge",
    "checking the guardrails": "guard",
    "deciding": "decide",
    "deploying": "deploy",
    "keeping the live version": "deploy",
    "making answers ready": "embed",  # after the record was written
}
"""How a step begins, and the stage that it belongs to; what no stage has is a note."""


class Cycles(BaseModel):
    """All cycles that ended here."""

    outcomes: dict[str, int] = Field(default_factory=dict)
    seconds: float = 0.0  # of all of them
    last: dict[str, float] = Field(default_factory=dict)  # when each outcome was met last, in seconds since 1970
    stages: dict[str, float] = Field(default_factory=dict)  # seconds of each stage of the last one that built a version


def read(data: Path) -> Cycles:
    """What is known; nothing where no cycle ended yet, or where the file is damaged."""
    try:
        return Cycles.model_validate_json((data / FILE).read_bytes())
    except (OSError, ValidationError):
        return Cycles()


class Watched:
    """One cycle while it runs: the time of each stage, and a span for it."""

    def __init__(self, steps: Steps) -> None:
        self.seconds: dict[str, float] = {}
        self._steps = steps
        self._lock = threading.Lock()
        self._span = telemetry.begun("reindex", Kind.CHAIN)
        self._stage: str | None = None
        self._since = time.time_ns()

    def step(self, what: str, done: int, total: int) -> None:
        """What is under way, as `Steps` says it."""
        stage = stage_of(what)
        if stage is not None:
            with self._lock:
                self._move(stage)
        self._steps(what, done, total)

    def end(self, outcome: str, result: CycleResult | None, error: BaseException | None) -> None:
        """The cycle came to this."""
        with self._lock:
            self._move(None)
        span = self._span
        span.set_attribute(telemetry.DECISION, outcome)
        if error is not None:
            telemetry.failed(span, error)
        if result is not None and result.version is not None:
            span.set_attribute(telemetry.VERSION, result.version)
        if result is not None and result.counts is not None:
            span.set_attribute(telemetry.PASSAGES, result.counts.passages)
        span.end()

    def _move(self, stage: str | None) -> None:
        if stage == self._stage:
            return
        now = time.time_ns()
        if self._stage is not None:
            took = max(0.0, (now - self._since) / 1e9)
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + took
            telemetry.beneath(self._span, self._stage, start=self._since, end=now)
        self._stage, self._since = stage, now


def stage_of(step: str) -> str | None:
    return next((stage for begin, stage in STAGES.items() if step.startswith(begin)), None)


@contextlib.contextmanager
def recorded(
    data: Path, steps: Steps, now: Callable[[], datetime]
) -> Iterator[tuple[Steps, Callable[[CycleResult], None]]]:
    """A cycle: what its steps are told to, and what its result is told to. Without a result it failed."""
    watched, started = Watched(steps), time.perf_counter()
    results: list[CycleResult] = []
    error: BaseException | None = None
    try:
        yield watched.step, results.append
    except BaseException as raised:
        error = raised
        raise
    finally:
        result = results[-1] if results else None
        outcome = FAILED if result is None else str(result.decision)
        seconds = time.perf_counter() - started
        watched.end(outcome, result, error)
        _keep(data, outcome, seconds, watched.seconds, now())
        _log(outcome, seconds, result, error)


def _keep(data: Path, outcome: str, seconds: float, stages: Mapping[str, float], at: datetime) -> None:
    known = read(data)
    kept = Cycles(
        outcomes={**known.outcomes, outcome: known.outcomes.get(outcome, 0) + 1},
        seconds=known.seconds + seconds,
        last={**known.last, outcome: at.timestamp()},
        stages={name: round(took, 3) for name, took in stages.items()} if "decide" in stages else known.stages,
    )
    beside = data / f"{FILE}.new"
    with contextlib.suppress(OSError):  # a full disk has been told of by what ended the cycle
        beside.write_text(json.dumps(kept.model_dump()), encoding="utf-8")
        os.replace(beside, data / FILE)


def _log(outcome: str, seconds: float, result: CycleResult | None, error: BaseException | None) -> None:
    said: dict[str, object] = {"outcome": outcome, "seconds": round(seconds, 3)}
    if error is not None:
        said["error"] = type(error).__name__
    if result is not None:
        said |= {"version": result.version, "aside": len(result.aside), "skipped": len(result.skipped)}
        if result.counts is not None:
            said |= {"documents": result.counts.documents, "passages": result.counts.passages}
    logger.info("cycle", extra=said)
