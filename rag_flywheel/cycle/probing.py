"""Each correction is asked for through the real path: does the candidate find it, and does the answer rest on it?

It is asked for in its own question and in others: as other people asked where they did, else in wordings that are made.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from eval.questions import golden, splits
from eval.questions.golden import Case, Slice
from eval.questions.known_items import Rephrase
from eval.questions.rewordings import WORDINGS, rewordings
from eval.scores.scorecard import Reply
from rag_flywheel.domain import (
    Chunk,
    CorrectionId,
    DocumentId,
    Evidence,
    Interaction,
    InteractionId,
    Manifest,
    ReviewedCorrection,
)
from rag_flywheel.domain.equivalence import agree, is_traceable, normalised, same_question
from rag_flywheel.domain.probes import Found, Probe, Reworded

OLDEST = 20
"""Of the corrections that were live already, as many of the oldest quarter are probed each night, at most."""
SAMPLED = 20
"""And as many of the others, which are other ones after each new version."""
ASKED = 1000
"""Interactions that are looked through for what other people asked: the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What people asked, so that a correction is asked for as they ask."""

    interactions: Sequence[Interaction]  # the newest ASKED
    corrected: Mapping[InteractionId, Interaction]  # those that the corrections are of
    judged: Sequence[Case]  # of the golden set
    retired: Container[str]  # ids of cases that are asked no more, as `golden.listed_as` gives them


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How wordings are made where nobody asked. As the gate makes them, most of its replies are then known."""

    chunks: Sequence[Chunk]  # of the candidate
    seed: int
    rephrase: Rephrase | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Another way to ask what a correction answers."""

    question: str
    made: bool  # false: somebody asked so


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be asked, and where the answers are. It does not depend on the candidate's ranking."""

    probed: tuple[ReviewedCorrection, ...]
    rewordings: Mapping[CorrectionId, tuple[Wording, ...]]
    answers: Mapping[DocumentId, str]  # of every correction that the candidate holds
    holders: Mapping[CorrectionId, tuple[Evidence, ...]]  # spans of sources that hold a correction's answer too

    @property
    def questions(self) -> list[str]:
        """In the order in which they are asked."""
        return [
            question
            for entry in self.probed
            for question in (
                entry.correction.question,
                *(wording.question for wording in self.rewordings[entry.correction.correction_id]),
            )
        ]


# --- which, and in what words ---------------------------------------------------------------------------------------


def plan(
    corrections: Sequence[ReviewedCorrection], *, control: Manifest | None, people: People, making: Making
) -> Plan:
    """Which of a candidate's corrections to probe, and how.

    All that the live version does not hold, the oldest that it does, and SAMPLED of its others. Of each up to WORDINGS
    other wordings. A holder that nobody named is a guess: it counts where the answer has words enough to tell.
    """
    asked = [entry for entry in corrections if f"correction:{_id(entry)}" not in people.retired]
    probed = _chosen(asked, control, making.seed)
    known = {_id(entry) for entry in corrections if entry.correction.evidence or is_traceable(entry.answer)}
    origins = [chunk.provenance for chunk in making.chunks if chunk.provenance is not None]
    return Plan(
        probed=tuple(probed),
        rewordings=_wordings(probed, corrections, people, making) if probed else {},
        answers={entry.correction.document_id: entry.answer for entry in corrections},
        holders={origin.correction_id: origin.holders for origin in origins if origin.correction_id in known},
    )


def oldest(corrections: Sequence[ReviewedCorrection], *, control: Manifest | None) -> list[CorrectionId]:
    """The quarter of the live version's corrections that was accepted first, at most OLDEST of them."""
    held = _held(control)
    old = sorted((entry for entry in corrections if _id(entry) in held), key=_accepted)
    return [_id(entry) for entry in old[: min(OLDEST, -(-len(old) // 4))]]


def _chosen(corrections: Sequence[ReviewedCorrection], control: Manifest | None, seed: int) -> list[ReviewedCorrection]:
    held, first = _held(control), set(oldest(corrections, control=control))
    version = "" if control is None else control.version_id
    others = [name for name in map(_id, corrections) if name in held - first]
    drawn = sorted(others, key=lambda name: _draw(f"{seed}|{version}|{name}"))[:SAMPLED]
    return [entry for entry in corrections if (name := _id(entry)) not in held or name in first or name in drawn]


def _wordings(
    probed: Sequence[ReviewedCorrection], corrections: Sequence[ReviewedCorrection], people: People, making: Making
) -> dict[CorrectionId, tuple[Wording, ...]]:
    """First what other people asked, then what is made."""
    targets = golden.from_corrections(probed, slice=Slice.CORRECTED)
    asked = _asked(probed, corrections, people, making.seed)
    made: dict[str, list[Wording]] = defaultdict(list)
    for case in rewordings(targets, chunks=making.chunks, seed=making.seed, rephrase=making.rephrase):
        made[golden.listed_as(case.case_id)].append(Wording(question=case.question, made=True))
    return {
        _id(entry): _distinct([*asked[_id(entry)], *made[target.case_id]], target.question)
        for entry, target in zip(probed, targets, strict=True)
    }


def _asked(
    probed: Sequence[ReviewedCorrection], corrections: Sequence[ReviewedCorrection], people: People, seed: int
) -> dict[CorrectionId, list[Wording]]:
    """What others than the corrected asker asked of the same, in an order of chance.

    Of the same is what is in one cluster with the correction's question, as `splits.clustered` tells. Where other
    corrections are in it nobody can say which of them was meant, and none is taken.
    """
    own = golden.from_corrections(corrections, slice=Slice.CORRECTED)
    judged = golden.in_use(people.judged, people.retired)
    theirs = [_case(asked) for asked in people.interactions if asked.consent and asked.query.strip()]
    asker = {_name(asked): asked.user for asked in people.interactions}
    clusters: dict[str, list[Case]] = defaultdict(list)
    cluster: dict[str, str] = {}
    for case in splits.clustered([*own, *judged, *theirs]):
        clusters[case.cluster].append(case)
        cluster[case.case_id] = case.cluster
    found: dict[CorrectionId, list[Wording]] = {}
    for entry in probed:
        user = people.corrected[entry.correction.interaction_id].user
        members = clusters[cluster[f"correction:{_id(entry)}"]]
        others = [case for case in members if case.slice is not Slice.CORRECTED]
        heard = {case.question for case in others if user is None or asker.get(case.case_id) != user}
        is_meant = len(members) - len(others) == 1
        by_chance = sorted(heard, key=lambda question: _draw(f"{seed}|{question}"))
        found[_id(entry)] = [Wording(question=question, made=False) for question in by_chance if is_meant]
    return found


def _distinct(wordings: Iterable[Wording], question: str) -> tuple[Wording, ...]:
    """The first WORDINGS of them, each once, without the question itself."""
    kept = {same_question(question): Wording(question=question, made=False)}
    for wording in wordings:
        kept.setdefault(same_question(wording.question), wording)
    return tuple(kept.values())[1 : 1 + WORDINGS]


def _name(asked: Interaction) -> str:
    return f"interaction:{asked.interaction_id}"


def _case(asked: Interaction) -> Case:
    """The question alone: it is there to be clustered."""
    return Case(
        case_id=_name(asked),
        question=asked.query,
        cluster=normalised(asked.query),
        slice=Slice.CONFIRMED,
        answer=None,
        documents=frozenset(),
        evidence=(),
        answerable=False,
        made=False,
    )


def _id(entry: ReviewedCorrection) -> CorrectionId:
    return entry.correction.correction_id


def _accepted(entry: ReviewedCorrection) -> tuple[float, CorrectionId]:
    assert entry.review is not None  # only reviewed corrections are in a version
    return entry.review.reviewed.timestamp(), _id(entry)


def _held(control: Manifest | None) -> set[CorrectionId]:
    return set() if control is None else set(control.corrections)


def _draw(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


# --- what became of them --------------------------------------------------------------------------------------------


def probe(plan: Plan, *, ask: Callable[[str], Reply]) -> tuple[Probe, ...]:
    """What became of each correction of the plan; `ask` is one version's replies.

    It is found where a passage that was shown to the generator is the correction's, holds its answer, or is that of a
    correction that says the same; and used where the answer cites such a place.
    """
    return tuple(
        Probe(
            correction_id=_id(entry),
            own=_found(entry, plan, ask(entry.correction.question)),
            rewordings=tuple(
                Reworded(found=_found(entry, plan, ask(wording.question)), made=wording.made)
                for wording in plan.rewordings[_id(entry)]
            ),
        )
        for entry in plan.probed
    )


def not_found(probes: Iterable[Probe], manifest: Manifest, *, control: Manifest | None) -> list[CorrectionId]:
    """The new corrections that their own question does not find: they go back to review.

    None where the version admits no correction at all, which is no fault of theirs.
    """
    held = _held(control)
    return [
        probe.correction_id
        for probe in probes
        if probe.own is Found.NOT_FOUND and probe.correction_id not in held and manifest.learned.admission is not None
    ]


def _found(entry: ReviewedCorrection, plan: Plan, reply: Reply) -> Found:
    shown = [chunk.span for passage in reply.passages[: reply.shown] for chunk in passage.chunks]
    if not any(_answers(span, entry, plan) for span in shown):
        return Found.NOT_FOUND
    cited = [
        span
        for citation in reply.draft.citations
        for span in (
            Evidence(document_id=citation.document_id, start=citation.start, end=citation.end),
            *citation.also,
        )
    ]
    return Found.AND_USED if any(_answers(span, entry, plan) for span in cited) else Found.NOT_USED


def _answers(span: Evidence, entry: ReviewedCorrection, plan: Plan) -> bool:
    """Whether the correction's answer is known to stand there."""
    other = plan.answers.get(span.document_id)
    return (
        span.document_id == entry.correction.document_id
        or (other is not None and agree(other, entry.answer))
        or any(span.overlaps(holder) for holder in plan.holders.get(_id(entry), ()))
    )
