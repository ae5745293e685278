"""A follow-up question to a query that stands alone, without a language model.

Whether a question leans on what was said before no list of words can tell: "How long is a match?" does after a talk
about water polo, "Who painted Guernica?" does not, and "So how long does the warranty of the toaster last?" only looks
as if it did. A logistic regression decides, trained on the examples of `follow_ups.jsonl`: on the question's vector,
which tells whether it names its matter, on how near it is to what was asked before, on how much it names that was not
said yet, and on whether a word in it points at something.

A question that leans is searched for with the words that the last question that stands alone is about.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from rag_flywheel.domain import Turn
from rag_flywheel.ports import Encoder, Vectors

Rewrite = Callable[[str, Sequence[Turn]], str]
"""A question and the turns before it to a query that stands alone."""

SHIPPED = "follow_ups.npz"
_SAME = 0.9999  # cosine of two vectors of one text from which their encoder is the same
_LONGEST = 1000  # characters: a longer question names its matter, and of an earlier turn no more is read
_EARLIER = 4  # questions of the conversation that are looked at, the latest ones
_MATTER_WORDS = 25  # of an earlier question that are searched for, at most: a pasted page would drown the question
_LEANS = 0.6  # probability: to drag a new question along does more harm than to miss a follow-up
_STRENGTH = 0.5  # inverse regularisation, chosen by cross-validation on the examples
_OPENINGS = ("So ", "And ", "OK, ", "But ", "Thanks. ", "Also, ")  # said before new questions and follow-ups alike

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_POINTING = _set(
    "it its it's they them their theirs they're he him his he's she her hers she's this that these those there ones "
    "same former latter"
)
"""Words that may point at something said before."""

_FUNCTION = _POINTING | _set(
    "is are was were am do does did has have had can could will would shall should may might must isn't aren't wasn't "
    "weren't don't doesn't didn't can't won't what which who whom whose when where why how what's who's how's where's "
    "tell explain describe show give list "
    "a an the of in on at to for from by with about into over under up out off as than then so if not no and "
    "or but also too just really still yet even only very more most much many any some all be been being done "
    "doing having i i'm i've me my mine we us our ours you your yours please know think mean want need get go "
    "make ok okay yes thanks thank hi hello else instead again another other others one"
)
"""Words that say little about the matter; the others are content words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question, what was asked before it, and whether it leans on that."""

    before: str
    text: str
    leans: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A logistic regression on what `_features` tells."""

    coefficients: Vectors  # (dimension + 3,)
    intercept: float
    first: Vectors  # (dimension,): the vector of the first example, by which the encoder is known


def rewriter(encoder: Encoder) -> Rewrite:
    """What makes queries of follow-ups by this encoder's vectors: with the weights that come with the project, where
    its encoder gives the same vector of an example, else with new ones, learned at the first follow-up.

    A question that leans becomes "question (words of the last question that stands alone)"; any other one stays as it
    is, and so does every one without history. It costs the encoding of at most five short texts. The words that point
    and that say little are English.
    """

    @functools.cache  # at the first follow-up: many conversations have none
    def weights() -> Weights:
        stored = shipped()
        [first] = encoder.encode_queries([examples()[0].text])
        same = first.shape == stored.first.shape and float(first @ stored.first) > _SAME
        return stored if same else fit(encoder)

    def rewrite(question: str, history: Sequence[Turn]) -> str:
        said = _asked(history)
        if not said or len(question) > _LONGEST:
            return question
        vectors = encoder.encode_queries([*said, question])
        told = _first_words(next((turn.text for turn in reversed(history) if turn.role == "assistant"), ""))
        if not _leans(question, vectors[-1], said, vectors[:-1], told, weights()):
            return question
        # The earliest one that is looked at counts as standing alone: it is all there is to go on.
        alone = (
            at
            for at in reversed(range(len(said)))
            if at == 0 or not _leans(said[at], vectors[at], said[:at], vectors[:at], "", weights())
        )
        words = _matter(said[next(alone)], question)
        return f"{question.strip()} ({' '.join(words)})" if words else question

    return rewrite


def examples() -> list[Example]:
    """What comes with the project to learn from."""
    lines = files("rag_flywheel.answering").joinpath("follow_ups.jsonl").read_text(encoding="utf-8").split("\n")
    return [Example(**json.loads(line)) for line in lines if line]


def fit(encoder: Encoder) -> Weights:
    """Learn from the examples, each also with an opening before it. It takes the time of embedding 1,100 questions."""
    from sklearn.linear_model import LogisticRegression

    known = examples()
    opened = [f"{_OPENINGS[at % len(_OPENINGS)]}{_lowered(example.text)}" for at, example in enumerate(known)]
    texts = [*(example.text for example in known), *opened]
    before = [example.before for example in known] * 2
    vectors = encoder.encode_queries([*texts, *dict.fromkeys(before)])
    asked = dict(zip(dict.fromkeys(before), vectors[len(texts) :], strict=True))
    rows = [
        _features(text, vector, [earlier], asked[earlier][None], "")
        for text, vector, earlier in zip(texts, vectors[: len(texts)], before, strict=True)
    ]
    fitted = LogisticRegression(C=_STRENGTH, max_iter=5000).fit(
        np.stack(rows), [example.leans for example in known] * 2
    )
    return Weights(coefficients=fitted.coef_[0], intercept=float(fitted.intercept_[0]), first=vectors[0])


def shipped() -> Weights:
    """What `fit` gives with the bundled encoder; `benchmarks/conversations.py --write` writes it."""
    with files("rag_flywheel.answering").joinpath(SHIPPED).open("rb") as file, np.load(file) as stored:
        return Weights(coefficients=stored["coefficients"], intercept=float(stored["intercept"]), first=stored["first"])


def _leans(text: str, vector: Vectors, said: Sequence[str], asked: Vectors, told: str, learned: Weights) -> bool:
    log_odds = float(_features(text, vector, said, asked, told) @ learned.coefficients) + learned.intercept
    return bool(log_odds > np.log(_LEANS / (1 - _LEANS)))


def _features(text: str, vector: Vectors, said: Sequence[str], asked: Vectors, told: str) -> Vectors:
    """(dimension + 3,): the question's vector, how near it is to the nearest of the three questions `asked` last, how
    much it names that neither questions nor the last answer, `told`, did, and whether it points at them. They are
    scaled so that one penalty fits all: a vector's places are small.
    """
    known = {_stem(word) for earlier in (*said, told) for word in _words(earlier)}
    words = list(_words(text))
    named = sum(word not in _FUNCTION and _stem(word) not in known for word in words)
    nearest = float((asked[-3:] @ vector).max())
    told_apart = [4 * nearest, 2 * (1 - 0.6**named), float(_points(words))]
    return np.concatenate([2 * vector, np.array(told_apart, dtype=np.float32)])


def _points(words: Sequence[str]) -> bool:
    """Whether a word points at something before the question has named two things that it may point at itself."""
    named = 0
    for word in words:
        if word in _POINTING and named < 2:
            return True
        named += word not in _FUNCTION
    return False


def _asked(history: Sequence[Turn]) -> list[str]:
    """The last earlier questions that have a content word, in order."""
    found: list[str] = []
    for turn in reversed(history):
        text = _first_words(turn.text)
        if turn.role == "user" and _content(text):
            found.insert(0, text)
            if len(found) == _EARLIER:
                break
    return found


def _first_words(text: str) -> str:
    return text[:_LONGEST].strip()


def _matter(text: str, question: str) -> list[str]:
    """The content words of `text` that the question lacks, as they are written there, each once."""
    known = {_stem(word) for word in _words(question)}
    written = {word: match.group() for match, word in zip(_WORD.finditer(text), _words(text), strict=True)}
    return [written[word] for word in written if word not in _FUNCTION and _stem(word) not in known][:_MATTER_WORDS]


def _content(text: str) -> list[str]:
    return [word for word in _words(text) if word not in _FUNCTION]


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def _lowered(text: str) -> str:
    return text if text[:2].isupper() else text[0].lower() + text[1:]


def _words(text: str) -> Iterator[str]:
    """In lower case, but for names in capitals: the US is not us."""
    shouted = text.isupper()
    for match in _WORD.finditer(text):
        word = match.group().replace("’", "'")
        yield word if len(word) > 1 and word.isupper() and not shouted else word.lower()
