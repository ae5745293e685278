"""A candidate in the index, asked again: what if some of it were left out, or not adopted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, combinations

from rag_flywheel.cycle.lost_questions import LEARNED, Again, Kind
from rag_flywheel.cycle.scoring_run import ScoringRun
from rag_flywheel.domain import Chunk, Draft, LearnedRanking, Manifest, Passage, Searched
from rag_flywheel.search.admission import is_confirmed
from rag_flywheel.search.retrieval import Ranking, rank


def asked_again(candidate: Manifest, live: LearnedRanking, scoring: ScoringRun) -> Again:
    """How the candidate is asked again, where `live` is the ranking that it can do with instead.

    As `ScoringRun.score` does, it asks as if nobody had confirmed an answer to the very question. What is left out is
    taken from what a search found, so nothing comes up that stood too far behind to be found at all, and what was
    learned is not learned anew.
    """
    services = scoring.services
    searchers = {
        as_live: services.open(replace(candidate, learned=_learned(candidate.learned, live, as_live)))
        for as_live in map(frozenset, chain.from_iterable(combinations(sorted(LEARNED), n) for n in range(3)))
    }

    def ask(question: str, *, as_live: frozenset[Kind], left_out: Callable[[Chunk], bool]) -> Ranking:
        searcher = searchers[as_live]
        key = (searcher.encoder, question)
        if key not in scoring.vectors:
            scoring.vectors[key] = searcher.encoder.encode_queries([question])[0]

        def without(chunk: Chunk, query: str) -> bool:
            return left_out(chunk) or is_confirmed(chunk, query)

        return rank(question, scoring.vectors[key], searcher=searcher, without=without)

    def answers(question: str, passages: Sequence[Passage]) -> bool:
        shown = passages[: searchers[frozenset()].shown]
        searched = Searched(ranking=tuple(passages), refusal=candidate.learned.refusal)
        pieces = services.generator.answer(question, shown, searched=searched)
        return next(piece for piece in pieces if isinstance(piece, Draft)).answered

    return Again(rank=ask, answers=answers)


def _learned(candidate: LearnedRanking, live: LearnedRanking, as_live: frozenset[Kind]) -> LearnedRanking:
    order = live if Kind.ORDER in as_live else candidate
    admission = live if Kind.ADMISSION in as_live else candidate
    return replace(candidate, admission=admission.admission, fusion=order.fusion, reranker=order.reranker)
