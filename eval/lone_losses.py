"""Losses that stay losses although what caused them was set aside."""

from collections import defaultdict
from collections.abc import Hashable, Mapping


def lone_losses(
    causes: Mapping[str, Hashable], clusters: Mapping[str, str], *, questions: int, forgiven_below: int
) -> list[str]:
    """Of lost questions whose cause was set aside, the ids of those whose cause took no question of another cluster."""
    took: dict[Hashable, set[str]] = defaultdict(set)
    for name, cause in causes.items():
        took[cause].add(clusters[name])
    lone = [name for name, cause in causes.items() if len(took[cause]) == 1]
    forgiven = {clusters[lone[0]]} if lone and questions < forgiven_below else set()
    return [name for name in lone if clusters[name] not in forgiven]
