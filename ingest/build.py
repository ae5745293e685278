"""Sources and accepted corrections to the entries of an index version. Nothing that is unchanged is worked on again."""

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from ingest import chunking, languages
from ingest.chunking import chunk
from ingest.cleaning import screening
from ingest.cleaning.duplicates import alike, deduplicate
from ingest.cleaning.screening import Cleaned, masked
from ingest.corrections import Accepted
from ingest.forms import Forms, forms
from ingest.reading import formats
from ingest.reading.apart import Readers
from ingest.reading.raw import Removal, Skipped
from ingest.reading.sources import SourceFile, unique
from ingest.reading.worker import LISTED, Result, Task
from rag_flywheel.config import Ingest, Source
from rag_flywheel.domain import Chunk, Counts, Document, DocumentId
from rag_flywheel.ports import Cache, Encoder, Entry, Redactor, TokenCounter, Vectors
from rag_flywheel.search.texts import searched_text, sentence_texts

RULES = f"11|{screening.RULES}|{chunking.RULES}"
"""Changes whenever the same bytes could come to other chunks: caches and the digest of a version's inputs know it."""
KEPT = "2"
"""Changes whenever what the cache keeps of the same bytes is another thing, though it comes to the same chunks."""
VECTORS = "5"
"""Changes whenever the same chunks could come to other vectors: the digest of a version's inputs knows it."""
EMBEDDED_AT_ONCE = 128
CUT_AT_ONCE = 64
_LIMITS = {"file_seconds", "file_memory_mb", "file_unpacked_mb"}
"""Settings that change nothing in what is read within them: what fails for them is not kept."""

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
class Read:
    """What one piece came to, masked, as the cache keeps it."""

    documents: list[Document]
    skipped: list[Skipped]
    unlisted: int  # left out too, and not named one by one
    removed: list[RemovedFrom]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file, or a part of one, that is read at one go, and the key of what it comes to in the cache."""

    task: Task
    masking: Redactor
    key: str
    kilobytes: int


_READ = TypeAdapter(Read)
_DOCUMENT = TypeAdapter(Document)
_CHUNKS = TypeAdapter(list[Chunk])


def collect(
    files: Sequence[SourceFile],
    digests: Mapping[str, str],
    *,
    settings: Ingest,
    cache: Cache,
    redactor: Callable[[Source], Redactor],
    on_step: Step,
    ahead: Callable[[Sequence[Piece], Cache], None] = lambda pieces, cache: None,
) -> Corpus:
    """The sources' documents, screened and free of duplicates, and what was left out with the reason.

    `redactor` gives what masks the documents of a source. A file whose bytes (`digests`, by name) and rules are as
    before comes from the cache; of a file with a document a line this holds for each part. Others are read in processes
    of their own. `on_step` gets kilobytes. `ahead` may fill the cache before. Raises Unavailable when no such process
    can be started.
    """
    pieces = [piece for file in files for piece in _pieces(file, digests[file.name], settings, redactor(file.source))]
    total = sum(piece.kilobytes for piece in pieces)
    documents: list[Document] = []
    removed: list[RemovedFrom] = []
    left_out: dict[str, list[Read]] = {}
    done = 0
    on_step(done, total)
    ahead(pieces, cache)
    with contextlib.closing(_all_read(pieces, cache)) as all_read:
        for piece, result in all_read:
            documents += [_for_whom(document, piece.task.file) for document in result.documents]
            removed += result.removed
            left_out.setdefault(piece.task.file.name, []).append(result)
            done += piece.kilobytes
            on_step(done, total)
    skipped = [reason for name, results in left_out.items() for reason in _named(name, results)]
    named, clashes = unique(documents)
    public = {file.name for file in files if file.source.trust == "public"}
    kept, duplicates = deduplicate(sorted(named, key=lambda document: document.source in public))  # official ones first
    return Corpus(
        documents=tuple(languages.of_corpus(kept)),
        skipped=(*skipped, *clashes, *duplicates),
        removed=tuple(removed),
        alike=tuple(Alike(documents=group) for group in alike(kept, settings.near_duplicate, cache=cache)),
    )


def _pieces(file: SourceFile, digest: str, settings: Ingest, masking: Redactor) -> Iterator[Piece]:
    rules = f"{RULES}|{masking.name}|{settings.model_dump_json(exclude=_LIMITS)}|"
    rules += file.source.model_dump_json(exclude={"groups"})  # which change no text: see `_for_whom`
    for part in formats.parts(file.path):
        content = digest if part is None else f"{part.digest}|{part.first}"
        size = _size(file.path) if part is None else part.end - part.start
        yield Piece(
            task=Task(file=file, part=part, digest=digest, settings=settings),
            masking=masking,
            key="read:" + _digest(KEPT, rules, file.name, content),
            kilobytes=size // 1024 + 1,
        )


def _for_whom(document: Document, file: SourceFile) -> Document:
    """What the document says itself of who may read it holds, else what its source says."""
    return document if document.groups else replace(document, groups=file.groups)


def _all_read(pieces: Iterable[Piece], cache: Cache) -> Generator[tuple[Piece, Read], None, None]:
    """What each piece came to, in their order. Some are read ahead, not more than there is room for."""
    waiting: deque[tuple[Piece, Read | Future[Result]]] = deque()
    with Readers() as readers:
        for piece in pieces:
            known = cache.get([piece.key]).get(piece.key)
            waiting.append((piece, readers.submit(piece.task) if known is None else _READ.validate_json(known)))
            if len(waiting) > 2 * readers.at_once:
                yield _finished(*waiting.popleft(), cache)
        while waiting:
            yield _finished(*waiting.popleft(), cache)


def _finished(piece: Piece, read: Read | Future[Result], cache: Cache) -> tuple[Piece, Read]:
    if isinstance(read, Read):
        return piece, read
    result = read.result()
    told = finished(result, piece.masking)
    if result.lasting:
        cache.put({piece.key: packed(told)})
    return piece, told


def finished(result: Result, masking: Redactor) -> Read:
    """What a reader gave, masked, and the language that each document's text tells."""
    return Read(
        documents=[languages.told(masked(cleaned.document, masking)) for cleaned in result.kept],
        skipped=result.skipped,
        unlisted=result.unlisted,
        removed=[_removed(cleaned, masking) for cleaned in result.kept if cleaned.removed],
    )


def packed(read: Read) -> bytes:
    """As the cache keeps it."""
    return _READ.dump_json(read)


def _named(name: str, results: Sequence[Read]) -> list[Skipped]:
    """What was left out of one file: the first by name, and how many more."""
    left_out = [reason for result in results for reason in result.skipped]
    more = len(left_out[LISTED:]) + sum(result.unlisted for result in results)
    summary = [Skipped(name=name, reason=f"{more} more lines or documents of it are left out")] if more else []
    return [*left_out[:LISTED], *summary]


def _removed(cleaned: Cleaned, redactor: Redactor) -> RemovedFrom:
    return RemovedFrom(
        document_id=cleaned.document.document_id,
        removed=tuple(
            replace(removal, lines=tuple(redactor.redact(line).text for line in removal.lines))
            for removal in cleaned.removed
        ),
    )


def cut(
    documents: Sequence[Document],
    accepted: Accepted,
    *,
    skipped: int,
    settings: Ingest,
    counter: TokenCounter,
    cache: Cache,
) -> tuple[Forms, Counts]:
    """The chunks of a version, superseded spans hidden, and how many there are of what. A document that was cut before
    comes from the cache.
    """
    whole = list(_whole(documents, settings=settings, counter=counter, cache=cache))
    shown = forms(whole, accepted.hiding, settings.minimum_words)
    answers = languages.of_answers(accepted.documents, documents)
    corrections = languages.of_chunks(answers, lambda document: chunk(document, settings, counter))
    counts = Counts(
        documents=len(documents),
        passages=len(shown.chunks),
        corrections=len(corrections),
        superseded=sum(any(piece.span.overlaps(span) for span in accepted.hidden) for piece in whole),
        skipped=skipped,
    )
    return Forms(chunks=(*shown.chunks, *corrections), others=shown.others), counts


def _whole(documents: Sequence[Document], *, settings: Ingest, counter: TokenCounter, cache: Cache) -> Iterator[Chunk]:
    rules = f"{RULES}|{settings.model_dump_json(exclude=_LIMITS)}|{counter.name}|{counter.longest}"
    for some in (documents[start : start + CUT_AT_ONCE] for start in range(0, len(documents), CUT_AT_ONCE)):
        keys = ["cut:" + _digest(rules, _DOCUMENT.dump_json(document).decode()) for document in some]
        known, fresh = cache.get(keys), dict[str, bytes]()
        for key, document in zip(keys, some, strict=True):
            if key in known:
                yield from _CHUNKS.validate_json(known[key])
            else:
                pieces = languages.of_chunks([document], lambda document: chunk(document, settings, counter))
                fresh[key] = _CHUNKS.dump_json(pieces)
                yield from pieces
        cache.put(fresh)


def entries(chunks: Sequence[Chunk], *, encoder: Encoder, titles: bool, on_step: Step) -> Iterator[list[Entry]]:
    """The chunks with their vectors, in batches. An encoder that remembers makes only the new ones."""
    for start in range(0, len(chunks), EMBEDDED_AT_ONCE):
        some = chunks[start : start + EMBEDDED_AT_ONCE]
        texts = texts_of(some, titles=titles)
        passages = zip(*encoder.encode_documents_by_token(texts.passages), strict=True)
        answers = zip(*encoder.encode_documents_by_token(texts.answers), strict=True)
        asked = [piece.question for piece in some if piece.by_question and piece.question is not None]
        questions = encoder.encode_queries(asked)
        known = zip(answers, questions, strict=True)
        batch = []
        for piece, sentences in zip(some, _sentence_vectors(texts.sentences, encoder), strict=True):
            if piece.by_question:
                (vector, tokens), question = next(known)
                batch.append(Entry(chunk=piece, vector=vector, question_vector=question, tokens=tokens))
            else:
                vector, tokens = next(passages)
                batch.append(Entry(chunk=piece, vector=vector, sentences=sentences, tokens=tokens))
        yield batch
        on_step(min(start + EMBEDDED_AT_ONCE, len(chunks)), len(chunks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What of some chunks is embedded, each list in one call."""

    passages: list[str]  # by token
    answers: list[str]  # of known questions, by token; each says more with the question that it answers
    sentences: list[list[str]]  # of each chunk; none of a known question, which is found by itself alone


def texts_of(some: Sequence[Chunk], *, titles: bool) -> Texts:
    return Texts(
        passages=[searched_text(piece, titles=titles) for piece in some if not piece.by_question],
        answers=[f"{piece.question}\n{piece.text}" for piece in some if piece.by_question],
        sentences=[[] if piece.by_question else sentence_texts(piece, titles=titles) for piece in some],
    )


def _sentence_vectors(texts: Sequence[Sequence[str]], encoder: Encoder) -> list[Vectors | None]:
    distinct = list(dict.fromkeys(chain.from_iterable(texts)))
    vectors = dict(zip(distinct, encoder.encode_documents(distinct), strict=True))
    return [np.stack([vectors[text] for text in own]) if own else None for own in texts]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
