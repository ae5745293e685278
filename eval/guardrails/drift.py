"""How much a version may differ from the live one in size, in its authors, and in whom it serves."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from math import sqrt

from eval.guardrails.checks import Check, Invariant, check, named
from rag_flywheel.domain import Chunk, CorrectionId, DocumentId, Manifest, ReviewedCorrection

FREE_GROWTH = 1000
"""Passages up to which a corpus may grow by any factor: a new project's does."""
ONE_SIDED = 1.645
"""Standard errors that a growth must be above 0 to be more than chance, at 5% (Student's z, one-sided)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How well one part of the questions is served by both versions, in shares of them that are hits."""

    kind: str  # what the part has in common: source, language, asker group
    name: str
    n: int  # questions
    before: float
    after: float
    better: int  # questions that are a hit now, and were none
    worse: int  # and the other way round


def unchanged(parent: Manifest | None, manifest: Manifest) -> frozenset[str]:
    """The files that both versions were read from, byte for byte the same, by settings of `ingest` that are the same.

    What these settings leave out may change with them. A file without a digest could not be opened.
    """
    if parent is None or parent.settings.get("ingest") != manifest.settings.get("ingest"):
        return frozenset()
    return frozenset(file for file, digest in manifest.sources.items() if digest and parent.sources.get(file) == digest)


def lost(
    before: Iterable[Chunk],
    after: AbstractSet[DocumentId],
    *,
    unchanged: AbstractSet[str],
    left_out: AbstractSet[DocumentId],
) -> Check:
    """No source document is gone whose file is among the `unchanged` ones: it would have been lost in reading.

    `before` are the source passages of the control. `left_out` are the documents that a change elsewhere takes away: a
    duplicate of one that is new, or one whose text is superseded.
    """
    known = dict.fromkeys(chunk.document_id for chunk in before if chunk.source in unchanged)
    gone = [document_id for document_id in known if document_id not in after and document_id not in left_out]
    return check(
        Invariant.LOST,
        f"documents that are gone, of {len(known)} whose files did not change",
        value=len(gone) if known else None,
        limit=0,
        documents=gone,
        breach=f"{len(gone)} of {len(known)} documents whose files did not change are gone: {named(gone)}. Look for "
        "what reads them otherwise now, such as an update of a parser: `rag-flywheel reindex` says of what it skipped "
        "why. Take them out of the sources if they were meant to go.",
    )


def shrink(before: AbstractSet[DocumentId], after: AbstractSet[DocumentId], *, maximum: float) -> Check:
    """At most the share `maximum` of the source documents `before` is gone."""
    gone = sorted(before - after)
    return check(
        Invariant.SHRINK,
        f"share of {len(before)} documents that is gone",
        value=len(gone) / len(before) if before else None,
        limit=maximum,
        documents=gone,
        breach=f"{len(gone)} of {len(before)} documents are gone, more than guardrails.maximum_shrink ({maximum:g}) "
        f"allows: {named(gone)}. Look for a source that was moved or unreadable; raise the limit if they were meant to "
        "go.",
    )


def growth(before: int, after: int, *, maximum: float) -> Check:
    """There are at most `maximum` times as many passages of documents as before, or FREE_GROWTH."""
    return check(
        Invariant.GROWTH,
        f"passages of documents, after {before}" if before else "passages of documents, the first ones",
        value=after if before else None,
        limit=max(maximum * before, FREE_GROWTH),
        breach=f"{after} passages are more than guardrails.maximum_growth ({maximum:g}) times the {before} before. "
        "Look for a folder that was added by mistake; raise the limit if they were meant to come.",
    )


def aside(set_aside: AbstractSet[DocumentId], documents: AbstractSet[DocumentId], *, maximum: float) -> Check:
    """Of the `documents` at most the share `maximum`, or a single one, was set aside, in part or whole: where it is
    more, the guardrail is wrong, or the source is.
    """
    share = len(set_aside) / len(documents) if documents else None
    return check(
        Invariant.ASIDE,
        f"share of {len(documents)} documents of which something was set aside",
        value=0.0 if len(set_aside) == 1 else share,
        limit=maximum,
        documents=sorted(set_aside),
        breach=f"Something of {len(set_aside)} of {len(documents)} documents was set aside, more than "
        f"guardrails.maximum_aside ({maximum:g}) allows: {named(sorted(set_aside))}. With so many the guardrail is "
        "wrong, or the source is: `rag-flywheel aside list` tells why. Release what is harmless, give a source that "
        "you trust `trust: official`, or take it out.",
    )


def stale(share: float | None, *, maximum: float) -> Check:
    """At most the share `maximum` of the judged questions has lost its evidence. None: there are no such questions."""
    return check(
        Invariant.STALE,
        "share of the judged questions whose evidence is gone",
        value=share,
        limit=maximum,
        breach=f"The evidence of {share or 0:.0%} of the judged questions is gone, more than guardrails.maximum_stale "
        f"({maximum:g}) allows: the gate would judge by what is left. `rag-flywheel golden check` lists them.",
    )


def authors(
    chunks: Iterable[Chunk], reviewed: Sequence[ReviewedCorrection], *, maximum: float, counts_from: int
) -> Check:
    """Of `counts_from` or more corrections in the version, no author made more than the share `maximum`.

    Authors are told apart by their pseudonyms; whoever has none counts as one of their own. The message names nobody.
    """
    by: Mapping[CorrectionId, str | None] = {
        entry.correction.correction_id: entry.correction.user for entry in reviewed
    }
    admitted = {chunk.provenance.correction_id: chunk.document_id for chunk in chunks if chunk.provenance is not None}
    counts = Counter(by.get(name) or f"nobody:{name}" for name in admitted)
    [(most, count)] = counts.most_common(1) or [("", 0)]
    theirs = [document for name, document in admitted.items() if by.get(name) == most]
    return check(
        Invariant.AUTHORS,
        f"share of {len(admitted)} corrections that one author made",
        value=count / len(admitted) if admitted and len(admitted) >= counts_from else None,
        limit=maximum,
        documents=theirs,
        breach=f"One author made {count} of {len(admitted)} corrections, more than guardrails.maximum_author_share "
        f"({maximum:g}) allows: {named(theirs)}. Have others review these, or raise the limit where few correct.",
    )


def gap(parts: Sequence[Part], *, maximum: float, minimum: int) -> Check:
    """For each kind of part, the gap between the best and the worst served one has not grown by more than `maximum`.

    Parts of at least `minimum` questions count. The growth must also be more than chance. It is at most the difference
    between the paired differences of the two parts that are furthest apart now, best b and worst w (the gap of before
    was at least theirs), whose standard error is known from their questions that changed: with better + worse = c and
    better - worse = d of n, the variance of a mean paired difference is (c/n - (d/n)^2)/n. A growth counts from
    ONE_SIDED such errors on, so that a few questions that flip do not refuse.
    """
    counted = sorted((part for part in parts if part.n >= minimum), key=lambda part: part.kind)
    kinds = {kind: list(those) for kind, those in groupby(counted, key=lambda part: part.kind)}
    growths = {kind: _growth(those) for kind, those in kinds.items() if len(those) > 1}
    clear = {kind: growth for kind, (growth, error) in growths.items() if growth > ONE_SIDED * error}
    kind = max(clear, key=clear.__getitem__, default="")
    grown = clear.get(kind, 0.0)
    told = ""
    if kind:
        best, worst = _ends(kinds[kind])
        told = f"{best.name} ({best.before:.2f}, now {best.after:.2f}) and {worst.name} ({worst.before:.2f}, now "
        told += f"{worst.after:.2f})"
    return check(
        Invariant.GAP,
        f"growth of the gap between best and worst served, of {len(growths)} kinds of groups, beyond chance",
        value=grown if growths else None,
        limit=maximum,
        breach=f"Questions are not served alike: by {kind}, the gap in first hits has grown by {grown:.2f}, more than "
        f"guardrails.maximum_gap ({maximum:g}) allows, and lies between {told}. See what the worst served lost.",
    )


def _ends(parts: Sequence[Part]) -> tuple[Part, Part]:
    return max(parts, key=lambda part: part.after), min(parts, key=lambda part: part.after)


def _growth(parts: Sequence[Part]) -> tuple[float, float]:
    """(growth of the gap, the standard error of what bounds it)."""
    best, worst = _ends(parts)
    before = [part.before for part in parts]
    grown = (best.after - worst.after) - (max(before) - min(before))
    return grown, sqrt(_variance(best) + _variance(worst))


def _variance(part: Part) -> float:
    """Of the mean paired difference."""
    return ((part.better + part.worse) / part.n - ((part.better - part.worse) / part.n) ** 2) / part.n
