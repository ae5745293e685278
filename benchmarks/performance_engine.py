"""Retrieval beside LlamaIndex's query engine on its own Qdrant store: quality beside speed.

Both get the same corpus with judged questions (emanual-tv, in the folder that RAG_FLYWHEEL_DATA names), the same model
and the same questions, by turns. LlamaIndex cuts the documents as long as our chunks can be, and its engine gives what
it would hand to a language model (response mode `no_text`, five nodes). Ours is the search that answers questions, with
the weights that a first version has: nothing is learned from any question. It needs the extra `[bench]`.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from answerable import indexed
from performance_rows import Measured, options, ratio, tell

from eval.questions.beir import read_qrels, read_queries
from eval.replay.dataset import read_documents
from rag_flywheel.adapters.models.encoder import BUNDLED, Running, SentenceEncoder, model_path
from rag_flywheel.search.retrieval import retrieve

DATA = Path(os.environ.get("RAG_FLYWHEEL_DATA", "../shared/data")) / "emanual-tv"
SHOWN = 5
WARM = 5  # questions that are not counted
VENDOR = "LlamaIndex's query engine, HuggingFaceEmbedding, QdrantVectorStore"
Search = Callable[[str], list[str]]
"""A question to the documents of the best passages, best first."""


def main() -> None:
    given = options()
    if not DATA.is_dir():
        raise SystemExit(f"no data set in {DATA}: set RAG_FLYWHEEL_DATA")
    queries = dict(read_queries(DATA / "queries.jsonl"))
    judged = read_qrels(DATA / "qrels" / "test.tsv", queries.keys())
    with TemporaryDirectory() as folder:
        ways = {"ours": ours(), "theirs": theirs(Path(folder))}
        for number in range(WARM):
            for search in ways.values():
                search(f"warm-up {number}")
        found: dict[str, list[list[str]]] = {name: [] for name in ways}
        took: dict[str, list[float]] = {name: [] for name in ways}
        worked: dict[str, list[float]] = {name: [] for name in ways}
        for name in judged:
            for way, search in ways.items():
                began, before = time.perf_counter(), time.process_time()
                found[way].append(search(queries[name]["text"]))
                took[way].append(time.perf_counter() - began)
                worked[way].append(time.process_time() - before)
    tell(
        _rows(found, took, worked, [{*map(str, of)} for of in judged.values()]),
        f"{len(judged)} questions, {given.threads} threads",
    )


def ours() -> Search:
    encoder = SentenceEncoder(BUNDLED, batch=8, query_prefix="", document_prefix="", running=Running(engine="auto"))
    searcher = indexed(list(read_documents(DATA / "corpus.jsonl")), encoder, titles=True)[2]
    return lambda question: [passage.chunk.document_id for passage in retrieve(question, searcher=searcher)[:SHOWN]]


def theirs(folder: Path) -> Search:
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding  # type: ignore
    from llama_index.vector_stores.qdrant import QdrantVectorStore  # type: ignore
    from qdrant_client import QdrantClient

    store = QdrantVectorStore(client=QdrantClient(path=str(folder / "qdrant")), collection_name="bench")
    index = VectorStoreIndex.from_documents(
        [
            Document(text=of.text, metadata={"title": of.title, "document": of.document_id}, **_SHOWN_OF_METADATA)
            for of in read_documents(DATA / "corpus.jsonl")
        ],
        storage_context=StorageContext.from_defaults(vector_store=store),
        transformations=[SentenceSplitter(chunk_size=256, chunk_overlap=24)],
        embed_model=HuggingFaceEmbedding(model_name=model_path(BUNDLED), device="cpu"),
    )
    engine = index.as_query_engine(llm=MockLLM(), response_mode="no_text", similarity_top_k=SHOWN)
    return lambda question: [str(node.node.metadata["document"]) for node in engine.query(question).source_nodes]


_SHOWN_OF_METADATA = {"excluded_embed_metadata_keys": ["document"]}  # the title is embedded, as ours is


def _rows(
    found: Mapping[str, Sequence[Sequence[str]]],
    took: Mapping[str, Sequence[float]],
    worked: Mapping[str, Sequence[float]],
    relevant: Sequence[set[str]],
) -> list[Measured]:
    def row(what: str, score: Callable[[Sequence[str], set[str]], float]) -> Measured:
        scores = {way: [score(*of) for of in zip(lists, relevant, strict=True)] for way, lists in found.items()}
        own, other = (float(np.mean(scores[way])) for way in ("ours", "theirs"))
        return Measured(
            what=what,
            unit="share",
            ours=round(own, 3),
            other=VENDOR,
            theirs=round(other, 3),
            ratio=round(own / other, 2),
        )

    milliseconds = {way: 1000 * statistics.median(seconds) for way, seconds in took.items()}
    processor = {way: f"{1000 * statistics.median(seconds):.1f}" for way, seconds in worked.items()}
    return [
        row("the first passage answers, hit@1", lambda got, good: float(got[:1] != [] and got[0] in good)),
        row("answering documents in five passages, recall@5", lambda got, good: len(good & set(got)) / len(good)),
        Measured(
            what="a question to its passages, p50",
            unit="ms",
            ours=round(milliseconds["ours"], 1),
            other=VENDOR,
            theirs=round(milliseconds["theirs"], 1),
            ratio=ratio(took["theirs"], took["ours"]),
            quality=f"milliseconds of the processor: {processor['ours']} here, {processor['theirs']} there",
        ),
    ]


if __name__ == "__main__":
    main()
