"""Which language a text is in: of a document for sure or not at all, of a question how likely each is."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence

DEFAULT = "en"
"""Of a corpus that tells no language, and of all that releases before this one indexed."""
READ = 4_000  # characters that a language is told from; a millisecond or two
SURE = 0.8  # probability from which a language counts as told; guesses at tables, formulas and lists of names are below
LEAST = 0.1  # likelihood below which none counts, so that a wrong guess at a short question loses no answer

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8}){0,8}")
_SAME = {"nb": "no", "nn": "no"}  # the written forms of Norwegian


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the language that the text is written in, None where that is not clear.

    By the first `READ` characters, with the naive Bayes model of Lui and Baldwin (langid.py, ACL 2012) as py3langid
    trained it anew. A language that has no code of two letters is taken for the nearest one that has.
    """
    code, probability = guessed(text)
    return code if probability >= SURE else None


def guessed(text: str) -> tuple[str, float]:
    """The likeliest language of the text, and how likely it is: 0 to 1."""
    code, probability = _identifier()(text[:READ])[0]
    return _SAME.get(code, code), probability


def likely(text: str, languages: Sequence[str]) -> Mapping[str, float]:
    """How likely the text is in each of the languages, relative to the likeliest of them: `LEAST` to 1.

    One language alone is not doubted, and costs nothing.
    """
    if len(languages) < 2:
        return dict.fromkeys(languages, 1.0)
    told: dict[str, float] = {}
    for code, probability in _identifier()(text[:READ]):
        told[_SAME.get(code, code)] = max(told.get(_SAME.get(code, code), 0.0), probability)
    best = max(told.get(language, 0.0) for language in languages)
    return {language: max(told.get(language, 0.0) / best, LEAST) if best else 1.0 for language in languages}


def primary(tag: str) -> str:
    """The language of a tag (BCP 47) such as de, pt-BR or en_US, without its region; empty: it is none."""
    found = _TAG.fullmatch(tag.strip())
    return _SAME.get(found[1].lower(), found[1].lower()) if found else ""


@functools.cache
def tellable() -> frozenset[str]:
    """The languages that texts can be told to be in."""
    return frozenset(_SAME.get(code, code) for code, _ in _identifier()(""))


@functools.cache
def _identifier() -> Callable[[str], list[tuple[str, float]]]:
    """Languages with their probabilities, the likeliest first.

    Loading takes about a second and 90 MB, so only who needs it loads it, and once: it is a table that none writes.
    An instance of our own, because the one that py3langid shares can be restricted by anybody.
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages([code for code in model.labels if len(code) == 2])
    rank: Callable[[str], list[tuple[str, float]]] = model.rank
    return rank
