"""Spans that people name, with the words that stand there: what finds them again in later versions."""

from collections.abc import Callable, Mapping, Sequence

from rag_flywheel.domain import DocumentId, Evidence, VersionId
from rag_flywheel.errors import InvalidInput

Texts = Callable[[VersionId], Mapping[DocumentId, str]]
"""The texts of a version's documents, empty where the version is not kept."""


def quoted(spans: Sequence[Evidence], *, versions: Sequence[VersionId], texts: Texts) -> tuple[Evidence, ...]:
    """The spans, each with its quote from the first of the versions that holds it.

    Name the version that the person saw first, and the live one after it. Raises InvalidInput for a span that lies in
    a document of none of them, or goes past its end.
    """
    return tuple(_quoted(span, [texts(version) for version in dict.fromkeys(versions)]) for span in spans)


def unknown_document(name: DocumentId) -> InvalidInput:
    """What is said of a document that is not there, and of one that is not for whoever names it."""
    return InvalidInput(f"document {name!r} is not in the live version; name one that a citation names")


def _quoted(span: Evidence, versions: Sequence[Mapping[DocumentId, str]]) -> Evidence:
    held = [documents[span.document_id] for documents in versions if span.document_id in documents]
    if not held:
        raise unknown_document(span.document_id)
    text = next((text for text in held if span.end <= len(text)), None)
    if text is None:
        raise InvalidInput(
            f"the span {span.start}..{span.end} goes past the end of document {span.document_id!r}, which has "
            f"{len(held[-1])} characters"
        )
    return span.quoted(text)
