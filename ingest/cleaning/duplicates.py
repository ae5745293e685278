"""Documents that say what an earlier one says."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ingest.cleaning.normalising import words
from ingest.reading.raw import Skipped
from rag_flywheel.domain import Document

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
SEED = 1

_NEGATIONS = frozenset({"not", "no", "never", "none", "cannot", "without", "except", "unless", "only", "nor"})


def deduplicate(documents: Sequence[Document], threshold: float) -> tuple[list[Document], list[Skipped]]:
    """The documents without those that repeat an earlier one; of each such group the first in the given order stays.

    A document repeats an earlier one when both have the same words, or when the Jaccard similarity of their word
    3-grams is at least `threshold` and they agree in all numbers and negations: sections of a manual that differ in one
    number are both needed. A title counts as words, unless it is only the file's name. Candidates come from MinHash LSH
    (Broder 1997) with a fixed seed and are verified exactly. With a threshold of 1, and under three words, only the
    same words count.
    """
    kept: list[Document] = []
    skipped: list[Skipped] = []
    same: dict[tuple[str, ...], Document] = {}
    near = _NearDuplicates(threshold) if threshold < 1 else None
    for document in documents:
        tokens = _tokens(document)
        first = same.setdefault(tokens, document)
        reason = f"has the same words as {first.document_id}"
        if first is document and near and (found := near.find_or_add(document, tokens)):
            first, similarity = found
            reason = f"says the same as {first.document_id} (similarity {similarity:.2f})"
        if first is document:
            kept.append(document)
        else:
            same[tokens] = first
            skipped.append(Skipped(name=document.document_id, reason=reason, same_as=first.document_id))
    return kept, skipped


def _tokens(document: Document) -> tuple[str, ...]:
    title = "" if document.title == PurePosixPath(document.source).stem else document.title
    return tuple(words(f"{title}\n{document.text}".casefold()))


class _NearDuplicates:
    """The kept documents' 3-grams, searchable for one that is similar enough."""

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHashLSH

        self._threshold = threshold
        # The index misses some pairs near its own threshold: it is set lower, and what it brings is verified.
        self._index = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=PERMUTATIONS)
        self._kept: list[tuple[Document, frozenset[tuple[str, ...]], tuple[str, ...]]] = []

    def find_or_add(self, document: Document, tokens: tuple[str, ...]) -> tuple[Document, float] | None:
        """The earliest kept document that says the same, with the similarity; without one the document is kept."""
        grams = frozenset(zip(tokens, tokens[1:], tokens[2:], strict=False))
        if not grams:
            return None
        sketch, facts = _sketch(grams), _facts(tokens)
        for number in sorted(self._index.query(sketch)):
            other, other_grams, other_facts = self._kept[number]
            similarity = len(grams & other_grams) / len(grams | other_grams)
            if similarity >= self._threshold and facts == other_facts:
                return other, similarity
        self._index.insert(len(self._kept), sketch)
        self._kept.append((document, grams, facts))
        return None


def _sketch(grams: frozenset[tuple[str, ...]]) -> "MinHash":
    from datasketch import MinHash

    sketch = MinHash(num_perm=PERMUTATIONS, seed=SEED)
    sketch.update_batch([" ".join(gram).encode("utf-8") for gram in grams])
    return sketch


def _facts(tokens: Sequence[str]) -> tuple[str, ...]:
    """The words, in order, that make two alike texts say different things."""
    return tuple(
        word for word in tokens if word in _NEGATIONS or word.endswith(("n't", "n’t")) or any(map(str.isdigit, word))
    )
