"""Whether extractive answers hold the expected ones: `python benchmarks/answers.py DATA`, the folder of the data sets.

The question's five nearest passages by cosine are read, as no ranking is learned here. Printed: the share of questions
that are refused, and whose answer has the expected words in one piece; recall and F of ROUGE-L (Lin, 2004) against the
expected answer; and characters in an answer. CLAP NQ's unanswerable questions are left out.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.answering.extractive import Extractive
from rag_flywheel.config import Generator
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, Draft, Passage, Scores

SETS = {"xquad-en": 3, "emanual-tv": 3, "clapnq-dev": 2}  # every so manieth question
PASSAGES = 5


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def passage(row: dict[str, Any], *, rank: int, cosine: float) -> Passage:
    chunk = Chunk(
        chunk_id=ChunkId(row["_id"]),
        document_id=DocumentId(row["_id"]),
        title=row["title"],
        headings=(),
        text=row["text"],
        start=0,
        end=len(row["text"]),
        source="",
    )
    return Passage(chunk=chunk, rank=rank, score=cosine, scores=Scores(dense=cosine))


def measure(folder: Path, step: int, encoder: SentenceEncoder, generator: Extractive) -> None:
    corpus = lines(folder / "corpus.jsonl")
    vectors = encoder.encode_documents([f"{row['title']}\n{row['text']}" for row in corpus])
    asked = [row for row in lines(folder / "queries.jsonl") if row.get("answer") and row.get("answerable") is not False]
    asked = asked[1::step]  # those from the first on were for choosing the weights
    queries = encoder.encode_queries([row["text"] for row in asked])
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    found = []
    for row, query in zip(asked, queries, strict=True):
        cosines = vectors @ query
        nearest = [
            passage(corpus[at], rank=rank, cosine=float(cosines[at]))
            for rank, at in enumerate(np.argsort(-cosines, kind="stable")[:PASSAGES], start=1)
        ]
        *_, draft = generator.answer(row["text"], nearest)
        assert isinstance(draft, Draft)
        said = draft.text if draft.answered else ""
        rouge = scorer.score(row["answer"], said)["rougeL"]
        holds = words(row["answer"]) in words(said)
        found.append((not draft.answered, holds, rouge.recall, rouge.fmeasure, len(draft.text)))
    refused, holds, recall, f, length = np.mean(found, axis=0)
    print(f"| {folder.name} | {len(asked)} | {refused:.3f} | {holds:.3f} | {recall:.3f} | {f:.3f} | {length:.0f} |")


def main() -> None:
    encoder = SentenceEncoder("all-MiniLM-L6-v2", batch=8, query_prefix="", document_prefix="")
    defaults = Generator()
    generator = Extractive(encoder, minimum_similarity=defaults.minimum_similarity, sentences=defaults.sentences)
    print(
        "| set | questions | refused | holds | recall | F | characters |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    for name, step in SETS.items():
        measure(Path(sys.argv[1]) / name, step, encoder, generator)


if __name__ == "__main__":
    main()
