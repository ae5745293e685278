"""Questions made from the corpus, so that a small deployment without judgements has guards too."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import log

from eval.questions.golden import Case, Slice
from rag_flywheel.domain import Chunk, ChunkId, Evidence
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.domain.sentences import MARKS, sentences

Rephrase = Callable[[str, int], list[str]]
"""A question's other wordings, up to so many; empty where there are none. `rewordings.OtherWords` is one."""

_WORD = re.compile(r"\w+")
_MARKUP = re.compile(
    r"[|{}<>=\\^~_#@]|```|--|://|\]\("
)  # code, tables, addresses and masks are not what people ask for
_WORDS_AT_LEAST = 5  # fewer say too little to find one place
_WORDS_AT_MOST = 14  # people ask in few words
_CLAUSE_AT_LEAST = 10  # words up to a comma that say enough without the rest
_CHARACTERS_AT_LEAST = 12  # for scripts that put no blanks between words
_CHARACTERS_AT_MOST = 120
_EDGES = re.compile(r"^\W+|\W+$")
_LABELS = 0.5  # share of words in capitals, or said before, from which a line is a row of labels and no sentence
_PLACES_AT_MOST = 3  # what stands in more chunks than these is no known item
_STEM = 4  # letters that two forms of a word begin with, at least
_ENDING_AT_MOST = 2  # letters of the shorter form that the longer one may change: "copied" and "copies"
_SAME_TOPIC = 0.5  # share of a question's rarity in words of a correction from which the two may be about the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """What a correction is about, and the passages nearest to its question in the live version, nearest first."""

    question: str
    answer: str
    spans: tuple[Evidence, ...]  # its evidence and what it supersedes
    chunks: tuple[ChunkId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corpus:
    pieces: tuple[Chunk, ...]  # of sources, each once
    sections: Mapping[str, Sequence[Chunk]]  # by normalised heading
    spread: Mapping[str, int]  # in how many pieces each word stands


def known_items(chunks: Iterable[Chunk], *, limit: int, seed: int, rephrase: Rephrase | None = None) -> list[Case]:
    """Up to `limit` questions made from source chunks: a heading that stands in one place, else a telling sentence.

    Known-item search (Azzopardi, de Rijke and Balog, SIGIR 2007). Which chunks are taken is decided by a hash of chunk
    id and seed: a change to one document leaves the questions about the others as they are. Give the chunks that
    control and treatment share, so that new documents cannot make up for lost ones. With `rephrase` they are asked in
    other words than the corpus's own, where it finds some.
    """
    corpus = _corpus(chunks)
    made: dict[str, Case] = {}
    for chunk in sorted(corpus.pieces, key=lambda chunk: _draw(chunk.chunk_id, seed)):
        if len(made) >= limit:
            break
        case = next(_questions(chunk, corpus, Slice.KNOWN_ITEM), None)
        if case is not None:
            made.setdefault(case.cluster, case)
    return [_asked(case, rephrase) for case in made.values()]


def neighbours(
    chunks: Iterable[Chunk],
    near: Sequence[Nearby],
    *,
    known: Iterable[Case],
    limit: int,
    seed: int,
    rephrase: Rephrase | None = None,
) -> list[Case]:
    """Up to `limit` questions made like known items from the passages nearest to new corrections.

    The corrections take turns, in an order by a hash of question and seed, each time with its nearest passage that is
    left. No passage is used twice, nor one that a correction is about. A question is left out when it is one of the
    `known` cases, or may be about the same as a correction: there the correction would rightly stand first. Give the
    chunks that control and treatment share; ids of others are passed over.
    """
    if not near:
        return []
    corpus = _corpus(chunks)
    by_id = {chunk.chunk_id: chunk for chunk in corpus.pieces}
    spans = [span for nearby in near for span in nearby.spans]
    topics = [_topic(f"{nearby.question} {nearby.answer}") for nearby in near]
    taken = {name for case in known for name in (case.cluster, normalised(case.question))}
    in_turn = sorted(near, key=lambda nearby: _draw(nearby.question, seed))
    turns = zip_longest(*(nearby.chunks for nearby in in_turn))
    ranked = dict.fromkeys(name for turn in turns for name in turn if name is not None and name in by_id)
    made: list[Case] = []
    used = list(spans)
    for chunk in map(by_id.__getitem__, ranked):
        if len(made) >= limit:
            break
        if any(chunk.span.overlaps(span) for span in spans):
            continue
        for case in _questions(chunk, corpus, Slice.NEIGHBOUR):
            if case.cluster not in taken and not _meets(case, used) and not _touches(case, topics, corpus):
                made.append(case)
                taken.add(case.cluster)
                used += case.evidence
                break
    return [_asked(case, rephrase) for case in made]


def words(text: str) -> list[str]:
    """The words of a text, case-folded."""
    return _WORD.findall(text.casefold())


def rarity(word: str, spread: Mapping[str, int], pieces: int) -> float:
    """Inverse document frequency (Spärck Jones, 1972), above 0; a word that stands nowhere is as rare as they come."""
    return log(1 + pieces / max(1, spread.get(word, 0)))


def _corpus(chunks: Iterable[Chunk]) -> _Corpus:
    pieces = tuple(chunk for chunk in chunks if not chunk.by_question)
    sections: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in pieces:
        sections[normalised(_heading(chunk))].append(chunk)
    return _Corpus(pieces=pieces, sections=sections, spread=word_spread(pieces))


def word_spread(pieces: Iterable[Chunk]) -> Counter[str]:
    """In how many of the pieces each word stands."""
    spread: Counter[str] = Counter()
    for piece in pieces:
        spread.update(set(words(piece.text)))
    return spread


def _heading(chunk: Chunk) -> str:
    return chunk.headings[-1] if chunk.headings else chunk.title


def _draw(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()


# --- one question ---------------------------------------------------------------------------------------------------


def _questions(chunk: Chunk, corpus: _Corpus, slice: Slice) -> Iterator[Case]:
    """The heading where it stands in one place, then the sentences that stand in few, the most telling first.

    How telling a sentence is, is the sum of its words' inverse document frequencies.
    """
    heading = " ".join(_heading(chunk).split())
    below = corpus.sections[normalised(heading)]
    one_place = len({(piece.document_id, piece.headings) for piece in below}) == 1 and len(below) <= _PLACES_AT_MOST
    telling = len([word for word in words(heading) if word.isalpha()]) >= 2 and len(heading) <= _CHARACTERS_AT_MOST
    if one_place and telling:
        yield _case(heading, [piece.span for piece in below], slice)

    def telling_words(sentence: str) -> float:
        return sum(rarity(word, corpus.spread, len(corpus.pieces)) for word in set(words(_cut(sentence))))

    unmarked = [sentence[:-1] if sentence[-1] in MARKS else sentence for sentence in sentences(chunk.text)]
    for sentence in sorted(filter(_is_telling, unmarked), key=telling_words, reverse=True):
        places = [piece for piece in corpus.pieces if sentence in piece.text]
        if len(places) <= _PLACES_AT_MOST:
            yield _case(_cut(sentence), [_place(piece, sentence) for piece in places], slice)


def _case(question: str, evidence: Iterable[Evidence], slice: Slice) -> Case:
    cluster = normalised(question)
    return Case(
        case_id=_case_id(slice, cluster),
        question=question,
        cluster=cluster,
        slice=slice,
        answer=None,
        documents=frozenset(),
        evidence=tuple(sorted(set(evidence), key=lambda span: (span.document_id, span.start))),
        answerable=True,
        made=True,
    )


def _case_id(slice: Slice, text: str) -> str:
    return f"{slice}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _asked(case: Case, rephrase: Rephrase | None) -> Case:
    """The case in other words. Its cluster stays, so that it stays on the same side of tuning and test."""
    for other in rephrase(case.question, 1)[:1] if rephrase is not None else []:
        return replace(case, case_id=_case_id(case.slice, f"{case.cluster}|{other}"), question=other)
    return case


def _meets(case: Case, spans: Sequence[Evidence]) -> bool:
    return any(own.overlaps(span) for own in case.evidence for span in spans)


def _topic(text: str) -> Mapping[str, set[str]]:
    """The words of a text by their first letters."""
    topic: dict[str, set[str]] = defaultdict(set)
    for word in words(text):
        topic[word[:_STEM]].add(word)
    return topic


def _touches(case: Case, topics: Sequence[Mapping[str, set[str]]], corpus: _Corpus) -> bool:
    """Whether one of the topics holds so much of what the question says that it may answer it too."""
    weights = {word: rarity(word, corpus.spread, len(corpus.pieces)) for word in set(words(case.question))}
    enough = _SAME_TOPIC * sum(weights.values())
    return any(sum(weight for word, weight in weights.items() if _holds(topic, word)) >= enough for topic in topics)


def _holds(topic: Mapping[str, set[str]], word: str) -> bool:
    """Whether the topic has the word in any form: "pairing" is where "pair" or "paired" is."""
    return any(word == other or _one_stem(word, other) for other in topic.get(word[:_STEM], ()))


def _one_stem(word: str, other: str) -> bool:
    shorter = min(len(word), len(other))
    begin = max(_STEM, shorter - _ENDING_AT_MOST)
    return shorter >= begin and word[:begin] == other[:begin]


def _is_telling(sentence: str) -> bool:
    if _MARKUP.search(sentence) or sentence.count(")") > sentence.count("("):
        return False
    said = [word for word in _WORD.findall(sentence) if not word.isdigit()]
    labels = sum(word[0].isupper() or word in said[:at] for at, word in enumerate(said))
    unspaced = len(said) < _WORDS_AT_LEAST and max((len(word) for word in said), default=0) >= _CHARACTERS_AT_LEAST
    return (len(said) >= _WORDS_AT_LEAST and labels < _LABELS * len(said)) or (unspaced and not sentence.isascii())


def _cut(sentence: str) -> str:
    """As much of the sentence as people ask: to a comma where that leaves enough, without the marks at its ends."""
    parts = sentence.replace("`", "").split()
    short = " ".join(parts[:_WORDS_AT_MOST])
    if len(short) > _CHARACTERS_AT_MOST:
        short = short[:_CHARACTERS_AT_MOST]
        short = short.rpartition(" ")[0] or short
    if len(parts) > _WORDS_AT_MOST:
        clause = short.rpartition(",")[0]
        short = clause if len(words(clause)) >= _CLAUSE_AT_LEAST else short
    if short.count("(") > short.count(")"):
        short = short.rpartition("(")[0] or short
    return _EDGES.sub("", short)


def _place(chunk: Chunk, sentence: str) -> Evidence:
    """Where the sentence stands in the document."""
    start = chunk.text.index(sentence)
    return chunk.part(start, start + len(sentence))
