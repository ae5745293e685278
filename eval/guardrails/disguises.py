"""Texts as they may have been hidden: in other letters, encoded, spaced out, misspelled, between tags.

Of words with their inner letters in another order people and language models read the right ones, and so does a rule.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from eval.guardrails.wordlists import LETTERS, LOOK_ALIKES

# Another sign, or two, stand between two words that are spaced out.
_SPACED = re.compile(r"(?<!\w)\w([ .\-_*/])\w(?!\w)(?:\1\w(?!\w))+")
_JOINED = re.compile(r"\b[^\W_]{1,20}([/_.+|~-])[^\W_]{1,20}(?:\1[^\W_]{1,20}){2,}")  # words with signs as spaces
_ENCODED = re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2,3}={0,2})?(?![\w+/])")
_HEX = re.compile(r"\b(?:[0-9a-fA-F]{2}[ ]?){16,}\b")
_TAGS = 0xE0000  # where Unicode's tag characters stand, which repeat ASCII and do not show
_DIGITS_IN_WORDS = re.compile(r"\b(?=\w*[a-zA-Z])(?=\S*[013457@$])[\w@$]+")
_LEET = str.maketrans("013457@$", "oieastas")
_MIXED = re.compile(rf"\b(?=\w*[A-Za-z])(?=\w*[{LETTERS}])\w{{4,}}\b")
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_TAG = re.compile(r"</?\w[^<>\n]{0,200}>")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
# One zero-width space is a slip of an editor. Text that is turned round, or rows of marks, are made to hide.
_CONCEALED = re.compile(
    r"[\u202d\u202e]|[\u200b-\u200d\u2060-\u2064\ufeff]{4,}|[\U000e0020-\U000e007e]{8,}"
    r"|(?:[A-Za-z][\u200b-\u200d\u2060-\u2064\ufeff]){3,}"
)
_PROSE = re.compile(r"(?:[A-Za-z']{1,15}[ ,.;:]+){4,}")
_WORD = re.compile(r"[A-Za-z]{5,}")
_TELLING = (
    "above administrator assistant before bypass conversation disregard earlier everything forget guidelines hidden"
    " ignore initial instructions messages original override password previous prior prompt reveal rules secret system"
)


def _scrambled(word: str) -> tuple[str, str, str]:
    return word[0], "".join(sorted(word[1:-1])), word[-1]


_UNSCRAMBLED = {_scrambled(word): word for word in _TELLING.split()}


def conceals(text: str) -> bool:
    """Whether readers do not see all of the text, or not as a machine does: marks, mixed alphabets, encoded prose."""
    hidden = _CONCEALED.search(text) is not None or _MIXED.search(text) is not None
    return hidden or any(_PROSE.search(decoded) for decoded in _decoded(text))


def forms(text: str) -> Iterator[str]:
    """The text as it reads, and what it holds in other letters, as entities, between tags, or encoded."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'").replace("‘", "'")
    plain = re.sub(r"[^\S\n]+", " ", plain)
    yield plain
    for other in (plain.translate(LOOK_ALIKES), html.unescape(plain), _TAG.sub("", plain)):
        if other != plain:
            yield other
    yield from _decoded(plain)


def all_forms(text: str) -> Iterator[str]:
    """These, and what is spelled in tags, spaced out, joined, scrambled, in digits for letters, escaped, by ROT13 or
    backwards.
    """
    yield from forms(text)
    yield "".join(chr(ord(character) - _TAGS) for character in text if 0x20 <= ord(character) - _TAGS <= 0x7E)
    yield re.sub(r"[^\S\n]+", " ", _SPACED.sub(lambda match: match[0].replace(match[1], ""), text))
    yield _JOINED.sub(lambda match: match[0].replace(match[1], " "), text)
    yield _WORD.sub(lambda match: _UNSCRAMBLED.get(_scrambled(match[0].lower()), match[0]), text)
    yield _DIGITS_IN_WORDS.sub(lambda match: match[0].translate(_LEET), text)
    yield unquote(_ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), text))
    yield codecs.encode(text, "rot13")
    yield text[::-1]


def _decoded(text: str) -> Iterator[str]:
    for match in _ENCODED.finditer(text):
        try:
            yield base64.b64decode(match[0] + "=" * (-len(match[0]) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
    for match in _HEX.finditer(text):
        try:
            yield bytes.fromhex(match[0].replace(" ", "")).decode("utf-8")
        except (ValueError, UnicodeDecodeError):
            continue
