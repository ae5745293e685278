"""What a text wants of its reader: to follow links, or to hand over a secret. Pure; the words are English."""

import re
from collections.abc import Sequence
from itertools import islice

from rag_flywheel.domain.sentences import sentences
from rag_flywheel.domain.stand_ins import unnumbered

_DISGUISED = re.compile(r" ?(?:\[\.\]|\(\.\)|\[dot\]|\(dot\)| dot ) ?", re.IGNORECASE)
_PATH = r"[^\s<>()\[\]\"'`|]"
_ENDS = "com|org|net|info|biz|ru|xyz|top|site|online|click|link|shop"  # of addresses that stand without a scheme
_LINK = re.compile(
    rf"(?:\b(?:https?|hxxps?|ftp)://|\bwww\.){_PATH}+"
    rf"|(?<![@\w.-])[a-z0-9-]{{1,63}}(?:\.[a-z0-9-]{{1,63}}){{0,4}}\.(?:{_ENDS})\b(?:/{_PATH}*)?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{1,253}")
_TOKEN = re.compile(r"<[A-Z_]+>|[^\W_]+(?:['’-][^\W_]+)*")

_GIVING = "send email e-mail mail text tell give share forward provide supply submit hand dictate read post disclose"
_ANSWERING = frozenset({"reply", "replying", "respond", "responding", "dm", "message", "texting"})
_TYPING = "enter type input confirm verify fill paste put"
_SECRETS = "password passwords passcode passphrase pin pins credentials otp cvv cvc login logins ssn"
_SECRET_PAIRS = """
one-time.code one-time.password time.code verification.code security.code access.code sms.code login.code card.number
card.details credit.card debit.card bank.details account.number api.key private.key secret.key access.token api.token
recovery.phrase seed.phrase social.security login.details backup.codes six-digit.code 6-digit.code
"""
_PEOPLE = """
us me him her them support agent agents team operator staff technician helpdesk desk representative moderator hotline
colleague engineer admin administrator whatsapp telegram chat reply <EMAIL_ADDRESS> <PHONE_NUMBER>
"""
_GIVES, _TYPES = frozenset(_GIVING.split()), frozenset(_TYPING.split())
_SECRET = frozenset(_SECRETS.split())
_SECRET_PAIR = frozenset(_SECRET_PAIRS.split())
_TAKERS = frozenset(_PEOPLE.split())
_TOWARDS = frozenset({"to", "at", "on", "via", "through", "under", "visit", "open", "link", "page", "site", "website"})
_READER = frozenset({"you", "your", "you'll", "you've", "yours", "us", "our", "me", "my"})
_REFUSALS = """
not never no don't won't shouldn't can't cannot mustn't doesn't don’t won’t shouldn’t can’t mustn’t doesn’t
"""
_REFUSING = frozenset(_REFUSALS.split())
_ASKING = frozenset({"ask", "asks", "asked", "asking", "request", "requests", "need", "needs", "require", "requires"})
_NEARBY = 3  # words before a verb within which "never" and "do not" belong to it
_WORDS = 300  # of a sentence that are looked at


def links(text: str) -> frozenset[str]:
    """The links of a text, also disguised ones, without differences of case and of what may end a sentence."""
    plain = _DISGUISED.sub(".", " ".join(text.split()))
    found = (match[0].casefold().rstrip(".,;:!?*_") for match in _LINK.finditer(plain))
    return frozenset(
        link.replace("hxxp", "http", 1).split("://")[-1].removeprefix("www.").rstrip("/") for link in found
    )


def asks_for_secrets(text: str) -> bool:
    """Whether a sentence wants the reader to hand a password, a code, a card or a token to somebody.

    To set, change or type one is no such thing, unless it is to be typed behind a link; nor is the advice never to.
    """
    plain = _ADDRESS.sub(" <EMAIL_ADDRESS> ", _LINK.sub(" <LINK> ", unnumbered(text)))
    return any(_asks(sentence) for sentence in sentences(plain))


def _asks(sentence: str) -> bool:
    found = (match[0] for match in islice(_TOKEN.finditer(sentence), _WORDS))
    words = [word if word.startswith("<") else word.casefold() for word in found]
    secrets = [at for at, word in enumerate(words) if word in _SECRET or ".".join(words[at : at + 2]) in _SECRET_PAIR]
    if not secrets or not _READER & set(words):
        return False
    behind_links = [at for at, word in enumerate(words) if word == "<LINK>" and at and words[at - 1] in _TOWARDS]
    takers = [at for at, word in enumerate(words) if word in _TAKERS] + behind_links
    answered = bool(_ANSWERING & set(words))
    for at, verb in enumerate(words):
        handed = verb in _GIVES and any(taker > at for taker in takers)
        typed = verb in _TYPES and (bool(behind_links) or answered)
        told = verb in _ANSWERING and any(secret > at for secret in secrets)
        if (handed or typed or told) and not _refused(words[:at]):
            return True
    return False


def _refused(before: Sequence[str]) -> bool:
    """Whether the words before a verb say not to do it, or that nobody asks for it."""
    refusals = [at for at, word in enumerate(before) if word in _REFUSING]
    return bool(refusals) and (refusals[-1] >= len(before) - _NEARBY or bool(_ASKING & set(before[refusals[-1] :])))
