"""Texts as they may have been hidden: in other letters, encoded, spaced out, misspelled, between tags.

Of words with their inner letters in another order people and language models read the right ones, and so does a rule.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import unquote

from eval.guardrails.wordlists import LETTERS, LOOK_ALIKES

# Another sign, or two, stand between two words that are spaced out.
_SPACED = re.compile(r"(?<!\w)\w([ .\-_*/])\w(?!\w)(?:\1\w(?!\w))+")
_JOINED = re.compile(r"\b[^\W_]{1,20}([/_.+|~-])[^\W_]{1,20}(?:\1[^\W_]{1,20}){2,}")  # words with signs as spaces
_ENCODED = re.compile(r"(?<![\w+/=])(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2,3}={0,2})?(?![\w+/])")
_HEX = re.compile(r"\b(?:[0-9a-fA-F]{2}[ ]?){16,}\b")
_WITH_DIGITS = re.compile(r"[A-Za-z013457@$]+")
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
_BLANKS = re.compile(r"[^\S\n]+")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)  # is shown as it is
_HIDDEN_STYLE = re.compile(
    r"style\s*=\s*[\"'][^\"'\n]{0,100}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*[01](?![.\d])"
    r"|opacity\s*:\s*0(?![.\d])|color\s*:\s*(?:white|#fff)|(?:left|top|text-indent)\s*:\s*-\d{3,})[^>\n]{0,200}>[^<\n]*\w"
    r"|<\w+[^>\n]{0,80}\shidden(?=[\s>=])[^>\n]{0,60}>[^<\n]*\w",
    re.IGNORECASE,
)
_MARKUP = re.compile(  # what a browser runs, loads or does not show
    r"<!--[^>]{0,400}\w[ ]+\w|<(?:script|iframe|img|embed)\s[^>\n]{0,200}\bsrc\s*=|</script|^\s{0,3}\[//\]: "
    r"|<\w+\s[^>\n]{0,200}\bon[a-z]{4,12}\s*=\s*[\"']?\w",
    re.IGNORECASE | re.MULTILINE,
)
_PROSE = re.compile(r"(?:[A-Za-z']{1,15}[ ,.;:]+){4,}")


def _lettered(match: re.Match[str]) -> str:
    word = match[0]
    return word.translate(_LEET) if any(map(str.isalpha, word)) else word


def conceals(text: str, *, everywhere: bool) -> bool:
    """Whether readers do not see all of the text, or not as a machine does: styles that hide, outside of code, and,
    where asked `everywhere`, other markup, marks that do not show, mixed alphabets, and encoded prose.
    """
    prose = _CODE.sub("", text) if "<" in text else text
    hidden = "<" in prose and _HIDDEN_STYLE.search(prose) is not None
    if hidden or not everywhere:
        return hidden
    # A slip of the keyboard puts one Latin letter into a Cyrillic word; who disguises a Latin word keeps some of it.
    mixed = any(3 * sum(map(str.isascii, found[0])) >= len(found[0]) for found in _MIXED.finditer(text))
    odd = mixed or _CONCEALED.search(text) is not None or _MARKUP.search(prose) is not None
    return odd or any(_PROSE.search(decoded) for decoded in _decoded(text))


def forms(text: str) -> Iterator[str]:
    """The text as it reads, and what it holds in other letters, as entities, between tags, or encoded."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'").replace("‘", "'")
    plain = _BLANKS.sub(" ", plain)
    yield plain
    for reveal in READ.values():
        yield from reveal(plain)


def all_forms(text: str) -> Iterator[str]:
    """These, and what it holds as nobody writes who wants to be read: see SPELLED."""
    yield from forms(text)
    for reveal in SPELLED.values():
        yield reveal(text)


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


READ: Mapping[str, Callable[[str], Iterable[str]]] = {
    "look-alike letters": lambda text: [] if text.isascii() else [text.translate(LOOK_ALIKES)],
    "entities": lambda text: [html.unescape(text)] if "&" in text else [],
    "between tags": lambda text: [_TAG.sub("", text)] if "<" in text else [],
    "encoded": _decoded,
}
"""What reveals a disguise that any text is searched for."""
SPELLED: Mapping[str, Callable[[str], str]] = {
    "spaced out": lambda text: _BLANKS.sub(" ", _SPACED.sub(lambda match: match[0].replace(match[1], ""), text)),
    "joined": lambda text: _JOINED.sub(lambda match: match[0].replace(match[1], " "), text),
    "digits for letters": lambda text: _WITH_DIGITS.sub(_lettered, text),
    "escaped": lambda text: unquote(_ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), text)),
    "ROT13": lambda text: codecs.encode(text, "rot13"),
    "backwards": lambda text: text[::-1],
}
"""What reveals a disguise that only people's own texts are searched for."""
