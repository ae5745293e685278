"""Other wordings of newly corrected questions: does the correction also come when it is asked for differently?"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eval.questions.golden import Case, Slice
from eval.questions.known_items import Rephrase, word_spread, words
from rag_flywheel.domain import Chunk
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.errors import InvalidInput, LanguageModelUnavailable
from rag_flywheel.ports import Rephraser

_log = logging.getLogger(__name__)

WORDINGS = 3
"""Other wordings of one question, at most."""

_WORDS_AT_LEAST = 2
_COMMON = 0.2  # share of the passages from which a short word says nothing
_COMMON_AT_LEAST = 5  # passages, below which nothing is common
_SHORT = 4  # letters of the words that a language uses most (Zipf, 1935), at most
_SLIP_AT_LEAST = 4  # letters of a word that have two inside to swap
_GIVE_UP_AFTER = 2  # failures in a row, each after the adapter's own retries: the server is down
_MARKS = ".,;:!?\"'()[]«»“”„‘’…¿¡。，？！、；："
_APOSTROPHES = str.maketrans("", "", "'’")
# What English asks with. Rarity cannot tell: a manual that never asks has no "how". Other languages go by rarity alone.
_ASKING = frozenset(
    words("""
    a about am an and any are at be been but by can could did do does for from had has have how i if in is it its may me
    might must my of on or our please shall should that the their them there these they this those to was we were what
    when where which who whom whose why will with would you your
    """)
)
# Short and common, and all turns on them.
_NEGATING = frozenset(words("no non not nor nie pas sans sin não ne не нет без"))


@dataclass(kw_only=True)
class OtherWords:
    """A language model's wordings of a question, as `Rephrase` wants them: none that is empty or the question itself.

    Where it fails there are none. It is not asked again once it has failed twice in a row.
    """

    rephraser: Rephraser
    failed: int = 0  # questions that it failed on
    in_a_row: int = 0  # of these, since it last answered

    def __call__(self, text: str, count: int) -> list[str]:
        if self.in_a_row >= _GIVE_UP_AFTER:
            return []
        try:
            said = self.rephraser.rephrase(text, count)
        except (LanguageModelUnavailable, InvalidInput) as error:
            self.failed += 1
            self.in_a_row += 1
            over = "; it is not asked again" if self.in_a_row >= _GIVE_UP_AFTER else ""
            _log.warning("no other wording of a question, %d so far: %s%s", self.failed, error, over)
            return []
        self.in_a_row = 0
        return _distinct(said, text)[:count]


def rewordings(cases: Sequence[Case], *, chunks: Iterable[Chunk], seed: int, rephrase: Rephrase | None) -> list[Case]:
    """For each case up to WORDINGS others with the same judgements and cluster, asked in other words.

    They are the language model's where `rephrase` gives any, else made: the question's keywords, the question with a
    slip in its longest word (two letters swapped, after Damerau, 1964), and the question in lower case without
    punctuation. A made wording that leaves the question as it is, or less than two words of it, is left out. Which
    words are key is told by how many of the `chunks` hold them.
    """
    if not cases:
        return []
    pieces = [chunk for chunk in chunks if not chunk.by_question]
    spread = word_spread(pieces)
    found = []
    for case in cases:
        asked = rephrase(case.question, WORDINGS) if rephrase is not None else []
        kinds = {_spaced(text): f"asked-{number}" for number, text in enumerate(asked, start=1)}
        for kind, text in _made(case.question, spread, len(pieces), seed):
            kinds.setdefault(_spaced(text), kind)
        for text in _distinct(kinds, case.question)[:WORDINGS]:
            found.append(
                replace(
                    case,
                    case_id=f"{Slice.PARAPHRASE}:{case.case_id.rpartition(':')[2]}:{kinds[text]}",
                    question=text,
                    slice=Slice.PARAPHRASE,
                    made=True,
                )
            )
    return found


def _distinct(texts: Iterable[str], question: str) -> list[str]:
    """Those that say something, each once, and are not the question itself."""
    kept = {same_question(question): ""}
    for text in map(_spaced, texts):
        kept.setdefault(same_question(text), text)
    return [text for text in kept.values() if text]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _made(question: str, spread: Mapping[str, int], pieces: int, seed: int) -> Iterator[tuple[str, str]]:
    """(kind, wording) of each that can be made."""
    bare = [token for token in (token.strip(_MARKS) for token in question.split()) if token]
    key = [token for token in dict.fromkeys(bare) if _is_key(token, spread, pieces)]
    plain = [token if _is_mask(token) else token.lower().translate(_APOSTROPHES) for token in bare]
    made = {
        "keywords": " ".join(key),
        "slip": _with_slip(question, key or bare, seed),
        "plain": " ".join(plain),
    }
    yield from ((kind, text) for kind, text in made.items() if len(text.split()) >= _WORDS_AT_LEAST)


def _is_key(token: str, spread: Mapping[str, int], pieces: int) -> bool:
    if token.lower() in _ASKING or token.lower() in _NEGATING:
        return token.lower() in _NEGATING
    common = all(spread.get(word, 0) >= max(_COMMON_AT_LEAST, _COMMON * pieces) for word in words(token))
    return not common or len(token) > _SHORT or token[:2].isupper()  # capitals: a name such as TV or USB


def _is_mask(token: str) -> bool:
    return token.startswith("<")


def _with_slip(question: str, tokens: Sequence[str], seed: int) -> str:
    """The question with two letters swapped inside the longest of these words; empty where none has two to swap.

    Only in scripts that have capitals: those are typed letter by letter.
    """
    fitting = [token for token in tokens if token.isalpha() and token.lower() != token.upper() and not token.isupper()]
    longest = max(fitting, key=len, default="")
    places = [at for at in range(1, len(longest) - 2) if longest[at] != longest[at + 1]]
    if len(longest) < _SLIP_AT_LEAST or not places:
        return ""
    at = places[hashlib.sha256(f"{seed}|{question}".encode()).digest()[0] % len(places)]
    return question.replace(longest, f"{longest[:at]}{longest[at + 1]}{longest[at]}{longest[at + 2 :]}", 1)
