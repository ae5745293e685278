"""Which questions tuning may learn from and which the gate tests: whole groups, by a stable hash."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil

from eval.golden import Case, normalised

NEAR = 0.8
"""Jaccard similarity of their words from which two questions count as wordings of one."""


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
    for one, other in _near(sorted(set(texts))):
        join(f"text {one}", f"text {other}")
    names: dict[str, str] = {}
    for case, (group, _) in zip(cases, keys, strict=True):
        names[root(group)] = min(case.group, names.get(root(group), case.group))
    return [replace(case, group=names[root(group)]) for case, (group, _) in zip(cases, keys, strict=True)]


def _near(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of texts with a Jaccard similarity of words of at least NEAR.

    Prefix filtering (Chaudhuri, Ganti and Kaushik, ICDE 2006): such a pair shares one of the few rarest words of each,
    so only texts that do are compared.
    """
    words = [frozenset(text.split()) for text in texts]
    spread = Counter(word for one in words for word in one)
    holders: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(words):
        rarest = sorted(one, key=lambda word: (spread[word], word))[: len(one) - ceil(NEAR * len(one)) + 1]
        for before in {other for word in rarest for other in holders[word]}:
            if len(one & words[before]) >= NEAR * len(one | words[before]):
                yield texts[before], texts[at]
        for word in rarest:
            holders[word].append(at)
