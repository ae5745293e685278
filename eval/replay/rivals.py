"""How others use corrections, on the same index, with the same encoder: what a replay compares the flywheel with.

Each rival is made of the untaught version and of what people said so far, and turns a question into passages. They are
small on purpose: the one idea of each product or paper, with its published constants.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_flywheel.domain import Candidate, Chunk, ChunkId, DocumentId, Passage, Scores, VersionId
from rag_flywheel.ports import Entry, Vectors
from rag_flywheel.search.retrieval import retrieve_by_vector, search
from rag_flywheel.search.texts import searched_text
from rag_flywheel.search.versions import Searcher

APPENDED = VersionId("appended")
"""The name of the version that `append` builds; whoever owns the index deletes it."""
EMBEDDED_AT_ONCE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The version that knows no correction and has learned nothing: the strongest order that needs no feedback."""

    searcher: Searcher
    titles: bool  # whether its passages are embedded under their titles


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """An accepted correction, or an answer that was confirmed."""

    question: str  # as it was asked
    answer: str  # the correction, or what was confirmed
    document_id: DocumentId  # the correction, or what the confirmed answer rests on
    cited: ChunkId | None  # the best passage that the asker's answer cited
    corrected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a method finds for a question. Without an `answer` the generator writes one from the passages."""

    passages: tuple[Passage, ...]  # best first
    answer: str | None = None


Rival = Callable[[str, Vectors], Reply]
"""A question and its vector, of shape (dimension,), to a reply."""


def static(base: Base, signals: Sequence[Signal]) -> Rival:
    """Hybrid search that never learns, in the order that every version begins with."""
    return lambda question, vector: Reply(
        passages=tuple(retrieve_by_vector(question, vector, searcher=base.searcher)),
    )


def dense(base: Base, signals: Sequence[Signal]) -> Rival:
    """The dense channel alone, which never learns."""

    def ask(question: str, vector: Vectors) -> Reply:
        found = [
            candidate for candidate in _search(base.searcher, question, vector) if candidate.scores.dense is not None
        ]
        return Reply(passages=_ranked(found, [candidate.scores.dense or 0.0 for candidate in found]))

    return ask


def append(base: Base, signals: Sequence[Signal]) -> Rival:
    """Every correction becomes a passage: its question as the title, its answer as the text (MaxKB, "improve").

    They are in a new version of the same index, embedded and searched by words under their question. It replaces what
    an earlier call built.
    """
    searcher = base.searcher
    taught = {
        chunk.chunk_id: chunk
        for chunk in (_passage_of(signal, place) for place, signal in enumerate(_corrections(signals)))
    }
    if not taught:
        return static(base, signals)
    # The question is part of what is searched also where titles are not, for MaxKB searches both.
    searched = [replace(piece, title="", text=f"{piece.title}\n{piece.text}") for piece in taught.values()]
    chunks = [piece for piece in searcher.index.chunks(searcher.version) if not piece.by_question]
    searcher.index.delete(APPENDED)
    searcher.index.build(
        APPENDED,
        dimension=searcher.encoder.dimension,
        token_dimension=searcher.encoder.token_dimension,
        batches=_entries([*chunks, *searched], base),
    )
    extended = replace(searcher, version=APPENDED)

    def ask(question: str, vector: Vectors) -> Reply:
        found = retrieve_by_vector(question, vector, searcher=extended)
        return Reply(
            passages=tuple(
                replace(passage, chunk=taught.get(passage.chunk.chunk_id, passage.chunk)) for passage in found
            )
        )

    return ask


OVERRIDE_AT = 0.9


def override(base: Base, signals: Sequence[Signal]) -> Rival:
    """The stored answer of the nearest corrected question, where its cosine is at least 0.9 (Dify, "annotation reply").

    0.9 is Dify's default score threshold. Below it, hybrid search.
    """
    taught = _corrections(signals)
    vectors = base.searcher.encoder.encode_queries([signal.question for signal in taught])
    below = static(base, signals)

    def ask(question: str, vector: Vectors) -> Reply:
        return _first(taught, vectors @ vector, OVERRIDE_AT, below(question, vector).passages)

    return ask


HEAVIEST = 100.0
VECTOR_SHARE = 0.7


def weights(base: Base, signals: Sequence[Signal]) -> Rival:
    """A weight of each passage, moved by votes whatever the question was (RAGFlow, chunk feedback: pull request 12689).

    A confirmed answer adds 1 to the best passage that it cites and a corrected one takes 1 away, within 0 to 100: in
    the default mode "relevance" a budget of one vote goes to the cited chunk with the highest score. As in RAGFlow's
    reranking, the score is 0.3 * (term similarity + weight) + 0.7 * cosine; the share of the best BM25 score stands
    for its term similarity. A cosine that was not returned counts as the lowest one that was.
    """
    weight: dict[ChunkId, float] = {}
    for signal in signals:
        if signal.cited is not None:
            moved = weight.get(signal.cited, 0.0) + (-1.0 if signal.corrected else 1.0)
            weight[signal.cited] = min(max(moved, 0.0), HEAVIEST)

    def ask(question: str, vector: Vectors) -> Reply:
        found = _search(base.searcher, question, vector)
        lowest = min((candidate.scores.dense for candidate in found if candidate.scores.dense is not None), default=0.0)
        best = max((candidate.scores.sparse or 0.0 for candidate in found), default=0.0) or 1.0
        scores = [
            (1 - VECTOR_SHARE) * ((candidate.scores.sparse or 0.0) / best + weight.get(candidate.chunk.chunk_id, 0.0))
            + VECTOR_SHARE * (lowest if candidate.scores.dense is None else candidate.scores.dense)
            for candidate in found
        ]
        return Reply(passages=_ranked(found, scores))

    return ask


REMEMBERED_AT = 0.8
QUESTION_SHARE = 0.5
CONTEXT = 5


def memory(base: Base, signals: Sequence[Signal]) -> Rival:
    """A memory of (question, answer, context), whose best entry goes before the passages (PatchRAG, Bang et al., 2026,
    arXiv:2604.06647).

    Confirmed answers enter it too. The similarity of an entry is the mean of two cosines: of the questions, and of the
    contexts, each the mean vector of the five best passages. An entry counts from 0.8. The paper's own shares and
    threshold were not at hand; these are ours.
    """
    encoder = base.searcher.encoder
    below = static(base, signals)
    questions = encoder.encode_queries([signal.question for signal in signals])
    contexts = np.zeros_like(questions)
    for row, signal, vector in zip(contexts, signals, questions, strict=True):
        row[:] = _context(below(signal.question, vector).passages, base)

    def ask(question: str, vector: Vectors) -> Reply:
        passages = below(question, vector).passages
        alike = QUESTION_SHARE * (questions @ vector) + (1 - QUESTION_SHARE) * (contexts @ _context(passages, base))
        return _first(signals, alike, REMEMBERED_AT, passages)

    return ask


RIVALS: Mapping[str, Callable[[Base, Sequence[Signal]], Rival]] = {
    "static": static,
    "dense": dense,
    "append": append,
    "override": override,
    "weights": weights,
    "memory": memory,
}


def _corrections(signals: Sequence[Signal]) -> list[Signal]:
    return [signal for signal in signals if signal.corrected]


def _search(searcher: Searcher, question: str, vector: Vectors) -> list[Candidate]:
    found = search(question, vector, searcher=searcher)
    return [candidate for candidate in found if not candidate.chunk.by_question]


def _ranked(found: Sequence[Candidate], scores: Sequence[float]) -> tuple[Passage, ...]:
    order = sorted(range(len(found)), key=lambda at: -scores[at])
    return tuple(
        Passage(chunk=found[at].chunk, rank=rank, score=scores[at], scores=found[at].scores)
        for rank, at in enumerate(order, start=1)
    )


def _first(signals: Sequence[Signal], alike: Vectors, threshold: float, passages: Sequence[Passage]) -> Reply:
    """The most alike signal's answer before the passages, where it is alike enough."""
    best = int(np.argmax(alike)) if len(alike) else -1
    if best < 0 or alike[best] < threshold:
        return Reply(passages=tuple(passages))
    stored = Passage(
        chunk=_passage_of(signals[best], best),
        rank=1,
        score=float(alike[best]),
        scores=Scores(dense=float(alike[best])),
    )
    following = (replace(passage, rank=rank) for rank, passage in enumerate(passages, start=2))
    return Reply(passages=(stored, *following), answer=signals[best].answer)


def _passage_of(signal: Signal, place: int) -> Chunk:
    """What was said, as an ordinary passage."""
    return Chunk(
        chunk_id=ChunkId(f"said:{place}"),
        document_id=signal.document_id,
        title=signal.question,
        headings=(),
        text=signal.answer,
        start=0,
        end=len(signal.answer),
        source="said",
    )


def _entries(chunks: Sequence[Chunk], base: Base) -> Iterator[list[Entry]]:
    for start in range(0, len(chunks), EMBEDDED_AT_ONCE):
        some = chunks[start : start + EMBEDDED_AT_ONCE]
        texts = [searched_text(piece, titles=base.titles) for piece in some]
        embedded = zip(some, *base.searcher.encoder.encode_documents_by_token(texts), strict=True)
        yield [Entry(chunk=chunk, vector=vector, tokens=tokens) for chunk, vector, tokens in embedded]


def _context(passages: Sequence[Passage], base: Base) -> Vectors:
    """The mean vector of the best passages, at unit length: (dimension,). Zeros where there is none."""
    encoder = base.searcher.encoder
    if not passages:
        return np.zeros(encoder.dimension, dtype=np.float32)
    texts = [searched_text(passage.chunk, titles=base.titles) for passage in passages[:CONTEXT]]
    mean = encoder.encode_documents(texts).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
