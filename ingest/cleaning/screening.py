"""Stage 1: a raw document to one that may be stored, or why it is kept out; never with its text.

`clean` looks at one document alone, so its result can be cached by the document's content.
"""

from dataclasses import dataclass, replace

from ingest.cleaning.code_over_pages import with_whole_code
from ingest.cleaning.division import join_divided_words
from ingest.cleaning.furniture import without_furniture
from ingest.cleaning.machine_text import without_machine_text
from ingest.cleaning.noise import noise
from ingest.cleaning.normalising import normalise
from ingest.reading.raw import PAGE_BREAK, RawDocument, Removal, Skipped
from rag_flywheel.domain import Document
from rag_flywheel.ports import Redactor
from rag_flywheel.search.languages import primary

RULES = "8"  # raise it whenever the result of `clean` could change: caches are keyed by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A document that is kept, and what was taken out of it."""

    document: Document
    removed: tuple[Removal, ...]


def clean(raw: RawDocument) -> Cleaned | Skipped:
    """The document normalised, and not masked yet, or why it is left out.

    The result depends on `raw` and RULES alone.
    """
    text, furniture = _without_turns(raw.text) if PAGE_BREAK in raw.text else (raw.text, ())
    text, machine = without_machine_text(normalise(text))
    if PAGE_BREAK in raw.text:
        text = join_divided_words(text)
    why = noise(text)
    if why:
        return Skipped(name=raw.document_id, reason=why)
    title = " ".join(normalise(raw.title).split())
    document = Document(
        document_id=raw.document_id,
        title=title,
        text=text,
        source=raw.source,
        language=primary(raw.language),
        declared=raw.declared,
        groups=raw.groups,
    )
    return Cleaned(document=document, removed=(*raw.removed, *furniture, *machine))


def _without_turns(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The text of a file with pages without what only the turn of a page puts there."""
    text, furniture = without_furniture(text)
    text, remarks = with_whole_code(text)
    return text, (*furniture, *remarks)


def masked(document: Document, redactor: Redactor) -> Document:
    """The document with personal data masked, in its title too. Until then it is neither stored nor logged."""
    return replace(document, title=redactor.redact(document.title).text, text=redactor.redact(document.text).text)
