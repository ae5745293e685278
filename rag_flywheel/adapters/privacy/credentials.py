"""Passwords, keys and tokens: what opens a door. A mere word beside "password" is none; neither is an example."""

import base64
import binascii
import math
from collections import Counter
from collections.abc import Iterator

import regex

from rag_flywheel.adapters.privacy.spans import SURE, Span

# --- keys in a form that only keys have -------------------------------------------------------------------------------

_PREFIXES = (
    r"(?:AKIA|ASIA|ABIA)(?=[A-Z2-7]{16}(?![A-Za-z0-9]))",  # Amazon
    r"AIza(?=[\w-]{35})|ya29\.|GOCSPX-",  # Google
    r"gh[pousr]_|github_pat_|glpat-|gl(?:ptt|dt|rt)-",  # GitHub, GitLab
    r"sk-(?:ant-|proj-|or-|svcacct-)?(?:api\d\d-)?|hf_|gsk_|r8_|pplx-|xai-",  # language models
    r"(?:sk|rk)_live_|whsec_|sq0(?:atp|csp)-|shp(?:at|ca|pa|ss)_",  # payments and shops
    r"xox[abeoprs]-|xapp-|SG\.|key-(?=[0-9a-f]{32})|SK(?=[0-9a-f]{32})",  # messages
    r"npm_|pypi-|rubygems_|dckr_pat_|oy2(?=[a-z0-9]{43})",  # packages
    r"dop_v1_|hvs\.|hvb\.|tfp_|lin_api_|ntn_|secret_(?=\w{43})|PMAK-|glsa_|sntrys_|dp\.pt\.|AGE-SECRET-KEY-",
)
_TOKEN = regex.compile(rf"(?<![\w/+-])({'|'.join(_PREFIXES)})([\w+/.-]{{16,400}}={{0,2}})(?<![.-])")
_JWT = regex.compile(r"(?<![\w-])eyJ[\w-]{10,1000}\.(eyJ[\w-]{10,4000})\.([\w-]{20,1000})")
_IN_ORDER = "0123456789012345 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 9876543210"
_SAID_TO_BE_NONE = regex.compile(
    r"example|sample|dummy|fake|placeholder|change|your|test|insert|redacted|([xX*.0])\1{3}"
)
_MIXED = regex.compile(r"^(?=[^\d]{0,400}\d)(?=[^A-Za-z]{0,400}[A-Za-z])|^(?![a-z]+$)[A-Za-z]+$")  # not mere words
_ENTROPY = 3.0  # bits a character: 40 drawn letters and digits have about 4.8, 16 of them 3.8, a word less than 3


def tokens(text: str) -> Iterator[Span]:
    """Keys with an issuer's prefix, and signed JSON Web Tokens, that look drawn by chance."""
    for match in _TOKEN.finditer(text):
        if is_drawn(match[2]):
            yield Span(match.start(), match.end(), SURE)
    for match in _JWT.finditer(text):
        if is_drawn(match[2]) and not _is_example(match[1]):
            yield Span(match.start(), match.end(), SURE)


def is_drawn(value: str) -> bool:
    """Whether it has the disorder of a key: many different signs, none in order, and nothing that says otherwise."""
    if not _MIXED.search(value):
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    ordered = any(value[start : start + 5] in _IN_ORDER for start in range(len(value) - 4))
    return entropy >= _ENTROPY and not ordered and not _SAID_TO_BE_NONE.search(value.lower())


def _is_example(payload: str) -> bool:
    """Whether a JSON Web Token is that of jwt.io, which half of all manuals show."""
    try:
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except (ValueError, binascii.Error):
        return False
    return b"John Doe" in claims or b"1234567890" in claims or b"example" in claims


_PRIVATE_KEY = regex.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----((?:(?!-----)[\s\S]){0,20000}+)"
    r"(?:-----END [A-Z0-9 ]{0,40}-----)?"
)
_BASE64 = regex.compile(r"[A-Za-z0-9+/]{16,}")


def private_keys(text: str) -> Iterator[Span]:
    """Blocks that hold a private key, whole or cut off. It may span lines and is looked for in a text of any length."""
    for match in _PRIVATE_KEY.finditer(text):
        body = "".join(_BASE64.findall(match[1]))
        if len(body) >= 40 and is_drawn(body[64:400] or body):
            yield Span(match.start(), match.end(), SURE)


# --- what is called a key ---------------------------------------------------------------------------------------------

_WORDS = (
    r"(?:passwords?|passwd|pwd|passphrase|passcode|secrets?|api[ _-]?keys?|access[ _-]?keys?|secret[ _-]?keys?"
    r"|private[ _-]?keys?|token|credentials?|bearer)"
)
_GIVEN = regex.compile(
    rf"(?<![a-z])(?:{_WORDS})(?:[_-](?:id|key|value|hash))?[\"'`\]]{{0,2}}"
    r"(?:[ \t]?(?:[:=]|=>|:=)[ \t]?|(?<=bearer)[ \t])[\"'`“‘]?([^\s<>\"'`“”‘’,;]{6,400})(?<![.,;:)])",
    regex.IGNORECASE,
)
_SAID = regex.compile(
    r"\b(?<!\b(?:default|initial|factory|preset|example) )((?:my|his|her|our|their|the \w{1,20}['’]s) )?"
    r"(?:\w{1,20}[ _-])?(passwords?|passphrase|passcode|pin|api key|access key|token|secret)"
    r"[ \t](?:is|was)[ \t]?:?[ \t]?[\"'`“‘]?([^\s<>\"'`“”‘’]{4,100})(?<![.,;:)])",
    regex.IGNORECASE,
)
_QUOTED = regex.compile(
    r"\b(?<!\b(?:default|initial|factory|preset|example) )(?:passwords?|passphrase)"
    r"(?:[ \t]?[:=][ \t]?|[ \t](?:is |was )?)(['\"“‘`])([^'\"“”‘’`\n<>]{5,40})['\"”’`]",
    regex.IGNORECASE,
)
_BESIDE = regex.compile(
    r"(?:\b(?:passwords?|passphrase)|(?:@[\w.-]{3,60}|<EMAIL_ADDRESS>)['’]?[ \t]/)[ \t]"
    r"([^\s<>\"'`/]{7,60})(?<![.,;:)])",
    regex.IGNORECASE,
)
_IN_AN_ADDRESS = regex.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s:/@<>]{1,64}:([^\s:/@<>]{6,64})@", regex.IGNORECASE)
_CODE = regex.compile(r"[({\[]|://|::|->|^[$%/.~]|^(?:v?\d{1,8}[.:/-]?){1,8}$|^\w{1,60}(?:\.\w{1,60}){1,9}$")
_MARKS = frozenset("!@#$%^&*?+~=")


def drawn_keys(text: str) -> Iterator[Span]:
    """Values that are given to a key's name and are long enough, and in enough disorder, for a machine's key."""
    for match in _GIVEN.finditer(text):
        value = match[1].rstrip("=")
        if len(value) >= 20 and regex.fullmatch(r"[\w+/-]+", value) and is_drawn(value):
            yield Span(match.start(1), match.end(1), SURE)


def secrets_given(text: str) -> Iterator[Span]:
    """Passwords and keys that somebody tells: behind their name, in quotes, beside an address or within one.

    A default password is part of a manual and protects nobody.
    """
    for match in _GIVEN.finditer(text):
        before = text[max(0, match.start() - 12) : match.start()].lower().rstrip()
        if not before.endswith(("default", "initial", "factory", "preset", "example")) and _is_secret(match[1], 2):
            yield Span(match.start(1), match.end(1), SURE)
    for match in _SAID.finditer(text):
        if _is_secret(match[3], 2 if match[1] else 3) or (match[1] and regex.fullmatch(r"\d{4,12}", match[3])):
            yield Span(match.start(3), match.end(3), SURE)
    for match in _QUOTED.finditer(text):
        if _is_secret(match[2], 2):
            yield Span(match.start(2), match.end(2), SURE)
    for pattern, kinds in ((_BESIDE, 3), (_IN_AN_ADDRESS, 2)):
        for match in pattern.finditer(text):
            if _is_secret(match[1], kinds):
                yield Span(match.start(1), match.end(1), SURE)


def _is_secret(value: str, kinds: int) -> bool:
    """Whether people would choose it: letters with digits or marks, of `kinds` kinds (capitals are one) at least."""
    core = value.rstrip("!?*")  # the end of a sentence, or of what is printed bold
    has = (
        any(map(str.islower, core)),
        any(map(str.isupper, core)),
        any(map(str.isdigit, core)),
        not _MARKS.isdisjoint(core),
    )
    compound = "-" in core and not has[3]  # OAuth2-based, a UUID
    if compound or _CODE.search(core) or _SAID_TO_BE_NONE.search(core.lower()):
        return False
    return len(value) >= 5 and any(has[:2]) and any(has[2:]) and sum(has) >= kinds
