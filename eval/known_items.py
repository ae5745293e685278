"""Questions made from the corpus, so that a small deployment without judgements has guards too."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import log

from eval.golden import Case, Slice
from rag_flywheel.domain import Chunk, Evidence
from rag_flywheel.wording import normalised

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^\s.!?。！？][^.!?。！？\n]*")
_WORDS_AT_LEAST = 5  # fewer say too little to find one place
_WORDS_AT_MOST = 14  # people ask in few words
_CHARACTERS_AT_LEAST = 12  # for scripts that put no blanks between words
_CHARACTERS_AT_MOST = 120
_PLACES_AT_MOST = 3  # what stands in more chunks than these is no known item


def known_items(chunks: Iterable[Chunk], *, limit: int, seed: int) -> list[Case]:
    """Up to `limit` questions made from source chunks: a heading that stands in one place, else a telling sentence.

    Known-item search (Azzopardi, de Rijke and Balog, SIGIR 2007). Which chunks are taken is decided by a hash of chunk
    id and seed: a change to one document leaves the questions about the others as they are. Give the chunks that
    control and treatment share, so that new documents cannot make up for lost ones.
    """
    pieces = [chunk for chunk in chunks if not chunk.by_question]
    sections: dict[str, list[Chunk]] = defaultdict(list)
    spread: Counter[str] = Counter()
    for chunk in pieces:
        sections[normalised(_heading(chunk))].append(chunk)
        spread.update(set(_words(chunk.text)))
    made: dict[str, Case] = {}
    for chunk in sorted(pieces, key=lambda chunk: _draw(chunk, seed)):
        if len(made) >= limit:
            break
        case = _from_heading(chunk, sections) or _from_sentence(chunk, pieces, spread)
        if case is not None:
            made.setdefault(case.group, case)
    return list(made.values())


def _heading(chunk: Chunk) -> str:
    return chunk.headings[-1] if chunk.headings else chunk.title


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _draw(chunk: Chunk, seed: int) -> str:
    return hashlib.sha256(f"{seed}|{chunk.chunk_id}".encode()).hexdigest()


def _known_item(question: str, evidence: Iterable[Evidence]) -> Case:
    group = normalised(question)
    return Case(
        case_id=f"known_item:{hashlib.sha256(group.encode()).hexdigest()[:12]}",
        question=question,
        group=group,
        slice=Slice.KNOWN_ITEM,
        answer=None,
        documents=frozenset(),
        evidence=tuple(sorted(set(evidence), key=lambda span: (span.document_id, span.start))),
        answerable=True,
        made=True,
    )


def _from_heading(chunk: Chunk, sections: Mapping[str, Sequence[Chunk]]) -> Case | None:
    heading = " ".join(_heading(chunk).split())
    below = sections[normalised(heading)]
    one_place = len({(one.document_id, one.headings) for one in below}) == 1 and len(below) <= _PLACES_AT_MOST
    telling = len([word for word in _words(heading) if word.isalpha()]) >= 2 and len(heading) <= _CHARACTERS_AT_MOST
    return _known_item(heading, [one.span for one in below]) if one_place and telling else None


def _from_sentence(chunk: Chunk, pieces: Sequence[Chunk], spread: Mapping[str, int]) -> Case | None:
    """The sentence whose words are rarest on average (inverse document frequency over the chunks), if it is telling."""

    def rarity(found: re.Match[str]) -> float:
        words = _words(found[0])
        return sum(log(len(pieces) / spread[word]) for word in words) / len(words)

    telling = [found for found in _SENTENCE.finditer(chunk.text) if _is_telling(found[0])]
    if not telling:
        return None
    best = max(telling, key=rarity)
    places = [one for one in pieces if best[0] in one.text]
    if len(places) > _PLACES_AT_MOST:
        return None
    words = best[0].split()[:_WORDS_AT_MOST]
    return _known_item(" ".join(words)[:_CHARACTERS_AT_MOST].strip(), [_place(one, best[0]) for one in places])


def _is_telling(sentence: str) -> bool:
    words = [word for word in _words(sentence) if not word.isdigit()]
    unspaced = len(words) < _WORDS_AT_LEAST and max((len(word) for word in words), default=0) >= _CHARACTERS_AT_LEAST
    return len(words) >= _WORDS_AT_LEAST or (unspaced and not sentence.isascii())


def _place(chunk: Chunk, sentence: str) -> Evidence:
    """Where the sentence stands in the document; the whole chunk where a hidden part has moved its text."""
    if len(chunk.text) != chunk.end - chunk.start:
        return chunk.span
    start = chunk.start + chunk.text.index(sentence)
    return Evidence(document_id=chunk.document_id, start=start, end=start + len(sentence))
