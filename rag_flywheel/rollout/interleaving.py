"""Two rankings in one list, and what people click in it: which ranking they prefer. Pure.

Everybody sees both rankings mixed, so a click compares them on the same question of the same person. That shows a
difference of rankings with far fewer questions than two groups of people do, and says nothing of the rest of an answer.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from random import Random
from typing import TypeVar

from rag_flywheel.domain import Arm

T = TypeVar("T")


def team_draft(
    control: Sequence[T], treatment: Sequence[T], *, key: Callable[[T], Hashable], length: int, rng: Random
) -> list[tuple[T, Arm]]:
    """`length` items at most of both rankings, best first, each with the ranking that a click on it counts for.

    In each round a coin says which ranking picks first; each picks its best item that is not in the list yet, two
    items of one `key` being the same. Team-draft interleaving: Radlinski, Kurup and Joachims, "How does clickthrough
    data reflect retrieval quality?" (CIKM 2008); Chapelle, Joachims, Radlinski and Yue, "Large-scale validation and
    analysis of interleaved search evaluation" (TOIS 2012). A ranking that has no more items is passed over.
    """
    rankings = {Arm.CONTROL: iter(control), Arm.TREATMENT: iter(treatment)}
    taken: set[Hashable] = set()
    picked: list[tuple[T, Arm]] = []
    while rankings:
        turns = [Arm.CONTROL, Arm.TREATMENT]
        rng.shuffle(turns)
        for arm in turns:
            if len(picked) == length:
                return picked
            item = next((one for one in rankings.get(arm, ()) if key(one) not in taken), None)
            if item is None:
                rankings.pop(arm, None)
                continue
            taken.add(key(item))
            picked.append((item, arm))
    return picked


def wins(clicks: Iterable[tuple[str, Arm]]) -> tuple[int, int]:
    """(treatment, control): how many people each ranking won; `clicks` are (person, ranking), oldest first.

    A person's first click counts and no other: it is never taken back, without which a test of them would not hold at
    all times at once.
    """
    first: dict[str, Arm] = {}
    for person, arm in clicks:
        first.setdefault(person, arm)
    treatment = sum(arm is Arm.TREATMENT for arm in first.values())
    return treatment, len(first) - treatment
