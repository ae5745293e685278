"""One hybrid search in the embedded index among 500 and among 20,000 made passages, and how many of the exact ten
nearest it finds. The passages are those of `search`, and so are the queries: words by Zipf's law, vectors by topics.
"""

import tempfile
from pathlib import Path

import numpy as np
from performance_rows import Measured, options, tell
from search import DIMENSION, TOPICS, ask, build, drawn_words, entries, near

from rag_flywheel.adapters.index.edge_index import EdgeIndex

QUERIES = 40  # a round
UNCOUNTED = QUERIES // 2  # the first ones load what is searched
SIZES = (500, 20_000)


def main() -> None:
    rounds = options().rounds
    amount = f"{QUERIES * rounds - UNCOUNTED} queries in each index, after {UNCOUNTED} that load it"
    tell([row for points in SIZES for row in _searched(points, rounds)], amount)


def _searched(points: int, rounds: int) -> list[Measured]:
    random = np.random.default_rng(0)
    topics = random.standard_normal((TOPICS, DIMENSION)).astype(np.float32)
    stored = [entry for batch in entries(points, topics) for entry in batch]
    vectors = np.stack([entry.vector for entry in stored])
    took, recall = [], []
    with tempfile.TemporaryDirectory() as folder:
        index = EdgeIndex(Path(folder))
        build(index, points, topics)
        for number in range(QUERIES * rounds):
            text, vector = drawn_words(random, 8), near(random, topics)
            milliseconds, found = ask(index, text, vector)
            if number < UNCOUNTED:
                continue
            took.append(milliseconds)
            nearest = {stored[place].chunk.chunk_id for place in np.argsort(-(vectors @ vector))[:10]}
            recall.append(len(nearest & {candidate.chunk.chunk_id for candidate in found}) / 10)
        index.close()
    median, slow = float(np.median(took)), float(np.quantile(took, 0.99))
    quality = f"{np.mean(recall):.3f} of the exact ten nearest are found"
    aims = ("10 ms", "30 ms") if points == SIZES[-1] else ("", "")
    what = f"hybrid search, {points:,} passages"
    return [
        Measured(
            what=f"{what}, p50",
            unit="ms",
            ours=round(median, 2),
            aim=aims[0],
            met=median <= 10 if aims[0] else None,
            quality=quality,
        ),
        Measured(what=f"{what}, p99", unit="ms", ours=round(slow, 2), aim=aims[1], met=slow <= 30 if aims[1] else None),
    ]


if __name__ == "__main__":
    main()
