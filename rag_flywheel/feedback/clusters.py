"""Questions that are about much the same, by their vectors, and what such a cluster may be called. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

import numpy as np

from rag_flywheel.ports import PLACEHOLDER, Encoder, Vectors

NAMED_BY = 3  # words, at most
ASKING = frozenset({"did", "do", "does", "doing", "don", "doesn", "didn", "way", "use", "used", "using"})
"""Words that questions are asked with, besides the English stop words of scikit-learn."""
_WORD = re.compile(r"[^\W\d_][\w'’-]+")  # of two letters or more


def alike(texts: Sequence[str], *, encoder: Encoder, near: float) -> list[list[int]]:
    """The numbers of the texts of each cluster, the most typical one first.

    They are encoded as documents, whose vectors the encoder remembers.
    """
    vectors = encoder.encode_documents(texts)
    found = []
    for rows in clusters(vectors, near=near):
        middle = rows[typical(vectors[rows])]
        found.append([middle, *(row for row in rows if row != middle)])
    return found


def clusters(vectors: Vectors, *, near: float) -> list[list[int]]:
    """The rows of each cluster: those whose mean cosine to one another is `near` or more. A row like no other is a
    cluster of its own.

    Average linkage (Sokal and Michener, 1958), inside each part that hangs together: where two clusters are that
    near, some two of their rows are, so that no other part has to be looked at.
    """
    from scipy.cluster.hierarchy import average, fcluster
    from scipy.spatial.distance import squareform
    from sklearn.cluster import DBSCAN  # brings pandas: two seconds' work

    if not len(vectors):
        return []
    apart, found = 1 - near, []
    for part in _by_label(DBSCAN(eps=sqrt(2 * apart), min_samples=1).fit_predict(vectors)):
        if len(part) == 1:
            found.append(part)
            continue
        rows = vectors[part]
        distances = np.clip(1 - rows @ rows.T, 0, 2)
        np.fill_diagonal(distances, 0)
        labels = fcluster(average(squareform(distances, checks=False)), apart, criterion="distance")
        found += [[part[row] for row in rows_of] for rows_of in _by_label(labels)]
    return found


def typical(vectors: Vectors) -> int:
    """The row that is nearest to the middle of all of them."""
    return int(np.argmax(vectors @ vectors.mean(axis=0)))


def names(groups: Sequence[Sequence[str]]) -> list[str]:
    """For each group of questions the words that stand in many of them and in few others, the most telling first; empty
    where all their words are common ones.

    By the share of its questions with a word, times the word's rarity in all of them, as c-TF-IDF does (Grootendorst,
    arXiv:2203.05794). English stop words and placeholders of masked values count for nothing.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    common = ENGLISH_STOP_WORDS | ASKING
    words = [[_words(text) - common for text in texts] for texts in groups]
    spread = Counter(word for texts in words for text in texts for word in text)
    number = sum(map(len, groups))
    made = []
    for texts in words:
        held = Counter(word for text in texts for word in text)
        weight = {word: count / len(texts) * log(1 + number / spread[word]) for word, count in held.items()}
        made.append(" · ".join(sorted(weight, key=lambda word: (-weight[word], word))[:NAMED_BY]))
    return made


def _words(text: str) -> set[str]:
    return set(_WORD.findall(PLACEHOLDER.sub(" ", text).casefold()))


def _by_label(labels: Sequence[int]) -> list[list[int]]:
    rows: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(int(label), []).append(row)
    return list(rows.values())
