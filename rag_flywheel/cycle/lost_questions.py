"""What took the guard questions that a candidate lost.

A question is lost where the live version answers it first, or rightly refuses it, and the candidate does not. Each is
put to the candidate again: without what stands before its answer, in the live version's order, with the live version's
rule of when a known question is meant. Whatever brings it back explains it. `cycle.what_if` asks the index.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from eval.questions.golden import GUARDS, Case, relevant
from eval.scores.scorecard import HIT, REFUSAL, reference_texts
from rag_flywheel.cycle.scoring_run import ScoredReplies
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, Evidence, LearnedRanking, Passage
from rag_flywheel.search.retrieval import Ranking

EXAMINED = 100  # lost questions that are looked at, at most: each costs a few searches
ROUNDS = 8  # times that what stands before an answer is taken away, to see what comes up
TRIED_ALONE = 8  # things that may have to go together of which it is tried whether all have to


class Kind(StrEnum):
    """What can take a question."""

    CORRECTION = "correction"
    CONFIRMED = "confirmed"  # a known question that somebody confirmed
    ORDER = "order"  # of the passages, as it was learned
    ADMISSION = "admission"  # when a known question is taken for the query, as it was learned
    DOCUMENT = "document"  # new or changed, before the answer
    VANISHED = "vanished"  # the document that answered is not there any more, or reads otherwise there


KNOWN = frozenset({Kind.CORRECTION, Kind.CONFIRMED})
LEARNED = frozenset({Kind.ORDER, Kind.ADMISSION})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cause:
    """Something that took a question."""

    kind: Kind
    name: str = ""  # the id of the correction, the interaction or the document; none of what was learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A question that the live version answers, or refuses, rightly, and the candidate does not."""

    case: Case
    metric: str  # HIT: its answer came first; REFUSAL: else
    answered: Chunk | None  # what came first in the live version


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What the candidate has that the live version has not."""

    new: Mapping[ChunkId, Cause]  # of each chunk that is new, or reads otherwise
    hidden: tuple[tuple[Evidence, Cause], ...]  # what new corrections supersede, so that it is not shown any more
    learned: frozenset[Kind]  # which of LEARNED the live version has otherwise, and could lend


class Rank(Protocol):
    """The candidate's ranking."""

    def __call__(self, question: str, *, as_live: frozenset[Kind], left_out: Callable[[Chunk], bool]) -> Ranking:
        """As if it had none of the chunks that are `left_out`, and of what was learned the live version's `as_live`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """How a candidate is asked again."""

    rank: Rank
    answers: Callable[[str, Sequence[Passage]], bool]  # whether it answers the question from such a ranking


def lost(cases: Iterable[Case], live: ScoredReplies, candidate: ScoredReplies) -> list[Lost]:
    """The guard questions among the cases that the candidate lost. Of sealed ones nothing is told."""
    found = []
    for case in cases:
        before, after = live.card.values.get(case.case_id, {}), candidate.card.values.get(case.case_id, {})
        metric = next((name for name in (HIT, REFUSAL) if before.get(name) == 1.0 and after.get(name) == 0.0), None)
        if metric is not None and case.slice in GUARDS and not case.sealed:
            passages = _judged_on(case, live.replies[case.case_id].passages)
            found.append(Lost(case=case, metric=metric, answered=passages[0].chunk if passages else None))
    return found


def examined(lost: Sequence[Lost], *, seed: int) -> list[Lost]:
    """At most EXAMINED of them, drawn by their ids."""

    def place(of: Lost) -> bytes:
        return hashlib.sha256(f"{seed}|{of.case.case_id}".encode()).digest()

    return sorted(lost, key=place)[:EXAMINED]


def differences(
    chunks: Iterable[Chunk], before: Iterable[Chunk], *, learned: LearnedRanking, live: LearnedRanking
) -> Differences:
    """What a candidate of these chunks, with this ranking, has that the live version, with those of `before`, has not.

    `live` is the ranking that it can do with instead: the live version's, or its order with a narrower rule of when a
    known question is meant. Without such a rule there is none to lend.
    """
    had = {_content(chunk) for chunk in before}
    admission = live.admission is not None and live.admission != learned.admission
    order = (live.fusion, live.reranker) != (learned.fusion, learned.reranker)
    new = [chunk for chunk in chunks if _content(chunk) not in had]
    return Differences(
        new={chunk.chunk_id: _cause(chunk) for chunk in new},
        hidden=tuple(
            (span, _cause(chunk))
            for chunk in new
            if chunk.provenance is not None
            for span in chunk.provenance.supersedes
        ),
        learned=frozenset({Kind.ORDER} if order else ()) | frozenset({Kind.ADMISSION} if admission else ()),
    )


def _content(chunk: Chunk) -> tuple[str | None, ...]:
    """Equal for chunks that are the same to a reader. A confirmation is one, wherever the answer stands by now."""
    return (chunk.confirmed,) if chunk.confirmed is not None else (chunk.document_id, chunk.question, chunk.text)


def _cause(chunk: Chunk) -> Cause:
    if chunk.confirmed is not None:
        return Cause(kind=Kind.CONFIRMED, name=chunk.confirmed)
    if chunk.provenance is not None:
        return Cause(kind=Kind.CORRECTION, name=chunk.provenance.correction_id)
    return Cause(kind=Kind.DOCUMENT, name=chunk.document_id)


# --- what took one question -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What took one question."""

    lost: Lost
    remedies: tuple[frozenset[Cause], ...]  # each would bring it back, by itself: of KNOWN and LEARNED
    named: tuple[Cause, ...]  # where there is none: documents, and what took it together with them


def explain(lost: Sequence[Lost], chunks: Sequence[Chunk], differ: Differences, again: Again) -> list[Explained]:
    """What took each question from a candidate of these chunks. Raises what `again` raises."""
    passages = [chunk for chunk in chunks if chunk.confirmed is None]
    held = reference_texts([of.case for of in lost], passages)
    texts = {(chunk.document_id, chunk.text) for chunk in passages}
    return [_explained(of, bool(held[of.case.case_id]), texts, differ, again) for of in lost]


def _explained(
    of: Lost, held: bool, texts: set[tuple[DocumentId, str]], differ: Differences, again: Again
) -> Explained:
    """`held`: whether a chunk of the candidate answers it. `texts` are those of its passages."""
    first = of.answered
    gone = first is not None and not first.is_correction and (first.document_id, first.text) not in texts
    vanished = [first.document_id] if first is not None and gone else []
    remedies: tuple[frozenset[Cause], ...] = ()
    if held or not of.case.answerable:
        remedies = _remedies(of, differ, again)
    else:
        vanished = sorted(of.case.relevant_documents)
    if not remedies and first is not None and gone:
        hiding = frozenset(cause for span, cause in differ.hidden if span.overlaps(first.span))
        remedies = (hiding,) if hiding else ()
    if remedies:
        return Explained(lost=of, remedies=remedies, named=())
    together = _without(of, KNOWN | {Kind.DOCUMENT}, frozenset(), differ, again) if held else None
    named = together or (Cause(kind=Kind.VANISHED, name=name) for name in vanished)
    return Explained(lost=of, remedies=(), named=tuple(sorted(named)))


def _remedies(of: Lost, differ: Differences, again: Again) -> tuple[frozenset[Cause], ...]:
    """What would bring the question back: known questions left out, what was learned not adopted, or as few of both as
    do it together.
    """
    known = _without(of, KNOWN, frozenset(), differ, again)
    found = [] if known is None else [known]
    bases = [frozenset({kind}) for kind in sorted(differ.learned, reverse=True)]  # the order first
    bases += [differ.learned] if len(bases) > 1 else []
    causes = {base: frozenset(Cause(kind=kind) for kind in base) for base in bases}
    for base in bases:
        if not any(remedy <= causes[base] for remedy in found):
            ranking = again.rank(of.case.question, as_live=base, left_out=_nothing)
            if _is_back(of, ranking, again):
                found.append(causes[base])
    for base in bases if not found else ():
        known = _without(of, KNOWN, base, differ, again)
        if known is not None and not any(remedy <= causes[base] | known for remedy in found):
            found.append(causes[base] | known)
    return tuple(found)


def _without(
    of: Lost, kinds: frozenset[Kind], as_live: frozenset[Kind], differ: Differences, again: Again
) -> frozenset[Cause] | None:
    """What is new, of these kinds, and has to be left out together for the question to be back. None where it is not
    back whatever of them is left out.

    What stands before its answer is taken away until that comes first; then each is tried alone, to see whether it had
    to go. A document's passage that holds the answer is never taken away.
    """

    def asked(out: Iterable[Cause]) -> Ranking:
        left = set(out)

        def left_out(chunk: Chunk) -> bool:
            return differ.new.get(chunk.chunk_id) in left and (chunk.by_question or not relevant(of.case, chunk))

        return again.rank(of.case.question, as_live=as_live, left_out=left_out)

    out: list[Cause] = []
    for _ in range(ROUNDS):
        ranking = asked(out)
        if _is_back(of, ranking, again):
            break
        before = [cause for cause in _standing_before(of, ranking, kinds, differ) if cause not in out]
        if not before:
            return None
        out += before
    else:
        return None
    for cause in [*out] if 1 < len(out) <= TRIED_ALONE else ():
        others = [other for other in out if other != cause]
        if _is_back(of, asked(others), again):
            out = others
    return frozenset(out) or None


def _standing_before(of: Lost, ranking: Ranking, kinds: frozenset[Kind], differ: Differences) -> list[Cause]:
    """What is new, of these kinds, and stands before the answer, in order. Where nothing does, the known questions that
    lift the first passage that is lifted by any: one that holds their answer ranks higher (`admission.with_known`).
    """
    passages = _judged_on(of.case, ranking.passages)
    first = next((at for at, passage in enumerate(passages) if _answers(of.case, passage)), len(passages))
    above = [passage.chunk for passage in (passages[:first] if of.metric == HIT else passages)]
    known = [fitting.candidate.chunk for fitting in (*ranking.admitted, *ranking.kept_out)]

    def new(chunks: Iterable[Chunk]) -> list[Cause]:
        causes = (differ.new.get(chunk.chunk_id) for chunk in chunks)
        return list(dict.fromkeys(cause for cause in causes if cause is not None and cause.kind in kinds))

    lifting = (new(chunk for chunk in known if _lifts(chunk, passage)) for passage in above)
    return new(above) or next((causes for causes in lifting if causes), [])


def _lifts(known: Chunk, passage: Chunk) -> bool:
    spans = (known.span,) if known.provenance is None else known.provenance.holders
    return any(span.overlaps(passage.span) for span in spans)


def _is_back(of: Lost, ranking: Ranking, again: Again) -> bool:
    passages = _judged_on(of.case, ranking.passages)
    if of.metric == HIT:
        return bool(passages) and _answers(of.case, passages[0])
    return again.answers(of.case.question, ranking.passages) == of.case.answerable


def _answers(case: Case, passage: Passage) -> bool:
    return any(relevant(case, chunk) for chunk in passage.chunks)


def _judged_on(case: Case, passages: Sequence[Passage]) -> list[Passage]:
    """As the scorecard judges: without corrections where the case is about the sources alone."""
    return [passage for passage in passages if not (case.sources_only and passage.chunk.is_correction)]


def _nothing(chunk: Chunk) -> bool:
    return False
