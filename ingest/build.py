"""Sources and accepted corrections to the entries of an index version. Nothing that is unchanged is worked on again."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter

from ingest import chunking
from ingest.chunking import chunk, hide
from ingest.cleaning import screening
from ingest.cleaning.duplicates import alike, deduplicate
from ingest.cleaning.screening import Cleaned, clean, masked
from ingest.corrections import Accepted
from ingest.reading.raw import Removal, Skipped
from ingest.reading.sources import SourceFile, read, unique
from rag_flywheel.config import Ingest, Source
from rag_flywheel.domain import Chunk, Counts, Document, DocumentId
from rag_flywheel.ports import Cache, Encoder, Entry, Redactor, TokenCounter
from rag_flywheel.search.texts import searched_text

RULES = f"2|{screening.RULES}|{chunking.RULES}"
"""Changes whenever the same bytes could come to other chunks: caches and the digest of a version's inputs know it."""
EMBEDDED_AT_ONCE = 128

Step = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedFrom:
    """What was taken out of one document. Personal data in its lines is masked."""

    document_id: DocumentId
    removed: tuple[Removal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Documents that nearly say the same: all are kept, and an answer shows one of them. A hint for who keeps them."""

    documents: tuple[DocumentId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The documents that the sources hold, and what an operator should know of how they were read."""

    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]
    removed: tuple[RemovedFrom, ...]
    alike: tuple[Alike, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """What one file came to, as the cache keeps it."""

    documents: list[Document]
    skipped: list[Skipped]
    removed: list[RemovedFrom]


_READ = TypeAdapter(_Read)


def collect(
    files: Sequence[SourceFile],
    digests: Mapping[str, str],
    *,
    settings: Ingest,
    cache: Cache,
    redactor: Callable[[Source], Redactor],
    on_step: Step,
) -> Corpus:
    """The sources' documents, screened and free of duplicates, and what was left out with the reason.

    `redactor` gives what masks the documents of a source. A file whose bytes (`digests`, by name) and rules are as
    before comes from the cache.
    """
    documents: list[Document] = []
    skipped: list[Skipped] = []
    removed: list[RemovedFrom] = []
    for done, file in enumerate(files, start=1):
        masking = redactor(file.source)
        rules = f"{RULES}|{masking.name}|{settings.model_dump_json()}|{file.source.model_dump_json()}"
        key = "read:" + _digest(rules, file.name, digests[file.name])
        known = cache.get([key]).get(key)
        result = _read(file, settings, masking) if known is None else _READ.validate_json(known)
        if known is None:
            cache.put({key: _READ.dump_json(result)})
        documents += result.documents
        skipped += result.skipped
        removed += result.removed
        on_step(done, len(files))
    named, clashes = unique(documents)
    kept, duplicates = deduplicate(named)
    return Corpus(
        documents=tuple(kept),
        skipped=(*skipped, *clashes, *duplicates),
        removed=tuple(removed),
        alike=tuple(Alike(documents=group) for group in alike(kept, settings.near_duplicate)),
    )


def _read(file: SourceFile, settings: Ingest, redactor: Redactor) -> _Read:
    raw, skipped = read(file)
    screened = [clean(raw_document, settings) for raw_document in raw]
    kept = [cleaned for cleaned in screened if isinstance(cleaned, Cleaned)]
    return _Read(
        documents=[masked(cleaned.document, redactor) for cleaned in kept],
        skipped=[*skipped, *(left_out for left_out in screened if isinstance(left_out, Skipped))],
        removed=[_removed(cleaned, redactor) for cleaned in kept if cleaned.removed],
    )


def _removed(cleaned: Cleaned, redactor: Redactor) -> RemovedFrom:
    return RemovedFrom(
        document_id=cleaned.document.document_id,
        removed=tuple(
            replace(removal, lines=tuple(redactor.redact(line).text for line in removal.lines))
            for removal in cleaned.removed
        ),
    )


def cut(
    documents: Sequence[Document], accepted: Accepted, *, skipped: int, settings: Ingest, counter: TokenCounter
) -> tuple[list[Chunk], Counts]:
    """The chunks of a version, superseded spans hidden, and how many there are of what."""
    whole = [piece for document in documents for piece in chunk(document, settings, counter)]
    shown = hide(whole, accepted.hidden, settings.minimum_words)
    corrections = [piece for document in accepted.documents for piece in chunk(document, settings, counter)]
    counts = Counts(
        documents=len(documents),
        passages=len(shown),
        corrections=len(corrections),
        superseded=sum(any(piece.span.overlaps(span) for span in accepted.hidden) for piece in whole),
        skipped=skipped,
    )
    return [*shown, *corrections], counts


def entries(chunks: Sequence[Chunk], *, encoder: Encoder, titles: bool, on_step: Step) -> Iterator[list[Entry]]:
    """The chunks with their vectors, in batches. An encoder that remembers makes only the new ones."""
    for start in range(0, len(chunks), EMBEDDED_AT_ONCE):
        some = chunks[start : start + EMBEDDED_AT_ONCE]
        vectors = encoder.encode_documents([searched_text(piece, titles=titles) for piece in some])
        asked = [piece.question for piece in some if piece.question is not None]
        questions = iter(encoder.encode_queries(asked))
        yield [
            Entry(chunk=piece, vector=vector, question_vector=None if piece.question is None else next(questions))
            for piece, vector in zip(some, vectors, strict=True)
        ]
        on_step(min(start + EMBEDDED_AT_ONCE, len(chunks)), len(chunks))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
