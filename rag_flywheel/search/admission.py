"""When a known question is taken for the query, so that its answer stands first.

It has to be nearer to the query than every passage, by itself or together with its answer, and not much farther token
by token, and fit it well enough: how well is enough, the threshold, is learned for each version by
`ingest.learning.admission`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from rag_flywheel.domain import Admission, Candidate, Chunk, DocumentId, Evidence
from rag_flywheel.domain.equivalence import same_question

FARTHER = 0.03  # token by token, at most: question and answer are shorter than a passage, and match less by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """A known question's chunk with how well the question fits the query."""

    candidate: Candidate
    fit: float  # comparable within one version
    cosine: float  # of query and question, or of query and question with answer where that counts and is nearer
    lead: float  # over the passage that is nearest token by token; 0 where the tokens of either are not known
    nearest: bool  # whether it is nearer to the query than every passage, and token by token at most FARTHER off


def is_confirmed(chunk: Chunk, query: str) -> bool:
    """Whether somebody confirmed that the chunk answers this very query."""
    return chunk.confirmed is not None and is_known(chunk, query)


def is_known(chunk: Chunk, query: str) -> bool:
    """Whether the chunk is found by this very query as its known question, confirmed or corrected."""
    return chunk.question is not None and same_question(chunk.question) == same_question(query)


def with_known(passages: Sequence[Candidate], known: Sequence[Candidate]) -> list[Candidate]:
    """The passages, each with the cosine of the query and the nearest `known` question whose answer it holds."""
    answers: dict[DocumentId, list[tuple[Evidence, float]]] = {}
    for candidate in known:
        provenance = candidate.chunk.provenance
        for span in (candidate.chunk.span,) if provenance is None else provenance.holders:
            answers.setdefault(span.document_id, []).append((span, candidate.scores.question or 0.0))
    found = []
    for candidate in passages:
        spans = answers.get(candidate.chunk.document_id, [])
        cosines = [cosine for span, cosine in spans if candidate.chunk.span.overlaps(span)]
        scores = replace(candidate.scores, known=max(cosines)) if cosines else candidate.scores
        found.append(replace(candidate, scores=scores))
    return found


def fits(known: Sequence[Candidate], passages: Sequence[Candidate], admission: Admission | None) -> list[Fitting]:
    """How well each known question fits the query, best first; ties by chunk id.

    Its cosine to the query, more for the words that they share and for an answer that speaks of what is asked, less for
    the cosines of the best passage and the nearest sentence: where a passage is near, a question has to be nearer
    still, as a whole and token by token. Without an admission the cosine alone decides the order.
    """
    nearest = best_cosine(passages)
    best = -1.0 if nearest is None else nearest
    by_token = max((found.scores.tokens for found in passages if found.scores.tokens is not None), default=None)
    by = admission or Admission(threshold=0.0, words=0.0)
    against = by.passage * max(best, 0.0) + by.sentence * max(_best_sentence(passages), 0.0)
    fitting = []
    for candidate in known:
        scores = candidate.scores
        question, answer = scores.question or 0.0, scores.answer or 0.0
        cosine = max(question, answer) if by.answer else question
        lead = 0.0 if scores.tokens is None or by_token is None else scores.tokens - by_token
        fit = question + by.words * (scores.words or 0.0) + by.answer * answer + by.tokens * lead - against
        near = cosine > best and lead > -FARTHER
        fitting.append(Fitting(candidate=candidate, fit=fit, cosine=cosine, lead=lead, nearest=near))
    return sorted(fitting, key=lambda found: (-found.fit, found.candidate.chunk.chunk_id))


def best_cosine(passages: Sequence[Candidate]) -> float | None:
    return max((candidate.scores.dense for candidate in passages if candidate.scores.dense is not None), default=None)


def _best_sentence(passages: Sequence[Candidate]) -> float:
    """Where a passage's sentences are not known, the passage counts."""
    both = ((candidate.scores.sentence, candidate.scores.dense) for candidate in passages)
    return max((near for near in chain.from_iterable(both) if near is not None), default=-1.0)


def is_admitted(fitting: Fitting, admission: Admission | None) -> bool:
    """Whether a known question is taken for the query: it is nearer than every passage and fits well enough. None is
    before a version has learned how well that is.
    """
    return admission is not None and fitting.nearest and fitting.fit > admission.threshold
