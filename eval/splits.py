"""Which questions tuning may learn from and which the gate tests: whole groups, by a stable hash."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from eval.golden import Case
from rag_flywheel.wording import near_index, near_texts, normalised


def is_tuning(group: str, *, seed: int) -> bool:
    """Whether tuning may learn from the group; the gate tests the other half. It never changes for a group and seed."""
    return hashlib.sha256(f"{seed}|{group}".encode()).digest()[0] < 128


def regroup(cases: Sequence[Case]) -> list[Case]:
    """The cases in their order, with one group for all wordings of a question.

    Joined are cases of the same group, the same normalised text, or nearly the same words, also through others. The
    joined group bears the smallest of their names. So no wording of a question crosses from tuning to test.
    """
    texts = [normalised(case.question) for case in cases]
    keys = [(f"group {case.group}", f"text {text}") for case, text in zip(cases, texts, strict=True)]
    parents = {key: key for pair in keys for key in pair}

    def root(key: str) -> str:
        while parents[key] != key:
            parents[key] = key = parents[parents[key]]
        return key

    def join(one: str, other: str) -> None:
        parents[root(one)] = root(other)

    for group, text in keys:
        join(group, text)
    index = near_index(texts)
    for one in index.texts:
        for other in near_texts(one, index):
            join(f"text {one}", f"text {other}")
    names: dict[str, str] = {}
    for case, (group, _) in zip(cases, keys, strict=True):
        names[root(group)] = min(case.group, names.get(root(group), case.group))
    return [replace(case, group=names[root(group)]) for case, (group, _) in zip(cases, keys, strict=True)]
