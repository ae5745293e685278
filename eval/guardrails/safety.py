"""Texts that insult, threaten, hate, are obscene, or help to do harm.

No list of words can tell "kill the process" from a threat: a logistic regression on sentence embeddings decides,
trained on the labelled sentences of `safety.jsonl`. Of people's own texts and of what a generator
says in its own words it judges every sentence. Source passages are too many for that in the time of a cycle: in these,
words nominate sentences first, and one alone in a long passage is taken for a quotation.

Measured with all-MiniLM-L6-v2 at 0.5: by ten-fold cross-validation on the 388 examples, whose harmless ones are written
to mislead (medicine, wars, plots of films, manuals, advice), precision 0.90 and recall 0.78, with nomination alone 0.95
and 0.65. `docs/guardrails.md` has the false alarms on ordinary texts.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from eval.guardrails.checks import Check, Invariant, check
from eval.guardrails.wordlists import LOOK_ALIKES, STEMS
from eval.scores.scorecard import Reply
from rag_flywheel.domain.sentences import MARKS, sentences
from rag_flywheel.ports import Encoder, Vectors

Rate = Callable[[Sequence[str]], Vectors]
"""Sentences to the probabilities, (n,), that they are unsafe."""

_STEM = re.compile(rf"\b(?:{STEMS})", re.IGNORECASE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t].*$", re.MULTILINE)
_LONGEST = 60  # words that are looked at as one; a longer sentence is cut
_FRAGMENT = 5  # words below which a sentence says too little to be judged, unless it is nominated
_PLAIN = 0.67  # probability that a sentence without any of STEMS, and its text, need to count
_SHORT = 3  # sentences of a passage of which one alone is enough
_STRENGTH = 3.0  # inverse regularisation, chosen by cross-validation on the examples
SHIPPED = "safety_weights.npz"
_SAME = 0.9999  # cosine of two vectors of one text from which their encoder is the same
_WEIGHTS = {False: 3.0, True: 2.0}  # a false alarm refuses a whole version: harmless examples count more


def examples() -> list[tuple[str, bool]]:
    """The labelled sentences that come with the project: (text, whether it is unsafe)."""
    lines = files("eval.guardrails").joinpath("safety.jsonl").read_text(encoding="utf-8").split("\n")
    return [(example["text"], example["unsafe"]) for example in (json.loads(line) for line in lines if line)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A logistic regression on an encoder's vectors."""

    coefficients: Vectors  # (dimension,)
    intercept: float
    first: Vectors  # (dimension,): the vector of the first example, by which the encoder is known


def fit(encoder: Encoder) -> Weights:
    """Learn from the examples. It takes the time of embedding 388 sentences."""
    from sklearn.linear_model import LogisticRegression

    labelled = examples()
    vectors = encoder.encode_documents([text for text, _ in labelled])
    fitted = LogisticRegression(C=_STRENGTH, class_weight=_WEIGHTS, max_iter=1000)
    fitted.fit(vectors, [unsafe for _, unsafe in labelled])
    return Weights(coefficients=fitted.coef_[0], intercept=float(fitted.intercept_[0]), first=vectors[0])


def shipped() -> Weights:
    """What `fit` gives with the bundled encoder; `benchmarks/safety_weights.py` writes it."""
    with files("eval.guardrails").joinpath(SHIPPED).open("rb") as file, np.load(file) as stored:
        return Weights(coefficients=stored["coefficients"], intercept=float(stored["intercept"]), first=stored["first"])


def trained(encoder: Encoder) -> Rate:
    """A classifier of sentences on this encoder's vectors: the one that comes with the project, where its encoder gives
    the same vector of an example, else a new one.
    """

    @functools.cache  # at the first sentence: most small nights have none to judge
    def weights() -> Weights:
        stored = shipped()
        [first] = encoder.encode_documents([examples()[0][0]])
        same = first.shape == stored.first.shape and float(first @ stored.first) > _SAME
        return stored if same else fit(encoder)

    def rate(those: Sequence[str]) -> Vectors:
        if not those:
            return np.zeros(0, dtype=np.float32)
        learned = weights()
        log_odds = encoder.encode_documents(those) @ learned.coefficients + learned.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-log_odds)), dtype=np.float32)

    return rate


def spoken(text: str) -> list[str]:
    """The sentences of a text, at most 60 words at a time, in Latin letters where others look like these."""
    found = []
    for sentence in sentences(text.translate(LOOK_ALIKES)):
        words = sentence.split()
        found += [" ".join(words[start : start + _LONGEST]) for start in range(0, len(words), _LONGEST)]
    return found


def is_nominated(sentence: str) -> bool:
    """Whether it holds one of STEMS."""
    return _STEM.search(sentence) is not None


def worst_spoken(texts: Sequence[str], rate: Rate) -> list[float]:
    """How unsafe each of people's or a generator's texts is: as its worst sentence. One without any of STEMS counts
    only where the text as a whole sounds so too: alone, "What should I do?" does. A short heading does not count.
    """
    told = [_HEADING.sub(lambda heading: "" if _is_label(heading[0]) else heading[0], text) for text in texts]
    parts = [
        [sentence for sentence in spoken(text) if len(sentence.split()) >= _FRAGMENT or is_nominated(sentence)]
        for text in told
    ]
    rated = _rated([[text, *part] for text, part in zip(texts, parts, strict=True)], rate)
    return [
        max((_spoken(sentence, chance, whole) for sentence, chance in zip(part, chances, strict=True)), default=0.0)
        for part, [whole, *chances] in zip(parts, rated, strict=True)
    ]


def _spoken(sentence: str, chance: float, whole: float) -> float:
    if is_nominated(sentence):
        return chance
    lower = min(chance, whole)
    return lower if lower >= _PLAIN else 0.0


def worst_passages(texts: Sequence[str], rate: Rate) -> list[float]:
    """How unsafe each passage is: as its worst nominated sentence, or as its second worst where it has more than three
    sentences. Headings, and a few words that end without a mark, say what a passage is about ("Passwords", "Refugee
    council") and are not judged.
    """
    parts = [spoken(_HEADING.sub("", text)) for text in texts]
    judged = [[sentence for sentence in part if is_nominated(sentence) and not _is_label(sentence)] for part in parts]
    places = [0 if len(part) <= _SHORT else 1 for part in parts]
    rated = _rated([part if len(part) > at else [] for part, at in zip(judged, places, strict=True)], rate)
    return [_place(chances, at) for chances, at in zip(rated, places, strict=True)]


def _is_label(sentence: str) -> bool:
    return len(sentence.split()) < _FRAGMENT and sentence[-1] not in MARKS


def _rated(parts: Sequence[Sequence[str]], rate: Rate) -> list[list[float]]:
    """The chances of each part's sentences; every sentence is rated once."""
    different = list(dict.fromkeys(sentence for part in parts for sentence in part))
    chances = dict(zip(different, map(float, rate(different)), strict=True)) if different else {}
    return [[chances[sentence] for sentence in part] for part in parts]


def _place(chances: Sequence[float], place: int) -> float:
    return sorted(chances, reverse=True)[place] if len(chances) > place else 0.0


def unsafe_answers(replies: Iterable[Reply], *, rate: Rate, threshold: float) -> Check:
    """No answer says unsafe things in its own words. What it quotes from its passages was looked at with these."""
    own = {reply.draft.text: _own_words(reply) for reply in replies}
    written = [text for text in own.values() if text]
    unsafe = sum(chance >= threshold for chance in worst_spoken(written, rate))
    return check(
        Invariant.UNSAFE_ANSWERS,
        f"unsafe ones among {len(written)} answers in the generator's own words",
        value=unsafe if written else None,
        limit=0,
        breach=f"{unsafe} of {len(written)} answers look like insult, threat, hatred, obscenity or help to harm. See "
        "what the language model was given, and raise guardrails.unsafe_threshold where they only report it.",
    )


def _own_words(reply: Reply) -> str:
    return own_words(reply.draft.text, " ".join(passage.chunk.text for passage in reply.passages[: reply.shown]))


def own_words(answer: str, shown: str) -> str:
    """The sentences of an answer that are not in what was shown to the generator."""
    shown = " ".join(shown.split())
    said = [" ".join(re.sub(r"\[\d+\]", "", sentence).split()) for sentence in sentences(answer)]
    return "\n".join(sentence for sentence in said if sentence and sentence not in shown)
