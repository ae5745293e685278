"""What a version is made of and what changed since its parent, as plain values for the report."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from rag_flywheel.domain import DocumentId, Manifest, ReviewedCorrection

_NAMED = 20  # sources, or corrections, that a change since the parent names; all are counted
_LISTED = 200  # files, documents and groups that the report of reading names; all are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOut:
    """What was taken out of a document that is kept."""

    document_id: DocumentId
    what: str
    count: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSources:
    """How the version's sources were read."""

    left_out: tuple[tuple[str, str], ...] = ()  # name and reason
    taken_out: tuple[TakenOut, ...] = ()
    alike: tuple[tuple[DocumentId, ...], ...] = ()  # documents that nearly say the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Which version the report is about, and where it comes from."""

    manifest: Manifest
    parent: Manifest | None = None  # of the version that it is compared with
    reviewed: Sequence[ReviewedCorrection] = ()  # corrections with their reviews: they name the reviewers
    sources: ReadSources = field(default_factory=ReadSources)


def origin(manifest: Manifest, reviewed: Sequence[ReviewedCorrection]) -> dict[str, Any]:
    """The version's parent, sources, counts, what it learned, and its corrections with their reviewers."""
    learned = manifest.learned
    reviews = {entry.correction.correction_id: entry.review for entry in reviewed}
    corrections = []
    for correction_id in manifest.corrections:
        review = reviews.get(correction_id)
        corrections.append(
            {
                "correction_id": correction_id,
                "reviewer": review and review.reviewer,
                "reviewed": review and _instant(review.reviewed),
            }
        )
    return {
        "parent": manifest.parent,
        "created": _instant(manifest.created),
        "feedback_cutoff": _instant(manifest.feedback_cutoff),
        "embedder": manifest.embedder,
        "learned": {
            "admission": None if learned.admission is None else asdict(learned.admission),
            "fusion": dict(learned.fusion),
            "reranker": learned.reranker,
        },
        "counts": asdict(manifest.counts),
        "sources": len(manifest.sources),
        "corrections": corrections,
        "confirmed": len(manifest.confirmed),
        "followed": [followed.as_json() for followed in manifest.followed],
        "notes": list(manifest.notes),
    }


def reading(sources: ReadSources) -> dict[str, Any]:
    """{what: {count, named}} of what was left out, taken out and found alike; nothing where there is none of it."""
    parts: dict[str, list[Any]] = {
        "left_out": [{"name": name, "reason": reason} for name, reason in sources.left_out],
        "taken_out": [{**asdict(removed), "lines": list(removed.lines)} for removed in sources.taken_out],
        "alike": [list(documents) for documents in sources.alike],
    }
    if not any(parts.values()):
        return {}
    return {what: {"count": len(whole), "named": whole[:_LISTED]} for what, whole in parts.items()}


def since(parent: Manifest, manifest: Manifest) -> dict[str, Any]:
    """What changed since the parent: {what: {count, names}}, those that did."""
    before, after = parent.sources, manifest.sources
    old, new = set(parent.corrections), set(manifest.corrections)
    parts: dict[str, list[str]] = {
        "sources added": sorted(after.keys() - before.keys()),
        "sources changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        "sources removed": sorted(before.keys() - after.keys()),
        "corrections added": [*sorted(new - old)],
        "corrections removed": [*sorted(old - new)],
        "embedder": [manifest.embedder] if manifest.embedder != parent.embedder else [],
    }
    return {what: {"count": len(names), "names": names[:_NAMED]} for what, names in parts.items() if names}


def _instant(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
