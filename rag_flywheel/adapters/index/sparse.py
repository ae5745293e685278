"""BM25 as sparse vectors, one for both Qdrant adapters, so that they rank alike.

A document's vector holds each term's saturated frequency, and the index multiplies by the terms' inverse document
frequencies: with a query of ones their dot product is BM25 (Robertson and Zaragoza, 2009). Terms are lower-cased words
without stop words, stemmed by Snowball, as 31-bit hashes; a passage's by the rules of its own language. A query's are
those that it has in any of the version's languages, each as heavy as the likeliest language that it is a term in.
Accents count in English alone: people leave them out. A language whose rules the vendor has not keeps its words as they
are.

A word with punctuation inside is several terms ("usb-c" is "usb" and "c"), the same ones in document and query, and
numbers are terms. Of scripts that put no blanks between words, such as Chinese, Japanese and Thai, each two
neighbouring characters are a term, without a dictionary; of Korean too, whose particles are written with the word
before them. Full-width and other compatibility forms are searched as the plain ones.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import regex
from qdrant_edge import Bm25, Bm25Config, DisabledStemmer, SparseVector, StopwordsSet

from rag_flywheel.domain import Chunk

K1 = 1.2  # how fast a term's further occurrences count less
B = 0.75  # how much a text longer than the average is held back
READ = 4_000  # characters of a query that are searched in other languages than the likeliest
ENGLISH = "en"  # and what a passage of a release counts as that knew no other language

_KNOWN = "ar az bn ca da de el en es eu fi fr he hu id it kk ne nl no pt ro ru sl sv tg tr"
"""Languages whose rules the vendor has."""
_WITHOUT_BLANKS = "zh ja ko th lo km my dz"
"""Their words are pairs of characters; those in other letters among them are mostly English."""
_IN_PAIRS = regex.compile(r"(?:[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*+)+")


class Sparse:
    """Texts to BM25 vectors. `titles` says whether a passage's title and headings are searched with its text."""

    def __init__(self, *, titles: bool) -> None:
        self._titles = titles

    def lengths(self, chunks: Iterable[Chunk]) -> list[float]:
        """How many terms each passage has; `weights` needs their average over the whole version."""
        # The vendor has no tokeniser of its own, but without saturation and length the weights are plain frequencies.
        frequencies = functools.partial(_bm25, k=1e6, b=0.0, average=1.0)
        return [sum(frequencies(_rules(chunk.language)).embed_document(self._text(chunk)).values) for chunk in chunks]

    def weights(self, *, average: float) -> Callable[[Chunk], SparseVector]:
        """Passages to their vectors, in a version whose passages have `average` terms; below 1 counts as 1."""
        weigh = functools.partial(_bm25, k=K1, b=B, average=max(average, 1.0))
        return lambda chunk: weigh(_rules(chunk.language)).embed_document(self._text(chunk))

    def query(self, text: str, languages: Mapping[str, float]) -> SparseVector:
        """Empty for a text of stop words alone. `languages`: as in `PassageIndex.search`."""
        terms = _terms(text, languages)
        return SparseVector(indices=list(terms), values=list(terms.values()))

    def shared(self, query: str, languages: Mapping[str, float]) -> Callable[[str], float]:
        """How much of its terms another text shares with the query: the Dice coefficient of the two sets, 0..1, where
        a term counts as much as it weighs in the query's languages.
        """
        terms = _terms(query, languages)

        def dice(text: str) -> float:
            others = _terms(text, languages)
            both = sum(weight for term, weight in terms.items() if term in others)
            return 2 * both / (sum(terms.values()) + sum(others.values())) if terms or others else 0.0

        return dice

    def _text(self, chunk: Chunk) -> str:
        """What is searched of a passage."""
        return _in_terms(" ".join([chunk.title, *chunk.headings, chunk.text]) if self._titles else chunk.text)


def _terms(text: str, languages: Mapping[str, float]) -> dict[int, float]:
    """The terms of a query, each with the likelihood of the likeliest language that it is a term in.

    A word that says nothing in the likeliest language is none in a language that the query hardly is in: the German
    "die" finds no dying batteries.
    """
    prepared = _in_terms(text)
    told: dict[str, float] = {}
    for language, likely in (languages or {ENGLISH: 1.0}).items():
        told[_rules(language)] = max(told.get(_rules(language), 0.0), likely)
    least, most = min(told.values()), max(told.values())
    searched = dict.fromkeys(told.values(), prepared[:READ]) | {most: prepared}
    if least < most:
        likeliest = [rules for rules, likely in told.items() if likely == most]
        saying = [word for word in searched[least].split() if any(_found(word, rules) for rules in likeliest)]
        searched[least] = " ".join(saying)
    terms: dict[int, float] = {}
    for rules, likely in told.items():
        for term in _found(searched[likely], rules):
            terms[term] = max(terms.get(term, 0.0), likely)
    return terms


def _found(text: str, rules: str) -> Sequence[int]:
    return _bm25(rules, K1, B, 1.0).embed_query(text).indices  # the average plays no part in a query


def _rules(language: str) -> str:
    """The language by whose rules words are searched; empty: by none."""
    if not language or language in _WITHOUT_BLANKS.split():
        return ENGLISH
    return language if language in _KNOWN.split() else ""


@functools.lru_cache(256)
def _bm25(rules: str, k: float, b: float, average: float) -> Bm25:
    """The vendor's weights."""
    if rules == ENGLISH:
        return Bm25(Bm25Config(k=k, b=b, avg_len=average, language=ENGLISH))
    if rules:
        return Bm25(Bm25Config(k=k, b=b, avg_len=average, language=rules, ascii_folding=True))
    plain, none = DisabledStemmer(), StopwordsSet()
    return Bm25(Bm25Config(k=k, b=b, avg_len=average, stemmer=plain, stopwords=none, ascii_folding=True))


def _in_terms(text: str) -> str:
    """The text with a blank between all terms. Pairs of characters are spelled in ASCII, which no tokeniser divides."""
    return str(_IN_PAIRS.sub(lambda found: _pairs(found[0]), unicodedata.normalize("NFKC", text)))


def _pairs(run: str) -> str:
    codes = [f"{ord(character):x}" for character in run]
    pairs = ["z".join(pair) for pair in pairwise(codes)] or codes
    return f" {' '.join(pairs)} "
