"""How long one hybrid query takes: Qdrant Edge beside qdrant-client's in-memory mode, over the same generated points.

Both indexes get the same passages and corrections and then the same queries, in turns of ROUND queries, so that
whatever else the machine does falls on both alike. The first query of a turn finds the processor's caches full of the
other index and is not counted. Words are drawn by Zipf's law, vectors gather around topics. Usage:

    python benchmarks/search.py [--points 20000] [--queries 20] [--json]
"""

import argparse
import gc
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.index.qdrant_index import QdrantIndex
from rag_flywheel.domain import (
    Candidate,
    Chunk,
    ChunkId,
    CorrectionId,
    DocumentId,
    InteractionId,
    Provenance,
    VersionId,
)
from rag_flywheel.ports import Entry, PassageIndex, Vectors

DIMENSION = 384
TOPICS = 200
VOCABULARY = 20_000
WORDS = 120  # in a passage
LIMIT = 50  # passages of a channel, as config.yaml has it
ONE_CORRECTION_IN = 50
ROUND = 5  # queries
VERSION = VersionId("benchmark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Milliseconds for one query; `ratio` is in-memory mode's median over Edge's."""

    points: int
    queries: int
    edge_median: float
    edge_p95: float
    local_median: float
    local_p95: float
    ratio: float
    edge_build_seconds: float
    local_build_seconds: float
    edge_recall_at_10: float  # share of the exact ten nearest passages that Edge's graph found


def main() -> None:
    parser = argparse.ArgumentParser(description="Hybrid query latency of Qdrant Edge and qdrant-client's local mode.")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    arguments = parser.parse_args()
    # What in-memory mode says of itself is what this script shows.
    warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant", UserWarning)
    warnings.filterwarnings("ignore", "Local mode is not recommended", UserWarning)
    result = measure(arguments.points, arguments.queries)
    if arguments.json:
        print(json.dumps(asdict(result), indent=2))
        return
    print(f"{result.points} points, {result.queries} hybrid queries of {LIMIT} passages a channel, milliseconds\n")
    print(f"{'':22}{'median':>10}{'95 %':>10}{'build, s':>10}")
    print(
        f"{'Qdrant Edge':22}{result.edge_median:10.2f}{result.edge_p95:10.2f}{result.edge_build_seconds:10.1f}\n"
        f"{'qdrant-client local':22}{result.local_median:10.2f}{result.local_p95:10.2f}"
        f"{result.local_build_seconds:10.1f}\n\n"
        f"ratio {result.ratio:.0f}; Edge's recall of the exact ten nearest {result.edge_recall_at_10:.3f}"
    )


def measure(points: int, queries: int) -> Result:
    random = np.random.default_rng(0)
    topics = random.standard_normal((TOPICS, DIMENSION)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        edge, local = EdgeIndex(Path(folder)), QdrantIndex(QdrantClient(":memory:"), prefix="benchmark")
        edge_build, local_build = (build(index, points, topics) for index in (edge, local))
        gc.freeze()  # in-memory mode keeps every point as Python objects, and Edge is not to pay for walking them
        times: dict[str, list[float]] = {"edge": [], "local": []}
        recalls = []
        for _ in range(-(-queries // ROUND)):
            asked = [(drawn_words(random, 8), near(random, topics)) for _ in range(ROUND)]
            found = {}
            for name, index in (("edge", edge), ("local", local)):
                ask(index, *asked[-1])
                answers = [ask(index, *query) for query in asked]
                times[name] += [milliseconds for milliseconds, _ in answers]
                found[name] = [_nearest(candidates) for _, candidates in answers]
            recalls += [len(got & exact) / len(exact) for got, exact in zip(found["edge"], found["local"], strict=True)]
        edge.close()
        local.close()
    return Result(
        points=points,
        queries=len(recalls),
        edge_median=statistics.median(times["edge"]),
        edge_p95=float(np.quantile(times["edge"], 0.95)),
        local_median=statistics.median(times["local"]),
        local_p95=float(np.quantile(times["local"], 0.95)),
        ratio=statistics.median(times["local"]) / statistics.median(times["edge"]),
        edge_build_seconds=edge_build,
        local_build_seconds=local_build,
        edge_recall_at_10=statistics.fmean(recalls),
    )


def build(index: PassageIndex, points: int, topics: Vectors) -> float:
    """Seconds, without those that it takes to make up the entries."""
    batches = list(entries(points, topics))
    start = time.perf_counter()
    index.build(VERSION, dimension=DIMENSION, batches=batches)
    return time.perf_counter() - start


def ask(index: PassageIndex, text: str, vector: Vectors) -> tuple[float, list[Candidate]]:
    """Milliseconds, and what was found."""
    start = time.perf_counter()
    found = index.search(VERSION, text=text, vector=vector, limit=LIMIT, groups=None)
    return 1e3 * (time.perf_counter() - start), found


def entries(points: int, topics: Vectors) -> Iterator[list[Entry]]:
    """The same entries each time, 1,000 at a time."""
    random = np.random.default_rng(1)
    for start in range(0, points, 1000):
        yield [_entry(number, random, topics) for number in range(start, min(start + 1000, points))]


def _entry(number: int, random: np.random.Generator, topics: Vectors) -> Entry:
    text, vector = drawn_words(random, WORDS), near(random, topics)
    corrects = number % ONE_CORRECTION_IN == 0
    provenance = Provenance(
        correction_id=CorrectionId(f"c{number}"),
        interaction_id=InteractionId(f"i{number}"),
        feedback_ids=(),
        reviewer="benchmark",
        reviewed=datetime(2026, 1, 1, tzinfo=UTC),
        supersedes=(),
    )
    chunk = Chunk(
        chunk_id=ChunkId(f"d{number}#0"),
        document_id=DocumentId(f"d{number}"),
        title="",
        headings=(),
        text=text,
        start=0,
        end=len(text),
        source="benchmark",
        question="benchmark" if corrects else None,
        provenance=provenance if corrects else None,
    )
    return Entry(chunk=chunk, vector=vector, question_vector=vector if corrects else None)


def drawn_words(random: np.random.Generator, count: int) -> str:
    drawn = random.zipf(1.3, size=count) % VOCABULARY
    return " ".join(f"w{number}" for number in drawn)


def near(random: np.random.Generator, topics: Vectors) -> Vectors:
    vector = topics[random.integers(TOPICS)] + random.standard_normal(DIMENSION).astype(np.float32)
    unit: Vectors = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def _nearest(found: list[Candidate]) -> set[ChunkId]:
    """The ten nearest passages: they come first."""
    return {candidate.chunk.chunk_id for candidate in found[:10]}


if __name__ == "__main__":
    main()
