"""Whether questions of a conversation become queries that stand alone: `python benchmarks/conversations.py DATA`.

Of DATA, the folder of the data sets, it takes mtragun-fiqa-clapnq: every question with a history and a right passage,
searched for by hybrid search as it is before anything was learned. Beside it stand the topic changes and follow-ups of
`conversations.jsonl`. The `developing` ones are among the examples that the project learns from, the `fresh` ones are
not, and the `last` ones were written when all but the threshold was decided.

With `--write` it writes the weights that come with the project: run that when the examples change, a test compares.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.models.encoder import BUNDLED, SentenceEncoder
from rag_flywheel.answering import follow_ups
from rag_flywheel.answering.follow_ups import Rewrite
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, LearnedRanking, Turn, VersionId
from rag_flywheel.ports import Encoder, Entry
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.search.versions import Searcher

SHOWN = 5  # passages
VERSION = VersionId("benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description="Follow-up questions as queries.")
    parser.add_argument("data", type=Path, nargs="?", help="folder of the data sets")
    parser.add_argument("--write", action="store_true", help="write the weights that come with the project")
    arguments = parser.parse_args()
    encoder = SentenceEncoder(BUNDLED, batch=32, query_prefix="", document_prefix="")
    if arguments.write:
        np.savez(Path(follow_ups.__file__).with_name(follow_ups.SHIPPED), **asdict(follow_ups.fit(encoder)))
    rewrite = follow_ups.rewriter(encoder)
    own(rewrite)
    if arguments.data:
        mtrag(arguments.data / "mtragun-fiqa-clapnq", rewrite, encoder)


def own(rewrite: Rewrite) -> None:
    print("| written | topic changes dragged along | follow-ups joined with their matter |\n| --- | --- | --- |")
    rows = lines(Path(__file__).with_name("conversations.jsonl"))
    wrong = []
    for written in ("developing", "fresh", "last"):
        dragged, joined = [], []
        for row in (row for row in rows if row["written"] == written):
            *before, question = row["turns"]
            history = [Turn(role="assistant" if at % 2 else "user", text=text) for at, text in enumerate(before)]
            query = rewrite(question, history)
            if row["new"]:
                dragged.append(query != question)
            else:
                joined.append(all(word in query.casefold() for word in row["about"].casefold().split()))
            if dragged[-1] if row["new"] else not joined[-1]:
                wrong.append(f"{written}: {before[-2]} / {question} -> {query}")
        print(f"| {written} | {sum(dragged)} of {len(dragged)} | {sum(joined)} of {len(joined)} |")
    print("\n" + "\n".join(wrong) + "\n")


def mtrag(folder: Path, rewrite: Rewrite, encoder: Encoder) -> None:
    right: dict[str, set[str]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, _ = line.split("\t")
        right.setdefault(query, set()).add(passage)
    asked = []
    for row in lines(folder / "queries.jsonl"):
        history = [Turn(role=turn["role"], text=turn["text"]) for turn in row["metadata"]["history"]]
        if history and row["_id"] in right:
            asked.append((row["text"], history, right[row["_id"]]))
    ways: dict[str, Rewrite] = {
        "the last turn alone": lambda question, _: question,
        "with the user turn before it": lambda question, history: f"{users(history)[-1]} {question}",
        "all user turns": lambda question, history: " ".join([*users(history), question]),
        "all turns": lambda question, history: " ".join([*(turn.text for turn in history), question]),
        "rewritten": rewrite,
    }
    print(f"{len(asked)} questions\n\n| query | titles | recall@5 | nDCG@5 | joined |\n| --- | --- | --- | --- | --- |")
    for titles in (True, False):
        with tempfile.TemporaryDirectory() as index:
            searcher = indexed(lines(folder / "corpus.jsonl"), encoder, Path(index), titles=titles)
            for name, way in ways.items():
                queries = [way(question, history) for question, history, _ in asked]
                scores = [score(query, some, searcher) for query, (_, _, some) in zip(queries, asked, strict=True)]
                recall, ndcg = np.mean(scores, axis=0)
                joined = sum(query != question for query, (question, _, _) in zip(queries, asked, strict=True))
                print(f"| {name} | {'on' if titles else 'off'} | {recall:.3f} | {ndcg:.3f} | {joined} |", flush=True)
            searcher.index.close()


def score(query: str, right: set[str], searcher: Searcher) -> tuple[float, float]:
    """recall@5 and nDCG@5."""
    found = [str(passage.chunk.document_id) in right for passage in retrieve(query, searcher=searcher)[:SHOWN]]
    gains = 1 / np.log2(np.arange(SHOWN) + 2)
    return sum(found) / len(right), float(gains[: len(found)] @ found / gains[: len(right)].sum())


def indexed(rows: list[dict[str, Any]], encoder: Encoder, folder: Path, *, titles: bool) -> Searcher:
    index = EdgeIndex(folder, titles=titles)
    texts = [f"{row['title']}\n{row['text']}" if titles else row["text"] for row in rows]
    vectors = encoder.encode_documents(texts)
    chunks = (
        Chunk(
            chunk_id=ChunkId(row["_id"]), document_id=DocumentId(row["_id"]), title=row["title"], headings=(),
            text=row["text"], start=0, end=len(row["text"]), source="mtrag",
        )
        for row in rows
    )  # fmt: skip
    entries = [Entry(chunk=chunk, vector=vector) for chunk, vector in zip(chunks, vectors, strict=True)]
    index.build(VERSION, dimension=encoder.dimension, batches=[entries])
    return Searcher(
        version=VERSION, index=index, encoder=encoder, learned=LearnedRanking(), reranker=None, candidates=50,
        reranked=0, shown=SHOWN,
    )  # fmt: skip


def users(history: Sequence[Turn]) -> list[str]:
    return [turn.text for turn in history if turn.role == "user"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
