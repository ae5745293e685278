"""Documents that say what an earlier one says: copies are left out, and what is only alike is kept and listed."""

import hashlib
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ingest.reading.raw import Skipped
from rag_flywheel.domain import Document, DocumentId
from rag_flywheel.search.twins import Said, said

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
SEED = 1
AT_ONCE = 10_000  # 3-grams that are hashed in one step
LISTED = 100  # groups of documents that are alike, and documents in one, at most: it is a hint


def deduplicate(documents: Sequence[Document]) -> tuple[list[Document], list[Skipped]]:
    """The documents without those whose text an earlier one has; the first in the given order stays.

    Copies for other groups are kept: what is left out of one could be read by nobody, or by people whom it was kept
    from. Texts are the same that are equal in NFC but for white space. Case and every sign count, and compatibility
    forms too: x² is not x2. A title counts as text, unless it is only the file's name.
    """
    kept: list[Document] = []
    skipped: list[Skipped] = []
    firsts: dict[tuple[bytes, tuple[str, ...]], Document] = {}
    for document in documents:
        first = firsts.setdefault((_digest(document), document.groups), document)
        if first is document:
            kept.append(document)
        else:
            reason = f"has the same text as {first.document_id}"
            skipped.append(Skipped(name=document.document_id, reason=reason, same_as=first.document_id))
    return kept, skipped


def alike(documents: Sequence[Document], threshold: float) -> list[tuple[DocumentId, ...]]:
    """Groups of documents of nearly the same words, the largest first, at most LISTED of them and in each.

    The Jaccard similarity of the word 3-grams of each to the first is at least about `threshold`, as MinHash (Broder
    1997) with a fixed seed estimates it. Time grows with the length of the texts, memory with their number.
    """
    if threshold >= 1:
        return []
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    groups: dict[int, list[DocumentId]] = {}
    sketches: dict[int, MinHash] = {}
    for number, document in enumerate(documents):
        sketch = _sketch(said(document.text))
        if sketch is None:
            continue
        near = [first for first in sorted(index.query(sketch)) if sketches[first].jaccard(sketch) >= threshold]
        if near:
            groups[near[0]].append(document.document_id)
        else:
            index.insert(number, sketch)
            sketches[number] = sketch
            groups[number] = [document.document_id]
    found = sorted((group for group in groups.values() if len(group) > 1), key=len, reverse=True)
    return [tuple(group[:LISTED]) for group in found[:LISTED]]


def _digest(document: Document) -> bytes:
    title = "" if document.title == PurePosixPath(document.source).stem else document.title
    text = unicodedata.normalize("NFC", f"{title}\n{document.text}")
    return hashlib.sha256(" ".join(text.split()).encode()).digest()


def _sketch(text: Said) -> "MinHash | None":
    """Of the word 3-grams; none for a text that has none."""
    from datasketch import MinHash

    hashes = _hashes(text)
    sketch = MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=int)
    empty = True
    while some := list(islice(hashes, AT_ONCE)):
        sketch.update_batch(some)
        empty = False
    return None if empty else sketch


def _hashes(text: Said) -> Iterator[int]:
    grams = zip(text.tokens, text.tokens[1:], text.tokens[2:], strict=False)
    return (zlib.crc32(" ".join(gram).encode()) for gram in grams)
