"""Documents that say what an earlier one says: copies are left out, and what is only alike is kept and listed."""

import functools
import hashlib
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from ingest.reading.raw import Skipped
from rag_flywheel.domain import Document, DocumentId
from rag_flywheel.ports import Cache
from rag_flywheel.search.twins import Said, said

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
SEED = 1
AT_ONCE = 10_000  # 3-grams that are hashed in one step
TOGETHER = 256  # documents whose sketches are looked up together
SKETCH = "1"  # raise it whenever the sketch of a text could change: the cache is keyed by it
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


def alike(documents: Sequence[Document], threshold: float, *, cache: Cache) -> list[tuple[DocumentId, ...]]:
    """Groups of documents of nearly the same words, the largest first, at most LISTED of them and in each.

    The Jaccard similarity of the word 3-grams of each to the first is at least about `threshold`, as MinHash (Broder
    1997) with a fixed seed estimates it. Time grows with the length of the texts that are new to the cache, memory with
    the number of all.
    """
    if threshold >= 1:
        return []
    from datasketch import MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    groups: dict[int, list[DocumentId]] = {}
    sketches: dict[int, MinHash] = {}
    for number, (document, values) in enumerate(zip(documents, _sketched(documents, cache), strict=True)):
        if not values:
            continue
        sketch = _sketch(values)
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


def _sketched(documents: Sequence[Document], cache: Cache) -> Iterator[bytes]:
    """The sketch of each document; empty for a text that has no 3-grams. One that was made before is in the cache."""
    rules = f"sketch:{SKETCH}|{version('datasketch')}|"
    for some in (documents[start : start + TOGETHER] for start in range(0, len(documents), TOGETHER)):
        keys = [rules + hashlib.sha256(document.text.encode()).hexdigest() for document in some]
        texts = dict(zip(keys, (document.text for document in some), strict=True))
        known = cache.get([*texts])
        made = {key: _values(said(text)) for key, text in texts.items() if key not in known}
        if made:
            cache.put(made)
        sketches = known | made
        yield from (sketches[key] for key in keys)


def _values(text: Said) -> bytes:
    hashes, sketch, empty = _hashes(text), _nothing().copy(), True
    while some := list(islice(hashes, AT_ONCE)):
        sketch.update_batch(some)
        empty = False
    return b"" if empty else sketch.hashvalues.tobytes()


def _sketch(values: bytes) -> "MinHash":
    sketch = _nothing().copy()
    sketch.hashvalues = np.frombuffer(values, dtype=sketch.hashvalues.dtype)
    return sketch


@functools.cache
def _nothing() -> "MinHash":
    """The sketch of no text: its permutations take two milliseconds, and all share them."""
    from datasketch import MinHash

    return MinHash(num_perm=PERMUTATIONS, seed=SEED, hashfunc=int)


def _hashes(text: Said) -> Iterator[int]:
    grams = zip(text.tokens, text.tokens[1:], text.tokens[2:], strict=False)
    return (zlib.crc32(" ".join(gram).encode()) for gram in grams)
