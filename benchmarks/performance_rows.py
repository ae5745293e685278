"""What the parts of `performance` have in common: a row, its aim, timing by turns, and the machine."""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PARTS = ("models", "build", "search", "chat", "engine")
DOCS = Path(__file__).parent.parent / "docs"
RECORDS = {"decisions.md", "measurements.md", "performance.md"}  # pages that are long, or written by the benchmark
TELLING = ("avx", "amx")  # flags of processors that decide about fast arithmetic
PACKAGES = ("torch", "sentence-transformers", "onnxruntime", "openvino", "llama-index-core", "qdrant-client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One thing, by this project and by another; medians. `theirs` and `ratio` are None where nothing is compared.

    `ratio` is above 1 where this project is better. `quality` says whether both came to the same.
    """

    what: str
    unit: str
    ours: float
    other: str = ""
    theirs: float | None = None
    ratio: float | None = None
    aim: str = ""
    met: bool | None = None
    quality: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    rows: tuple[Measured, ...]
    load: tuple[float, ...]  # of the machine at its end, over 1, 5 and 15 minutes
    threads: int
    problem: str
    command: str = ""  # that measures this part again
    amount: str = ""  # of rounds, texts, pages and so on; both are empty in what earlier releases kept

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Part":
        rows = tuple(Measured(**row) for row in kept["rows"])
        return cls(**{**kept, "rows": rows, "load": tuple(kept["load"])})


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name, usual in (("pages", 12), ("texts", 64), ("rounds", 5), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    return parser.parse_args()


def tell(rows: Sequence[Measured], amount: str) -> None:
    """What was found, and how much was measured for it."""
    print(json.dumps({"rows": [asdict(row) for row in rows], "amount": amount}))


def by_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, round for round; a round before them warms all up and is not counted."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, work in ways.items():
            began = time.perf_counter()
            work()
            if number:
                took[name].append(time.perf_counter() - began)
    return took


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Of each round's two, the median."""
    return round(statistics.median(of / own for of, own in zip(theirs, ours, strict=True)), 2)


def pages(count: int) -> list[Path]:
    """Some pages of the handbook, alphabetically."""
    return [page for page in sorted(DOCS.glob("*.md")) if page.name not in RECORDS][:count]


def texts(count: int, characters: int = 600) -> list[str]:
    """From all of the handbook's pages, evenly."""
    found = []
    for page in pages(1000):
        text = page.read_text(encoding="utf-8")
        found += [text[at : at + characters] for at in range(0, len(text), characters)]
    return found[:: max(1, len(found) // count)][:count]


def machine() -> dict[str, str]:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    cores = sum(line.startswith("processor") for line in lines)
    packages = {package: _version(package) for package in PACKAGES}
    return {
        "processor": f"{name or platform.processor() or 'unknown'}, {cores or 'unknown'} cores",
        "flags": " ".join(sorted({flag for flag in flags if flag.startswith(TELLING)})) or "unknown",
        "packages": ", ".join(f"{package} {number}" for package, number in packages.items()),
        "python": platform.python_version(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
