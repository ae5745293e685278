"""Query to passages: hybrid search, admission of known questions, fusion, reranking. One version answers, whole.

A source passage is found by its dense vector and by BM25. A known question is one whose answer is a reviewed
correction, or a passage that a person confirmed. It is found by itself alone, and its answer is admitted only when it
fits the query well enough: how well is enough is learned for each version by `ingest.admission`. Then its answer
stands first. A known question that is not meant still tells what the passages that hold its answer are about.

Among the source passages the order is reciprocal rank fusion (Cormack et al., SIGIR 2009) until a version has learned a
better one, by `ingest.fusion`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from rag_flywheel.config import Reranker as RerankerSettings
from rag_flywheel.config import Retrieval
from rag_flywheel.domain import (
    Admission,
    Candidate,
    Chunk,
    DocumentId,
    Evidence,
    LearnedRanking,
    Manifest,
    Passage,
    Scores,
    VersionId,
)
from rag_flywheel.ports import Encoder, PassageIndex, Reranker, RerankerStore, Vectors
from rag_flywheel.wording import same_question

RRF_K = 60  # the constant of the paper
RRF = "reciprocal_rank_fusion"
DENSE = "dense_margin"
SPARSE = "sparse_share"
KNOWN = "known_question"
RERANK = "rerank"
FEATURES = (RRF, DENSE, SPARSE, KNOWN, RERANK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searcher:
    """One index version with all that decides its ranking. Cheap to make; holds no state of its own."""

    version: VersionId
    index: PassageIndex
    encoder: Encoder
    learned: LearnedRanking
    reranker: Reranker | None  # the one that `learned` names
    candidates: int  # passages of each channel
    reranked: int  # how many of the fused candidates the reranker scores
    shown: int  # passages that the generator sees

    def __post_init__(self) -> None:
        if (self.learned.reranker is None) != (self.reranker is None):
            raise ValueError(f"version {self.version}: the reranker and its digest go together")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A known question's chunk with how well the question fits the query."""

    candidate: Candidate
    fit: float  # comparable within one version
    nearest: bool  # whether the question is nearer to the query than every passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What a search came to."""

    passages: tuple[Passage, ...]  # best first
    weighed: NDArray[np.float64]  # the features of the source passages among them, in their order
    nearest: float | None  # the best cosine of a source passage, also where a known question led to it
    admitted: tuple[Fitting, ...]  # the known questions whose answers stand first, in their order
    kept_out: tuple[Fitting, ...]  # known questions that did not fit well enough, or come to an answer met before


def open_searcher(manifest: Manifest, *, index: PassageIndex, encoder: Encoder, rerankers: RerankerStore) -> Searcher:
    """A searcher with the settings that the version was built with. Raises NotFound when its reranker is not kept."""
    retrieval = Retrieval.model_validate(manifest.settings["retrieval"])
    reranker = RerankerSettings.model_validate(manifest.settings["reranker"])
    digest = manifest.learned.reranker
    return Searcher(
        version=manifest.version_id,
        index=index,
        encoder=encoder,
        learned=manifest.learned,
        reranker=None if digest is None else rerankers.load(digest),
        candidates=retrieval.candidates,
        reranked=reranker.candidates,
        shown=retrieval.passages,
    )


def retrieve(query: str, *, searcher: Searcher) -> list[Passage]:
    """The ranking of one version for a query, best first: answers of admitted known questions, then source passages.

    At most `candidates` from each channel. Raises NotFound when the version is gone, IndexUnavailable.
    """
    return retrieve_by_vector(query, searcher.encoder.encode_queries([query])[0], searcher=searcher)


def retrieve_by_vector(query: str, vector: Vectors, *, searcher: Searcher) -> list[Passage]:
    """`retrieve` for a query that is already encoded, as many at once are."""
    return list(rank(query, vector, searcher=searcher).passages)


def rank(
    query: str, vector: Vectors, *, searcher: Searcher, without: Callable[[Chunk, str], bool] | None = None
) -> Ranking:
    """`retrieve_by_vector`, with the known questions that were kept out.

    `without` names the known questions' chunks, by chunk and query, that are to count as not known: `is_confirmed`
    tells what a confirmation does for other wordings of its question, and `is_known` what all that is known does.
    """
    found = searcher.index.search(searcher.version, text=query, vector=vector, limit=searcher.candidates)
    if without is not None:
        found = [one for one in found if not without(one.chunk, query)]
    by_question = [one for one in found if one.chunk.by_question]
    passages = with_known([one for one in found if not one.chunk.by_question], by_question)
    nearest = _best_cosine(passages)
    known = fits(by_question, passages, searcher.learned.admission)
    admitted = _answers([one for one in known if is_admitted(one, searcher.learned.admission)])
    answering = {one.candidate.chunk.span for one in admitted}
    passages = [one for one in passages if one.chunk.span not in answering]
    if searcher.reranker is not None:
        passages = _reranked(query, passages, searcher.reranker, searcher.reranked)
    values = features([one.scores for one in passages])
    scores = fuse(values, searcher.learned.fusion)
    order = np.argsort(-scores, kind="stable")
    ranked = [(one.candidate, 1.0 + max(one.fit, 0.0)) for one in admitted]  # above every passage's score
    ranked += [(passages[at], float(scores[at])) for at in order]
    return Ranking(
        passages=tuple(
            Passage(chunk=one.chunk, rank=place, score=score, scores=one.scores)
            for place, (one, score) in enumerate(ranked, start=1)
        ),
        weighed=values[order],
        nearest=nearest,
        admitted=tuple(admitted),
        kept_out=tuple(one for one in known if one not in admitted),
    )


def is_confirmed(chunk: Chunk, query: str) -> bool:
    """Whether somebody confirmed that the chunk answers this very query."""
    return chunk.confirmed is not None and is_known(chunk, query)


def is_known(chunk: Chunk, query: str) -> bool:
    """Whether the chunk is found by this very query as its known question, confirmed or corrected."""
    return chunk.question is not None and same_question(chunk.question) == same_question(query)


def with_known(passages: Sequence[Candidate], known: Sequence[Candidate]) -> list[Candidate]:
    """The passages, each with the cosine of the query and the nearest `known` question whose answer it holds."""
    answers: dict[DocumentId, list[tuple[Evidence, float]]] = {}
    for one in known:
        provenance = one.chunk.provenance
        for span in (one.chunk.span,) if provenance is None else provenance.holders:
            answers.setdefault(span.document_id, []).append((span, one.scores.question or 0.0))
    found = []
    for one in passages:
        spans = answers.get(one.chunk.document_id, [])
        cosines = [cosine for span, cosine in spans if one.chunk.span.overlaps(span)]
        scores = replace(one.scores, known=max(cosines)) if cosines else one.scores
        found.append(replace(one, scores=scores))
    return found


def _answers(admitted: Sequence[Fitting]) -> list[Fitting]:
    """The best fitting question of each answer."""
    best = {one.candidate.chunk.span: one for one in reversed(admitted)}
    return [one for one in admitted if best[one.candidate.chunk.span] is one]


def fits(known: Sequence[Candidate], passages: Sequence[Candidate], admission: Admission | None) -> list[Fitting]:
    """How well each known question fits the query, best first; ties by chunk id.

    Its cosine to the query, more for the words that they share, less for the best passage's cosine: where a passage is
    near, a question has to be nearer still. Without an admission the cosine alone decides the order.
    """
    nearest = _best_cosine(passages)
    best = -1.0 if nearest is None else nearest
    words, passage = (0.0, 0.0) if admission is None else (admission.words, admission.passage)
    fitting = []
    for one in known:
        cosine = one.scores.question or 0.0
        fit = cosine + words * (one.scores.words or 0.0) - passage * max(best, 0.0)
        fitting.append(Fitting(candidate=one, fit=fit, nearest=cosine > best))
    return sorted(fitting, key=lambda one: (-one.fit, one.candidate.chunk.chunk_id))


def _best_cosine(passages: Sequence[Candidate]) -> float | None:
    return max((one.scores.dense for one in passages if one.scores.dense is not None), default=None)


def is_admitted(one: Fitting, admission: Admission | None) -> bool:
    """Whether a known question is taken for the query: it is nearer than every passage and fits well enough. None is
    before a version has learned how well that is.
    """
    return admission is not None and one.nearest and one.fit > admission.threshold


def fuse(values: NDArray[np.float64], fusion: Mapping[str, float]) -> NDArray[np.float64]:
    """Features (n, len(FEATURES)) to scores (n,) in 0..1: RRF without weights, else the softmax of the weighted sum.

    That is what the weights are learned for, see `ingest.fusion`: how likely each passage is to be the answering one.
    """
    if not fusion or not len(values):
        return values[:, FEATURES.index(RRF)]
    weights = np.array([fusion.get(name, 0.0) for name in FEATURES])
    fused: NDArray[np.float64] = softmax(values @ weights)
    return fused


def features(found: Sequence[Scores]) -> NDArray[np.float64]:
    """What fusion weighs, for the passages of one query: (n, len(FEATURES)), each about 0..1.

    RRF over its greatest possible value; one less the distance to the query's best dense cosine; the share of its best
    BM25 score; the squared cosine of the nearest known question, as a far one says nothing, 0 where there is none; the
    reranker's probability. An absent dense or reranker's score counts as the lowest seen, an absent BM25 score as 0.
    """
    if not found:
        return np.zeros((0, len(FEATURES)))
    dense = _filled([scores.dense for scores in found])
    sparse = np.array([scores.sparse or 0.0 for scores in found])
    rerank = _filled([scores.rerank for scores in found])
    fused = _reciprocal([scores.dense for scores in found]) + _reciprocal([scores.sparse for scores in found])
    return np.stack(
        [
            fused * (RRF_K + 1) / 2,
            1.0 + dense - dense.max(),
            sparse / max(float(sparse.max()), 1e-9),
            np.array([max(scores.known or 0.0, 0.0) ** 2 for scores in found]),
            1.0 / (1.0 + np.exp(-rerank)),
        ],
        axis=1,
    )


def searched_text(chunk: Chunk, *, titles: bool) -> str:
    """What is embedded of a chunk: its text, under its title and headings where `titles` is true."""
    if not titles:
        return chunk.text
    path = [chunk.title, *(heading for heading in chunk.headings if heading != chunk.title)]
    return "\n".join([" > ".join(part for part in path if part), chunk.text]).strip()


def _reranked(query: str, candidates: Sequence[Candidate], reranker: Reranker, limit: int) -> list[Candidate]:
    """The candidates, the best `limit` by RRF with the reranker's score."""
    best = np.argsort(-fuse(features([one.scores for one in candidates]), {}), kind="stable")[:limit]
    scores = reranker.score(query, [candidates[at].chunk.text for at in best])
    by_place = {int(at): float(score) for at, score in zip(best, scores, strict=True)}
    return [
        Candidate(chunk=one.chunk, scores=replace(one.scores, rerank=by_place.get(at)))
        for at, one in enumerate(candidates)
    ]


def _reciprocal(scores: Sequence[float | None]) -> NDArray[np.float64]:
    """1 / (k + rank) for each, 0 where the channel did not return it."""
    present = [at for at, score in enumerate(scores) if score is not None]
    order = sorted(present, key=lambda at: -(scores[at] or 0.0))
    values = np.zeros(len(scores))
    for rank, at in enumerate(order, start=1):
        values[at] = 1.0 / (RRF_K + rank)
    return values


def _filled(scores: Sequence[float | None]) -> NDArray[np.float64]:
    lowest = min((score for score in scores if score is not None), default=0.0)
    return np.array([lowest if score is None else score for score in scores], dtype=np.float64)
