"""Query to passages: hybrid search, admission of known questions, fusion, reranking. One version answers, whole.

A source passage is found by its dense vector and by BM25. A known question is one whose answer is a reviewed
correction, or a passage that a person confirmed. It is found by itself alone, and its answer is admitted only when it
fits the query well enough, as `admission` says. Then its answer stands first. A known question that is not meant still
tells what the passages that hold its answer are about. The order of the source passages is for `fusion` to say. Where
several say the same, as `twins` tells, one of them stands for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.domain import Admission, Candidate, Chunk, Passage, untuned
from rag_flywheel.ports import Reranker, Vectors, telemetry
from rag_flywheel.ports.metrics import Stage
from rag_flywheel.search.admission import Fitting, best_cosine, fits, is_admitted, with_known
from rag_flywheel.search.fusion import features, fuse
from rag_flywheel.search.languages import likely
from rag_flywheel.search.twins import joined
from rag_flywheel.search.versions import Searcher

OFFERED_AT_MOST = 3  # more are no help to whoever has to choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What a search came to."""

    passages: tuple[Passage, ...]  # best first
    weighed: NDArray[np.float64]  # the features of the source passages among them, in their order
    nearest: float | None  # the best cosine of a source passage, also where a known question led to it
    admitted: tuple[Fitting, ...]  # the known questions whose answers stand first, in their order
    kept_out: tuple[Fitting, ...]  # known questions that did not fit well enough, or come to an answer met before


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
    return ranked(query, search(query, vector, searcher=searcher), searcher=searcher, without=without)


def ranked(
    query: str,
    found: Sequence[Candidate],
    *,
    searcher: Searcher,
    without: Callable[[Chunk, str], bool] | None = None,
) -> Ranking:
    """`rank` of what a search found."""
    if without is not None:
        found = [candidate for candidate in found if not without(candidate.chunk, query)]
    by_question = [candidate for candidate in found if candidate.chunk.by_question]
    passages = with_known([candidate for candidate in found if not candidate.chunk.by_question], by_question)
    nearest = best_cosine(passages)
    known = fits(by_question, passages, searcher.learned.admission)
    admitted = _answers([fitting for fitting in known if is_admitted(fitting, searcher.learned.admission)])
    answering = {fitting.candidate.chunk.span for fitting in admitted}
    passages = [candidate for candidate in passages if candidate.chunk.span not in answering]
    passages, also = joined(passages, searcher.near_duplicate)
    if searcher.reranker is not None:
        passages = _reranked(query, passages, searcher.reranker, searcher.reranked)
    values = features([candidate.scores for candidate in passages])
    scores = fuse(values, searcher.learned.fusion)
    order = np.argsort(-scores, kind="stable")
    ranked = [(fitting.candidate, 1.0 + max(fitting.fit, 0.0)) for fitting in admitted]  # above every passage's score
    ranked += [(passages[at], float(scores[at])) for at in order]
    return Ranking(
        passages=tuple(
            Passage(
                chunk=candidate.chunk,
                rank=place,
                score=score,
                scores=candidate.scores,
                also=also.get(candidate.chunk.chunk_id, ()),
            )
            for place, (candidate, score) in enumerate(ranked, start=1)
        ),
        weighed=values[order],
        nearest=nearest,
        admitted=tuple(admitted),
        kept_out=tuple(fitting for fitting in known if fitting not in admitted),
    )


def offered(ranking: Ranking, admission: Admission | None) -> list[Chunk]:
    """Corrected questions to ask back for, best first: near, where no known question is near enough to be taken. One
    for each answer. What people merely confirmed is not among them: nobody has reviewed how they put it.
    """
    if ranking.admitted or admission is None or admission.offered is None:
        return []
    near = [fitting.candidate.chunk for fitting in ranking.kept_out if fitting.fit > admission.offered]
    by_answer = {chunk.span: chunk for chunk in reversed(near) if chunk.provenance and not chunk.confirmed}
    return [chunk for chunk in near if by_answer.get(chunk.span) is chunk][:OFFERED_AT_MOST]


def search(query: str, vector: Vectors, *, searcher: Searcher) -> list[Candidate]:
    """What the version's index finds of what the searcher's groups may read. Raises NotFound when the version is gone,
    IndexUnavailable.
    """
    if searcher.groups is not None and not searcher.grouped:
        return []  # nobody can tell what is for whom
    encoder = searcher.encoder
    found = searcher.index.search(
        searcher.version,
        text=query,
        vector=vector,
        limit=searcher.candidates,
        groups=searcher.groups,
        languages=likely(query, searcher.languages),
        tokens=encoder.encode_queries_by_token([query])[1][0] if encoder.token_dimension else None,
    )
    return [candidate for candidate in found if candidate.chunk.is_for(searcher.groups)]  # whatever the store does


def _answers(admitted: Sequence[Fitting]) -> list[Fitting]:
    """The best fitting question of each answer."""
    best = {fitting.candidate.chunk.span: fitting for fitting in reversed(admitted)}
    return [fitting for fitting in admitted if best[fitting.candidate.chunk.span] is fitting]


def _reranked(query: str, candidates: Sequence[Candidate], reranker: Reranker, limit: int) -> list[Candidate]:
    """The candidates, the best `limit` of the untuned order with the reranker's score."""
    scored = [candidate.scores for candidate in candidates]
    weights = untuned(tokens=any(of_one.tokens is not None for of_one in scored))
    best = np.argsort(-fuse(features(scored), weights), kind="stable")[:limit]
    with telemetry.part(Stage.RERANK, {telemetry.RERANKER_TOP_K: limit, telemetry.FOUND: len(best)}):
        scores = reranker.score(query, [candidates[at].chunk.text for at in best])
    by_place = {int(at): float(score) for at, score in zip(best, scores, strict=True)}
    return [
        Candidate(chunk=candidate.chunk, scores=replace(candidate.scores, rerank=by_place.get(at)))
        for at, candidate in enumerate(candidates)
    ]
