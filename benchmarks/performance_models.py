"""Embedding and cross-encoding beside plain sentence-transformers: torch, float32, one call over the whole list."""

import importlib.util
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import numpy as np
from performance_rows import Measured, by_turns, options, ratio, tell, texts

from rag_flywheel.adapters.models.encoder import Running, SentenceEncoder, model_path
from rag_flywheel.adapters.models.reranker import MAX_TOKENS, TunedReranker

MODEL = "all-MiniLM-L6-v2"
VENDOR = "sentence-transformers, torch float32"
Engine = Literal["onnxruntime", "openvino"]
QUERIES = 20  # for one figure
PASSAGES = 20


def main() -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    given = options()
    torch.set_num_threads(given.threads)
    vendor = SentenceTransformer(model_path(MODEL), device="cpu")
    engines: list[Engine] = [engine for engine in get_args(Engine) if importlib.util.find_spec(engine)]
    rows = [row for engine in engines for row in _embedding(vendor, engine, given.texts, given.rounds)]
    amount = f"{given.rounds} times {given.texts} texts in one call, {QUERIES} queries one by one, and "
    tell([*rows, _cross_encoding(given.rounds)], amount + f"one question with {PASSAGES} passages")


def _embedding(vendor: Any, engine: Engine, count: int, rounds: int) -> list[Measured]:
    running = Running(engine=engine)
    ours = SentenceEncoder(MODEL, batch=8, query_prefix="", document_prefix="", running=running)
    some, asked = texts(count), [text[:60] for text in texts(QUERIES)]

    def by_vendor(of: list[str]) -> Any:
        return vendor.encode(of, normalize_embeddings=True, show_progress_bar=False)

    cosines = (ours.encode_documents(some) * by_vendor(some)).sum(axis=1)
    took = by_turns(
        {
            "ours": lambda: ours.encode_documents(some),
            "theirs": lambda: by_vendor(some),
            "our queries": lambda: [ours.encode_queries([text]) for text in asked],
            "their queries": lambda: [by_vendor([text]) for text in asked],
        },
        rounds,
    )
    median = {name: statistics.median(seconds) for name, seconds in took.items()}
    gained, one = ratio(took["theirs"], took["ours"]), 1000 * median["our queries"] / len(asked)
    same = f"lowest cosine {cosines.min():.5f}"
    return [
        Measured(
            what=f"embedding {len(some)} texts, {engine}",
            unit="texts/s",
            ours=round(len(some) / median["ours"], 1),
            other=VENDOR,
            theirs=round(len(some) / median["theirs"], 1),
            ratio=gained,
            aim="2.3 times, cosine 0.999",
            met=gained >= 2.3 and bool(cosines.min() >= 0.999),
            quality=same,
        ),
        Measured(
            what=f"embedding one query, {engine}",
            unit="ms",
            ours=round(one, 2),
            other=VENDOR,
            theirs=round(1000 * median["their queries"] / len(asked), 2),
            ratio=ratio(took["their queries"], took["our queries"]),
            aim="4 ms",
            met=one <= 4,
            quality=same,
        ),
    ]


def _cross_encoding(rounds: int) -> Measured:
    from sentence_transformers import CrossEncoder

    with TemporaryDirectory() as folder:
        plain = CrossEncoder(model_path(MODEL), num_labels=1, max_length=MAX_TOKENS, device="cpu")
        plain.save_pretrained(folder)
        ours = TunedReranker(Path(folder))
    question, some = "How do I roll back to the version before?", texts(PASSAGES)
    pairs = [(question, text) for text in some]
    found: dict[str, Any] = {}

    def keep(name: str, scores: Any) -> None:
        found[name] = np.argsort(scores)

    took = by_turns(
        {
            "ours": lambda: keep("ours", ours.score(question, some)),
            "theirs": lambda: keep("theirs", plain.predict(pairs, show_progress_bar=False)),
        },
        rounds,
    )
    needed = 1000 * statistics.median(took["ours"])
    alike = "the same order" if np.array_equal(found["ours"], found["theirs"]) else "another order"
    return Measured(
        what=f"cross-encoding {PASSAGES} passages",
        unit="ms",
        ours=round(needed, 1),
        other=VENDOR,
        theirs=round(1000 * statistics.median(took["theirs"]), 1),
        ratio=ratio(took["theirs"], took["ours"]),
        aim="60 ms",
        met=needed <= 60,
        quality=alike,
    )


if __name__ == "__main__":
    main()
