"""Passages that another corpus judges, found again in our documents: at their place, else by their words, else not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.anchors import Arrivals, follow
from rag_flywheel.domain import Document, DocumentId, Evidence, Fate, Quote
from rag_flywheel.domain.documents import QUOTED, text_digest

PROVEN = (Fate.SAME, Fate.MOVED)
"""Fates by which the very words are there. Where only something like them is, that would be a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPassage:
    """A passage as another corpus names it."""

    name: str  # its id there
    text: str  # empty: not known
    document_id: DocumentId | None  # ours, where it says so
    start: int | None = None  # of its place in that document; None: the whole document is meant
    end: int | None = None


Place = DocumentId | Evidence
"""A whole document, or a span of one with its quote."""


def find(passages: Sequence[NamedPassage], documents: Sequence[Document]) -> dict[str, Place]:
    """Where each stands, by its name; what is not found for sure is not in it.

    A document that is named as a whole is there where it is held, whatever it says. Else the words decide: in their
    place, once in their document, or in one document alone, with what the span of a quote needs to be known by itself.
    """
    held = {document.document_id: document for document in documents}
    found: dict[str, Place] = {}
    sought: list[tuple[NamedPassage, Evidence]] = []
    for passage in passages:
        whole = _whole(passage, held)
        if whole is not None:
            found[passage.name] = whole
        elif passage.text.strip():
            sought.append((passage, _span(passage)))
    trails = follow([span for _, span in sought], documents, arrivals=_among(documents)).of
    for (passage, _), trail in zip(sought, trails, strict=True):
        if trail.span is None or trail.fate not in PROVEN:
            continue
        text = held[trail.span.document_id].text
        if trail.fate is Fate.SAME or text.count(passage.text[:QUOTED]) <= 1:  # else nothing tells which
            found[passage.name] = trail.span.quoted(text)
    return found


def _whole(passage: NamedPassage, held: Mapping[DocumentId, Document]) -> DocumentId | None:
    """The document that is meant as a whole, None where it is not held, or where a part of one is meant.

    A corpus whose ids happen to be those of our documents means them only where it says the same.
    """
    if passage.document_id is not None:
        return passage.document_id if passage.start is None and passage.document_id in held else None
    name = DocumentId(passage.name)
    same = name in held and (not passage.text or text_digest(passage.text) == text_digest(held[name].text))
    return name if same else None


def _span(passage: NamedPassage) -> Evidence:
    start = passage.start or 0
    quote = Quote(
        exact=passage.text[:QUOTED],
        prefix="",
        suffix="",
        digest=text_digest(passage.text),
        document=text_digest(passage.text),  # where it is the whole of a document, it is known by that
    )
    end = start + len(passage.text) if passage.end is None else passage.end
    return Evidence(
        document_id=passage.document_id or DocumentId(""), start=start, end=max(end, start + 1), quote=quote
    )


def _among(documents: Sequence[Document]) -> Callable[[frozenset[DocumentId]], Arrivals]:
    return lambda gone: Arrivals(documents=documents, before={})
