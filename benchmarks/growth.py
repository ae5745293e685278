"""What an embedded version costs as it grows: building it without the encoder, its disk, its memory, and one search.

Passages are generated: words by Zipf's law, vectors around topics, as many vectors of sentences and tokens as a manual
has on average. So this says how the store grows, and nothing about quality or about an encoder's time. Building and
searching are processes of their own, and seconds are the processor's. Usage:

    python benchmarks/growth.py [--sizes 1000 3000 10000 30000] [--queries 100]

Written are build/growth.json and docs/pictures/growth.svg.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, VersionId
from rag_flywheel.ports import Entry, Vectors

ROOT = Path(__file__).parents[1]
DIMENSION, TOKEN_DIMENSION = 384, 128
SENTENCES, TOKENS = 4, 73  # of a passage; the mean of passages of a manual
WORDS, VOCABULARY, TOPICS = 120, 50_000, 200
AT_ONCE = 500  # passages in a batch
LIMIT = 50  # passages of a channel, as config.yaml has it
WARM = 10  # searches that are not counted: the first ones map the files
VERSION = VersionId("growth")
WIDTH, HEIGHT, LEFT = 320, 200, 56
TOP, BOTTOM = 40, HEIGHT - 34  # of what a curve may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What a version of so many passages costs."""

    passages: int
    build_seconds: float  # of the processor
    build_memory_mb: float  # the most that was resident
    disk_mb: float
    search_ms: float  # the median, of the processor
    search_p99_ms: float
    own_mb: float  # memory of a process that searches, without what it had before the version was opened
    mapped_mb: float  # pages of the version's files, which the system takes back when it needs them


def main() -> None:
    parser = argparse.ArgumentParser(description="What an embedded version costs as it grows.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 3_000, 10_000, 30_000])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--part", choices=["build", "search"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "build":
        print(json.dumps(build(arguments.folder, arguments.sizes[0])))
    elif arguments.part == "search":
        print(json.dumps(search(arguments.folder, arguments.queries)))
    else:
        measured = [measure(size, arguments.queries) for size in arguments.sizes]
        (ROOT / "build").mkdir(exist_ok=True)
        (ROOT / "build/growth.json").write_text(json.dumps([asdict(each) for each in measured], indent=1))
        (ROOT / "docs/pictures/growth.svg").write_text(picture(measured), encoding="utf-8")


def measure(size: int, queries: int) -> Grown:
    with tempfile.TemporaryDirectory(dir=ROOT / "build" if (ROOT / "build").exists() else None) as made:
        said: dict[str, float] = {}
        for part in ("build", "search"):
            command = [sys.executable, __file__, "--part", part, "--folder", made]
            command += ["--sizes", str(size), "--queries", str(queries)]
            said |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        disk = sum(512 * file.stat().st_blocks for file in Path(made).rglob("*") if file.is_file())
    grown = Grown(passages=size, disk_mb=disk / 1e6, **said)
    print(" ".join(f"{name}={value:.4g}" for name, value in asdict(grown).items()), flush=True)
    return grown


def build(folder: Path, size: int) -> dict[str, float]:
    index, started = EdgeIndex(folder), time.process_time()
    generated = 0.0

    def timed() -> Iterator[Sequence[Entry]]:
        nonlocal generated
        made = batches(size)
        while True:
            before = time.process_time()
            batch = next(made, None)
            generated += time.process_time() - before
            if batch is None:
                return
            yield batch

    index.build(VERSION, dimension=DIMENSION, batches=timed(), token_dimension=TOKEN_DIMENSION)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"build_seconds": time.process_time() - started - generated, "build_memory_mb": most}


def search(folder: Path, queries: int) -> dict[str, float]:
    own, mapped = resident()
    index, random, took = EdgeIndex(folder), np.random.default_rng(1), []
    topics = unit(np.random.default_rng(0), TOPICS, DIMENSION)
    for number in range(WARM + queries):
        text = " ".join(words(random, 8))
        vector, tokens = around(random, topics, 1)[0], unit(random, 12, TOKEN_DIMENSION)
        before = time.process_time()
        found = index.search(VERSION, text=text, vector=vector, limit=LIMIT, groups=None, tokens=tokens)
        if number >= WARM:
            took.append(1000 * (time.process_time() - before))
        assert found
    now, files = resident()
    return {
        "search_ms": float(np.median(took)),
        "search_p99_ms": float(np.quantile(took, 0.99)),
        "own_mb": now - own,
        "mapped_mb": files - mapped,
    }


def batches(size: int) -> Iterator[Sequence[Entry]]:
    topics = unit(np.random.default_rng(0), TOPICS, DIMENSION)
    for start in range(0, size, AT_ONCE):
        random = np.random.default_rng((2, start))
        count = min(AT_ONCE, size - start)
        vectors = around(random, topics, count)
        yield [
            Entry(
                chunk=chunk(start + number, " ".join(words(random, WORDS))),
                vector=vectors[number],
                sentences=around(random, topics, SENTENCES),
                tokens=unit(random, TOKENS, TOKEN_DIMENSION),
            )
            for number in range(count)
        ]


def chunk(number: int, text: str) -> Chunk:
    return Chunk(
        chunk_id=ChunkId(f"d{number}#0"),
        document_id=DocumentId(f"d{number}"),
        title=f"Page {number}",
        headings=(),
        text=text,
        start=0,
        end=len(text),
        source=f"d{number}.md",
    )


def words(random: np.random.Generator, count: int) -> list[str]:
    return [f"word{min(int(rank), VOCABULARY)}" for rank in random.zipf(1.2, count)]


def unit(random: np.random.Generator, count: int, dimension: int) -> Vectors:
    return normed(random.standard_normal((count, dimension), dtype=np.float32))


def around(random: np.random.Generator, topics: Vectors, count: int) -> Vectors:
    return normed(topics[random.integers(0, len(topics), count)] + 0.8 * unit(random, count, DIMENSION))


def normed(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def resident() -> tuple[float, float]:
    """Megabytes of this process that are its own, and those of mapped files."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    own, files = (int(lines[name].split()[0]) / 1000 for name in ("RssAnon", "RssFile"))
    return own, files


def picture(measured: Sequence[Grown]) -> str:
    """Four curves, all axes in powers of ten and on one scale: the dashed line grows as the passages do."""
    parts = {
        "build, s of the processor": [each.build_seconds for each in measured],
        "disk, MB": [each.disk_mb for each in measured],
        "search, ms of the processor": [each.search_ms for each in measured],
        "memory, MB: own and mapped": [each.own_mb + each.mapped_mb for each in measured],
    }
    sizes = [each.passages for each in measured]
    curves = "".join(
        f'<g transform="translate({number % 2 * WIDTH} {number // 2 * HEIGHT})">{curve(title, sizes, values)}</g>\n'
        for number, (title, values) in enumerate(parts.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {2 * HEIGHT}" font-family="sans-serif" '
        f'font-size="11" role="img"><title>What an embedded version costs by its passages</title>'
        f'<rect width="{2 * WIDTH}" height="{2 * HEIGHT}" fill="#fff"/>\n{curves}</svg>\n'
    )


def curve(title: str, sizes: Sequence[int], values: Sequence[float]) -> str:
    decades = math.log10(sizes[-1] / sizes[0]) or 1.0
    xs = [LEFT + (WIDTH - 34 - LEFT) * math.log10(size / sizes[0]) / decades for size in sizes]
    ys = [BOTTOM + (TOP - BOTTOM) * math.log10(value / values[0]) / decades for value in values]
    line = "M" + " L".join(f"{x:.0f} {y:.0f}" for x, y in zip(xs, ys, strict=True))
    dots = "".join(
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#2f6f8f"/>'
        f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="middle">{short(value)}</text>'
        f'<text x="{x:.0f}" y="{HEIGHT - 12}" text-anchor="middle">{size:,}</text>\n'
        for x, y, value, size in zip(xs, ys, values, sizes, strict=True)
    )
    return (
        f'<text x="8" y="16">{title}</text>'
        f'<path d="M{LEFT} {BOTTOM} L{WIDTH - 34} {TOP}" stroke="#999" stroke-dasharray="3 4"/>'
        f'<path d="{line}" fill="none" stroke="#2f6f8f" stroke-width="2"/>{dots}'
    )


def short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
