"""How readily a version refuses: told from judged questions, which people wrote down whether or not they were answered.

What was confirmed says nothing here. Only answers can be confirmed, so the questions that were refused wrongly are
missing, and each night would refuse a little more.
"""

from collections.abc import Sequence

import numpy as np

from eval.questions import splits
from eval.questions.golden import Case, Slice
from rag_flywheel.answering import answerable
from rag_flywheel.domain import Draft, Searched
from rag_flywheel.search.admission import is_known
from rag_flywheel.search.retrieval import rank
from rag_flywheel.search.versions import Searcher
from rag_flywheel.services import Services

AT_LEAST = 10  # judged questions from which they say more than the weights that come with the project
AT_MOST = 200  # that are asked, as the sentences of their passages must be embedded


def refusal(cases: Sequence[Case], *, searcher: Searcher, services: Services) -> tuple[float, str]:
    """By how much log-odds of questions that this corpus answers lie above others', and a note on it.

    0 where the generator does not weigh them, or there are too few. It goes by the half of the questions that tuning
    sees, so that the gate tests refusals on others.
    """
    if services.config.generator.kind != "extractive":
        return 0.0, "refusals: left to the language model"
    seed = services.config.gate.seed
    judged = [
        case
        for case in cases
        if case.slice is Slice.GOLDEN and case.answerable and splits.is_tuning(case.cluster, seed=seed)
    ]
    if len(judged) < AT_LEAST:
        return 0.0, f"refusals: as elsewhere: {len(judged)} judged questions to learn from, {AT_LEAST} needed"
    drawn = np.random.default_rng(seed).permutation(len(judged))[:AT_MOST]
    odds = _log_odds([judged[at].question for at in drawn], searcher, services)
    moved = answerable.shift(odds, answerable.shipped().levels) if len(odds) >= AT_LEAST else 0.0
    return moved, f"refusals: moved by {moved:+.2f} log-odds, as {len(odds)} judged questions say"


def _log_odds(questions: Sequence[str], searcher: Searcher, services: Services) -> list[float]:
    vectors = searcher.encoder.encode_queries(questions)
    found = [
        rank(question, vector, searcher=searcher, without=is_known).passages
        for question, vector in zip(questions, vectors, strict=True)
    ]
    services.generator.prepare([ranking[: searcher.shown] for ranking in found])
    drafts = (
        piece
        for question, ranking in zip(questions, found, strict=True)
        for piece in services.generator.answer(
            question, ranking[: searcher.shown], searched=Searched(ranking=tuple(ranking))
        )
        if isinstance(piece, Draft)
    )
    return [draft.log_odds for draft in drafts if draft.log_odds is not None]
