"""Which questions tuning may learn from, which the gate tests, and which only its last word may use.

Whole clusters, the wordings of one question, by a stable hash.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from eval.questions.golden import Case, Slice
from rag_flywheel.config import Gate
from rag_flywheel.domain import CORRECTION_PREFIX
from rag_flywheel.domain.equivalence import near_index, near_texts, normalised
from rag_flywheel.ports import Vectors

Role = Literal["tuning", "test", "sealed"]
NEAR_COSINE = 0.9
"""Cosine of two questions from which they may be wordings of one. On `emanual-tv` 35 of 60 such pairs in clusters of
their own have the same answer, on `clapnq-dev` 2 of 2; from 0.8 on it is half of them, and 2 of 12.
"""
COMPARED_AT_ONCE = 1024  # rows of the matrix of cosines, so that its size stays bounded


def is_tuning(cluster: str, *, seed: int) -> bool:
    """Whether tuning may learn from the cluster; the gate tests the other half. Cluster and seed alone decide it."""
    return hashlib.sha256(f"{seed}|{cluster}".encode()).digest()[0] < 128


def role(cluster: str, *, seed: int, sealed: float, epoch: int) -> Role:
    """What a cluster of judged questions is for.

    A tuning cluster stays one for ever, for a seed, and so does a test cluster. Of the test clusters a share `sealed`
    (0..1) is sealed: those whose place on a circle lies in the epoch's arc. The arcs of following epochs meet without
    overlapping, so sealed clusters become ordinary test cases in the next epoch, and come back after 1 / `sealed`
    epochs.
    """
    if is_tuning(cluster, seed=seed):
        return "tuning"
    digest = hashlib.sha256(f"{seed}|sealed|{cluster}".encode()).digest()
    place = int.from_bytes(digest[:6], "big") / 2**48
    return "sealed" if (place - epoch * sealed) % 1.0 < sealed else "test"


def epoch(decisions: int, settings: Gate) -> int:
    """The number of the sealed slice in use: other questions are sealed after every `sealed_decisions` decisions."""
    return decisions // settings.sealed_decisions


def seal(cases: Sequence[Case], *, seed: int, sealed: float, epoch: int) -> list[Case]:
    """The cases in their order, those of sealed clusters marked. Call it after `clustered`.

    A cluster can be sealed only where it holds a judged question (golden or confirmed, not a made one), and no
    correction or wording of one: those are asked in any case. It is sealed as a whole, so that no wording of it is
    open.
    """
    members: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        members[case.cluster].append(case)
    shut = {
        cluster
        for cluster, those in members.items()
        if sealable(those) and role(cluster, seed=seed, sealed=sealed, epoch=epoch) == "sealed"
    }
    return [replace(case, sealed=case.cluster in shut) for case in cases]


def sealable(members: Sequence[Case]) -> bool:
    """Whether the cases of one cluster may be kept for the gate's last word."""
    judged = any(case.slice in (Slice.GOLDEN, Slice.CONFIRMED) and not case.made for case in members)
    return judged and not any(
        case.slice in (Slice.CORRECTED, Slice.PARAPHRASE) or case.case_id.startswith(CORRECTION_PREFIX)
        for case in members
    )


def clustered(cases: Sequence[Case]) -> list[Case]:
    """The cases in their order, with one cluster for all wordings of a question.

    Joined are cases of the same cluster, the same normalised text, or nearly the same words, also through others. So no
    wording of a question crosses from tuning to test. The joined cluster bears the smallest of its golden cases' names,
    else of its other real questions', else of its made ones': what people ask and what is made of the corpus comes and
    goes, and must not move a judged question from one role to another.
    """
    texts = [normalised(case.question) for case in cases]
    keys = [(f"cluster {case.cluster}", f"text {text}") for case, text in zip(cases, texts, strict=True)]
    parents = {key: key for pair in keys for key in pair}

    def root(key: str) -> str:
        while parents[key] != key:
            parents[key] = key = parents[parents[key]]
        return key

    def join(key: str, other: str) -> None:
        parents[root(key)] = root(other)

    for cluster, text in keys:
        join(cluster, text)
    index = near_index(texts)
    for text in index.texts:
        for other in near_texts(text, index):
            join(f"text {text}", f"text {other}")
    names: dict[str, tuple[bool, bool, str]] = {}
    for case, (cluster, _) in zip(cases, keys, strict=True):
        name = (case.made, case.slice is not Slice.GOLDEN, case.cluster)
        names[root(cluster)] = min(name, names.get(root(cluster), name))
    return [replace(case, cluster=names[root(cluster)][-1]) for case, (cluster, _) in zip(cases, keys, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Two questions that may be wordings of one, on both sides of the split."""

    tuning: Case
    test: Case
    cosine: float | None  # of the two; None where their words alone are nearly the same


def leaks(cases: Sequence[Case], roles: Mapping[str, Role], vectors: Vectors | None) -> list[Leak]:
    """Every pair of near questions of which tuning sees one and the gate the other, by `roles` of their clusters.

    Near are questions of nearly the same words, which `clustered` keeps together, and those with a cosine of at least
    NEAR_COSINE. `vectors` (n, dimension) are of the cases' questions, unit rows; None where there is no encoder.
    """
    texts = [normalised(case.question) for case in cases]
    places: dict[str, list[int]] = defaultdict(list)
    for at, text in enumerate(texts):
        places[text].append(at)
    index = near_index(texts)
    tuning = [at for at, case in enumerate(cases) if roles[case.cluster] == "tuning"]
    test = [at for at, case in enumerate(cases) if roles[case.cluster] != "tuning"]
    found: dict[tuple[int, int], float | None] = {}
    if vectors is not None:
        found.update(_near_vectors(tuning, test, vectors))
    tested = set(test)
    for seen in tuning:
        for text in (texts[seen], *near_texts(texts[seen], index)):
            found.update({(seen, other): None for other in places[text] if other in tested})
    return [Leak(tuning=cases[seen], test=cases[other], cosine=cosine) for (seen, other), cosine in found.items()]


def _near_vectors(
    tuning: Sequence[int], test: Sequence[int], vectors: Vectors
) -> Iterator[tuple[tuple[int, int], float]]:
    """((a row of `tuning`, a row of `test`), their cosine) of each pair that is near."""
    for start in range(0, len(tuning), COMPARED_AT_ONCE):
        rows = tuning[start : start + COMPARED_AT_ONCE]
        cosines = vectors[rows] @ vectors[list(test)].T
        for row, other in np.argwhere(cosines >= NEAR_COSINE):
            yield (rows[row], test[other]), float(cosines[row, other])
