"""The questions that changed most between the versions, with both rankings."""

from collections.abc import Mapping
from typing import Any

from eval.questions.golden import Case, relevant
from eval.scores import scorecard
from eval.scores.scorecard import Reply, Scorecard

_ORDER = (scorecard.HIT, scorecard.REFUSAL, scorecard.RECIPROCAL_RANK, scorecard.NDCG)
_STILL = (0.0,) * len(_ORDER)
_EACH = 10  # questions won, and lost
_PLACES = 5  # of each ranking


def swings(
    control: Scorecard, treatment: Scorecard, replies: tuple[Mapping[str, Reply], Mapping[str, Reply]]
) -> dict[str, list[dict[str, Any]]] | None:
    """{won, lost}: the ten questions of each that moved most, as plain values, with the first five places before and
    after. `replies` are the control's and the treatment's, by case id; a question that either lacks is left out.

    What comes first weighs most, then whether the refusal was right, then the rest of the ranking. Sealed questions
    are never among them. None where nothing moved.
    """
    moved = []
    for case in treatment.cases:
        move = _move(case, control, treatment)
        if not case.sealed and any(move) and all(case.case_id in side for side in replies):
            moved.append((move, case))
    won = sorted(
        (move for move in moved if move[0] > _STILL), key=lambda move: ([-by for by in move[0]], move[1].case_id)
    )
    lost = sorted((move for move in moved if move[0] < _STILL), key=lambda move: (move[0], move[1].case_id))
    if not moved:
        return None
    return {
        "won": [_told(case, control, treatment, replies) for _, case in won[:_EACH]],
        "lost": [_told(case, control, treatment, replies) for _, case in lost[:_EACH]],
    }


def _move(case: Case, control: Scorecard, treatment: Scorecard) -> tuple[float, ...]:
    """The change of each metric of _ORDER, 0 where it does not apply or was not scored."""
    before, after = control.values[case.case_id], treatment.values[case.case_id]
    pairs = [(before.get(metric), after.get(metric)) for metric in _ORDER]
    return tuple(0.0 if old is None or new is None else new - old for old, new in pairs)


def _told(
    case: Case, control: Scorecard, treatment: Scorecard, replies: tuple[Mapping[str, Reply], Mapping[str, Reply]]
) -> dict[str, Any]:
    before, after = (
        {
            **{metric: card.values[case.case_id].get(metric) for metric in _ORDER},
            "answered": side[case.case_id].draft.answered,
            "ranking": _ranking(case, side[case.case_id]),
        }
        for card, side in ((control, replies[0]), (treatment, replies[1]))
    )
    return {
        "case_id": case.case_id,
        "slice": case.slice.value,
        "question": case.question,
        "answerable": case.answerable,
        "before": before,
        "after": after,
    }


def _ranking(case: Case, reply: Reply) -> list[dict[str, Any]]:
    """The first places as they were judged: without corrections where the question is about the sources alone."""
    passages = [passage for passage in reply.passages if not (case.sources_only and passage.chunk.is_correction)]
    return [
        {
            "title": passage.chunk.title or (passage.chunk.headings[-1] if passage.chunk.headings else ""),
            "document_id": passage.chunk.document_id,
            "score": round(passage.score, 4),
            "answers": any(relevant(case, chunk) for chunk in passage.chunks),
        }
        for passage in passages[:_PLACES]
    ]
