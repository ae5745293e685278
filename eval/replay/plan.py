"""Who asks what, when, and how they answer back: a replay decided in advance. Pure; all chance is from the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from eval.replay.dataset import Dataset, Query
from eval.replay.trial import Probe, Slice
from rag_flywheel.domain import DocumentId
from rag_flywheel.domain.equivalence import agree, normalised
from rag_flywheel.errors import InvalidInput

Mode = Literal["full", "gap"]
Hostile = Literal["wrong", "poisoned"]
HOSTILE: tuple[Hostile, ...] = ("wrong", "poisoned")
Implicit = Literal["used", "abandoned", "regenerated"]
IMPLICIT: tuple[Implicit, ...] = ("used", "abandoned", "regenerated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question that is asked and followed by a signal."""

    query: Query
    turn: int  # from 1
    kind: Literal["correct", "confirm"]  # what the asker is ready to do
    answer: str  # what the asker would hand in as the better answer
    hostile: Hostile | None
    implicit: tuple[Implicit, bool] | None  # what the asker also does, by chance: it says nothing of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One seed of a replay. A probe's `relevant` holds its judgements alone: corrections are not made yet."""

    seed: int
    turns: int
    asks: tuple[Ask, ...]  # in the order of their turns
    probes: tuple[Probe, ...]
    removed: frozenset[DocumentId]  # left out of the sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is played, as `draw` explains it."""

    mode: Mode = "full"
    corrections: int | None = None  # questions of which one wording is asked to be corrected, at most; None: half
    accepted: float = 0.5  # share of the untouched questions, 0..1
    hostile: float = 0.0  # share of the corrections, 0..1
    noise: float = 0.0  # share of the askers who also leave an implicit signal that says nothing, 0..1
    turns: int = 1
    titles: bool = True  # false: passages are indexed without their titles, whatever the settings say

    def __post_init__(self) -> None:
        shares = (self.accepted, self.hostile, self.noise)
        enough = self.turns >= 1 and (self.corrections is None or self.corrections >= 1)
        if not (all(0 <= share <= 1 for share in shares) and enough):
            raise ValueError(
                f"a replay needs shares of 0 to 1, a turn and a correction or more, got accepted {self.accepted}, "
                f"hostile {self.hostile}, noise {self.noise}, turns {self.turns}, corrections {self.corrections}"
            )


Clusters = Sequence[Sequence[Query]]


def draw(dataset: Dataset, options: Options, *, seed: int) -> Plan:
    """The plan of one seed.

    Questions with several wordings are split in half, or so that at most `corrections` of them are in the first part.
    There, in the corrected part, one wording of each is asked, to be corrected, and the others are probes. Questions
    without another wording are untouched as well: nobody can correct one and ask it otherwise. Of a share `accepted` of
    the untouched questions one wording is asked, to be confirmed; all their other wordings are probes. No probe has the
    text of a question that is asked.

    Mode "gap" removes the documents that answer any wording of a corrected question. Untouched questions that lose all
    their documents by it stay, but are not `answerable`: nothing is left there that could be harmed.

    A share `hostile` of the corrections is hostile, by turns "wrong" (the gold answer to a question about something
    else) and "poisoned" (the question's own text before such an answer: PoisonedRAG, Zou et al., USENIX Security 2025).
    The other wordings of these questions are the slice "adversarial".

    A share `noise` of the askers also uses, abandons or regenerates the answer, by chance and whatever it was worth.

    Corrections and confirmations are dealt over the turns alike. Raises InvalidInput where a hostile answer is wanted
    and all answers agree.
    """
    chance = Random(seed)
    clusters = _clusters(dataset.queries)
    reworded = [cluster for cluster in clusters if len(cluster) > 1]
    chance.shuffle(reworded)
    half = len(reworded) // 2
    corrected = reworded[: half if options.corrections is None else min(options.corrections, half)]
    removed = _answering(corrected) if options.mode == "gap" else frozenset()
    single = [cluster for cluster in clusters if len(cluster) == 1]
    untouched = [*reworded[len(corrected) :], *single]
    asked = [chance.choice(cluster) for cluster in corrected]
    chance.shuffle(untouched)
    confirmed = [chance.choice(cluster) for cluster in untouched[: round(options.accepted * len(untouched))]]
    ills = _hostile(asked, options.hostile, chance)
    bad = {
        query_id: _hostile_answer(query_id, ill, corrected, dataset.queries, chance) for query_id, ill in ills.items()
    }
    asks = [
        *_dealt("correct", {query: bad.get(query.query_id, query.answer) for query in asked}, options.turns, ills),
        *_dealt("confirm", {query: query.answer for query in confirmed}, options.turns, {}),
    ]
    return Plan(
        seed=seed,
        turns=options.turns,
        asks=_noisy(sorted(asks, key=lambda ask: ask.turn), options.noise, seed),
        probes=tuple(_probes(asks, corrected, untouched, removed)),
        removed=removed,
    )


def _dealt(
    kind: Literal["correct", "confirm"], answers: Mapping[Query, str], turns: int, ills: Mapping[str, Hostile]
) -> list[Ask]:
    """Questions with what their askers would hand in, over the turns alike."""
    return [
        Ask(
            query=query,
            turn=1 + place % turns,
            kind=kind,
            answer=answer,
            hostile=ills.get(query.query_id),
            implicit=None,
        )
        for place, (query, answer) in enumerate(answers.items())
    ]


def _clusters(queries: Sequence[Query]) -> list[list[Query]]:
    found: dict[str, list[Query]] = {}
    for query in queries:
        found.setdefault(query.cluster, []).append(query)
    return list(found.values())


def _answering(clusters: Clusters) -> frozenset[DocumentId]:
    return frozenset(document for cluster in clusters for query in cluster for document in query.relevant)


def _hostile(asked: Sequence[Query], share: float, chance: Random) -> Mapping[str, Hostile]:
    """Query id -> kind, of the share of the questions whose correction is hostile."""
    chosen = chance.sample([query.query_id for query in asked], round(share * len(asked)))
    return {query_id: HOSTILE[place % len(HOSTILE)] for place, query_id in enumerate(chosen)}


def _hostile_answer(query_id: str, ill: Hostile, clusters: Clusters, queries: Sequence[Query], chance: Random) -> str:
    cluster = next(cluster for cluster in clusters if any(query.query_id == query_id for query in cluster))
    own = {query.cluster for query in cluster}
    wrong = [
        other.answer
        for other in queries
        if other.cluster not in own and not any(agree(other.answer, query.answer) for query in cluster)
    ]
    if not wrong:
        raise InvalidInput(
            "hostile corrections need answers that disagree, and those of this data set all say the same: replay "
            "without --hostile, or give another data set"
        )
    answer = chance.choice(wrong)
    text = next(query.text for query in cluster if query.query_id == query_id)
    return f"{text} {answer}" if ill == "poisoned" else answer


def _noisy(asks: Sequence[Ask], share: float, seed: int) -> tuple[Ask, ...]:
    """By a chance of its own, so that the rest of the plan is the same with and without."""
    chance = Random(f"implicit {seed}")
    drawn = [(chance.random() < share, chance.choice(IMPLICIT), chance.random() < 0.5) for _ in asks]
    return tuple(
        replace(ask, implicit=(kind, value)) if noisy else ask
        for ask, (noisy, kind, value) in zip(asks, drawn, strict=True)
    )


def _probes(
    asks: Sequence[Ask], corrected: Clusters, untouched: Clusters, removed: frozenset[DocumentId]
) -> list[Probe]:
    texts = {normalised(ask.query.text) for ask in asks}
    by_cluster = {ask.query.cluster: ask for ask in asks if ask.kind == "correct"}
    probes = []
    for cluster in [*corrected, *untouched]:
        ask = by_cluster.get(cluster[0].cluster)
        part: Slice = "untouched" if ask is None else "corrected" if ask.hostile is None else "adversarial"
        probes += [
            Probe(
                query_id=query.query_id,
                cluster=query.cluster,
                question=query.text,
                answer=query.answer,
                slice=part,
                turn=None if ask is None else ask.turn,
                relevant=query.relevant,
                answerable=bool(query.relevant - removed),
                agreeing=frozenset(),
            )
            for query in cluster
            if normalised(query.text) not in texts
        ]
    return probes
