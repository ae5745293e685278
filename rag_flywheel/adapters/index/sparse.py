"""BM25 as sparse vectors, one for both Qdrant adapters, so that they rank alike.

A document's vector holds each term's saturated frequency, a query's holds ones, and the index multiplies by the terms'
inverse document frequencies: their dot product is BM25 (Robertson and Zaragoza, 2009). Terms are lower-cased words
without English stop words, stemmed by Snowball, as 31-bit hashes. A word with punctuation inside is several terms
("usb-c" is "usb" and "c"), the same ones in document and query, and numbers are terms. Of scripts that put no blanks
between words, such as Chinese, Japanese and Thai, each two neighbouring characters are a term, without a dictionary; of
Korean too, whose particles are written with the word before them.
Full-width and other compatibility forms are searched as the plain ones.
"""

import unicodedata
from collections.abc import Callable, Iterable
from itertools import pairwise

import regex
from qdrant_edge import Bm25, Bm25Config, SparseVector

from rag_flywheel.domain import Chunk

K1 = 1.2  # how fast a term's further occurrences count less
B = 0.75  # how much a text longer than the average is held back
LANGUAGE = "english"

_IN_PAIRS = regex.compile(r"(?:[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*+)+")


class Sparse:
    """Texts to BM25 vectors. `titles` says whether a passage's title and headings are searched with its text."""

    def __init__(self, *, titles: bool) -> None:
        self._titles = titles
        # The vendor has no tokeniser of its own, but without saturation and length the weights are plain frequencies.
        self._frequencies = Bm25(Bm25Config(k=1e6, b=0.0, language=LANGUAGE))
        self._queries = bm25(average=1.0)  # the average plays no part in a query

    def text(self, chunk: Chunk) -> str:
        """What is searched of a passage."""
        return _in_terms(" ".join([chunk.title, *chunk.headings, chunk.text]) if self._titles else chunk.text)

    def lengths(self, chunks: Iterable[Chunk]) -> list[float]:
        """How many terms each passage has; `bm25` needs their average over the whole version."""
        return [sum(self._frequencies.embed_document(self.text(chunk)).values) for chunk in chunks]

    def query(self, text: str) -> SparseVector:
        """Empty for a text of stop words alone."""
        return self._queries.embed_query(_in_terms(text))

    def shared(self, query: SparseVector) -> Callable[[str], float]:
        """How much of its terms another text shares with the query: the Dice coefficient of the two sets, 0..1."""
        terms = set(query.indices)

        def dice(text: str) -> float:
            others = set(self.query(text).indices)
            return 2 * len(terms & others) / (len(terms) + len(others)) if terms or others else 0.0

        return dice


def _in_terms(text: str) -> str:
    """The text with a blank between all terms. Pairs of characters are spelled in ASCII, which no tokeniser divides."""
    return str(_IN_PAIRS.sub(lambda found: _pairs(found[0]), unicodedata.normalize("NFKC", text)))


def _pairs(run: str) -> str:
    codes = [f"{ord(character):x}" for character in run]
    pairs = ["z".join(pair) for pair in pairwise(codes)] or codes
    return f" {' '.join(pairs)} "


def bm25(*, average: float) -> Bm25:
    """The weights for passages of `average` terms; an average below 1 counts as 1."""
    return Bm25(Bm25Config(k=K1, b=B, avg_len=max(average, 1.0), language=LANGUAGE))
