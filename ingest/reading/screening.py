"""Stage 1: raw documents to documents that may be stored, and what is kept out, with the reason but never the text.

`clean` looks at one document alone, so its result can be cached by the document's content; `deduplicate` looks at all.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ingest.reading.raw import PAGE_BREAK, RawDocument, Skipped
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Document
from rag_flywheel.ports import Redactor

if TYPE_CHECKING:
    from datasketch import MinHash

RULES = "1"  # raise it whenever the result of `clean` could change: caches are keyed by it
PERMUTATIONS = 128
SEED = 1

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORDS = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’][^\W\d_{_CJK}]+)*")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)")
_NEGATIONS = frozenset({"not", "no", "never", "none", "cannot", "without", "except", "unless", "only", "nor"})


def words(text: str) -> list[str]:
    """The words of a text, in order; each Chinese, Japanese or Korean character counts as one."""
    return _WORDS.findall(text)


def clean(raw: RawDocument, redactor: Redactor, settings: Ingest) -> Document | Skipped:
    """The document normalised and with personal data masked, in its title too, or why it is left out.

    The result depends on `raw`, `redactor.name`, `settings.minimum_words` and RULES alone.
    """
    text = _without_furniture(raw.text) if PAGE_BREAK in raw.text else raw.text
    text = normalise(text)
    if raw.source.lower().endswith(".pdf"):
        text = re.sub(r"(?<=[^\W\d_])-\n(?=[^\W\d_A-Z])", "", text)  # a word divided at the end of a line
    noise = _noise(text, settings.minimum_words)
    if noise:
        return Skipped(name=raw.document_id, reason=noise)
    title = " ".join(normalise(raw.title).split())
    return Document(
        document_id=raw.document_id,
        title=redactor.redact(title).text,
        text=redactor.redact(text).text,
        source=raw.source,
    )


# --- normalising ----------------------------------------------------------------------------------------------------


def normalise(text: str) -> str:
    """The text in NFC, with plain spaces and line ends, single blank lines, and nothing invisible in it.

    Characters that do not show are dropped: controls, soft hyphens, zero-width spaces, marks of direction, tags, lone
    surrogates. They break search, and instructions can be hidden in them. Code between fences keeps its spaces.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = unicodedata.normalize("NFC", text.translate(_characters(text)))
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        fenced ^= fence is not None
        kept = line if fenced or fence else re.sub(r"(?<=\S)[ \t]+", " ", line)
        if kept.strip() or kept == PAGE_BREAK or (lines and lines[-1]):
            lines.append(kept.rstrip(" \t"))
    return "\n".join(lines).strip("\n" + PAGE_BREAK)


def _characters(text: str) -> dict[int, str]:
    """What each unwanted character of the text becomes."""
    return {ord(character): kept for character in set(text) if (kept := _visible(character)) != character}


def _visible(character: str) -> str:
    if character in "\n\t" + PAGE_BREAK or (character.isascii() and character.isprintable()):
        return character
    if "\ufb00" <= character <= "\ufb06":  # a ligature of a PDF's font, such as ﬁ
        return unicodedata.normalize("NFKC", character)
    if character in "\u200c\u200d":  # the joiners of Persian and Indic scripts and of emoji
        return character
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    return "" if category in ("Cc", "Cf", "Cs", "Zl", "Zp") else character


def _without_furniture(text: str) -> str:
    """The pages of a PDF without the first or last lines that most of them share, whatever the numbers in them."""
    pages = [page.strip("\n").split("\n") for page in text.split(PAGE_BREAK)]
    for edge in (0, -1, 0, -1):  # twice: a header often has two lines
        shapes = Counter(_shape(page[edge]) for page in pages if page)
        common = {shape for shape, count in shapes.items() if count >= 3 and count > 0.6 * len(pages)}
        for page in pages:
            if page and _shape(page[edge]) in common:
                del page[edge]
    return f"\n{PAGE_BREAK}\n".join("\n".join(page) for page in pages)


def _shape(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


# --- noise ----------------------------------------------------------------------------------------------------------


def _noise(text: str, minimum_words: int) -> str:
    """Why the text is noise, or nothing."""
    count = len(words(text))
    if count < minimum_words:
        return f"has {count} words, fewer than ingest.minimum_words ({minimum_words})"
    shown = [character for character in text if not character.isspace()]
    broken = sum(character == "\ufffd" or unicodedata.category(character) in ("Co", "Cn") for character in shown)
    if broken > 0.1 * len(shown):
        return "holds mostly broken characters; its encoding or its fonts could not be read"
    letters = sum(character.isalnum() or unicodedata.category(character)[0] == "M" for character in shown)
    if letters < 0.4 * len(shown):
        return "holds mostly signs, not words"
    return ""


# --- duplicates -----------------------------------------------------------------------------------------------------


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
