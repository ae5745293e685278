"""Which stage failed, from what was recorded and what is now known. Pure."""

from collections.abc import Sequence

from rag_flywheel.domain import Evidence, Shown, Stage


def attribute(ranking: Sequence[Shown], evidence: Sequence[Evidence], *, shown: int) -> Stage:
    """The stage that failed, for an answer made from the first `shown` passages of `ranking`.

    `evidence` is where the right answer stands in the corpus; empty means that no document holds it.
    """
    if not evidence:
        return Stage.MISSING
    rank = first_rank(ranking, evidence)
    if rank is None:
        return Stage.NOT_RETRIEVED
    return Stage.MIS_RANKED if rank > shown else Stage.MIS_GENERATED


def attribute_without_evidence(ranking: Sequence[Shown], *, answered: bool, minimum_similarity: float) -> Stage:
    """The likeliest stage of a bad answer that nobody corrected: only the ranking is known.

    Where the best passage is about the question, search did its part and the answer is at fault; where none is, or the
    system itself refused, the knowledge is missing.
    """
    return Stage.MISSING if not answered or is_off_topic(ranking, near=minimum_similarity) else Stage.MIS_GENERATED


def is_off_topic(ranking: Sequence[Shown], *, near: float) -> bool:
    """Whether nothing that was found is about the question: the best cosine is below `near`."""
    return max((shown.scores.dense or shown.scores.question or -1.0 for shown in ranking), default=-1.0) < near


def first_rank(ranking: Sequence[Shown], evidence: Sequence[Evidence]) -> int | None:
    """The rank of the first passage that overlaps the evidence, or stands for one that does; None where none does."""
    return next(
        (
            shown.rank
            for shown in ranking
            if any(place.overlaps(span) for place in (shown.span, *shown.also) for span in evidence)
        ),
        None,
    )
