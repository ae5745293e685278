"""Presidio recognisers that need no language model: each carries its context in its own pattern.

Presidio raises a weak match when a context word stands near it, which needs lemmas from a spaCy model. Here the context
is a look-behind instead (the `regex` package allows any length), so that a match is either sure enough or none. What
manuals are full of (model, order and serial numbers, versions, addresses of routers) is left alone. Importing this
module takes seconds, since Presidio imports transformers where it is installed.
"""

import ipaddress
from collections.abc import Iterator, Sequence

import phonenumbers
import regex  # type: ignore[import-untyped]
from presidio_analyzer import EntityRecognizer, LocalRecognizer, Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    CryptoRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    UsSsnRecognizer,
)

from rag_flywheel.adapters.privacy.names import NAME_PATTERNS, SURE

LIKELY = 0.6


class EmailAddress(EmailRecognizer):
    """An e-mail address whose last label is letters; that it be a public suffix is not asked.

    Presidio asks tldextract, which fetches the suffix list at first use and would let `ann@mail.corp` pass.
    """

    def validate_result(self, pattern_text: str) -> bool:
        last = pattern_text.rpartition(".")[2]
        return len(last) >= 2 and last.replace("-", "").isalnum() and last[0].isalpha()


class PublicIpAddress(IpRecognizer):
    """An address that could lead to a person: not a private, loopback or multicast one, no netmask, no version."""

    VERSION = regex.compile(
        r"(?:\b(?:v|ver|version|firmware|release|build|software|driver|update|upgrade|section|chapter|clause|table|figure)"
        r"s?\b[\s.:#]*(?:\w+[\s:]+){0,2}|[\w.]-|[vV§])$",
        regex.IGNORECASE,
    )
    NETWORKS = tuple(ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))

    def analyze(
        self,
        text: str,
        entities: list[str],
        nlp_artifacts: NlpArtifacts | None = None,
        regex_flags: int | None = None,
    ) -> list[RecognizerResult]:
        found = super().analyze(text, entities, nlp_artifacts, regex_flags)
        return [result for result in found if not self.VERSION.search(text[max(0, result.start - 40) : result.start])]

    def invalidate_result(self, pattern_text: str) -> bool:
        try:
            address = ipaddress.ip_interface(pattern_text.partition("%")[0]).ip
        except ValueError:
            return True
        special = address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local
        if address.version == 4:
            # A netmask, or one-digit numbers alone, which are nearly always a version or a section.
            special |= address.packed[0] in (0, 255) or max(address.packed) < 10
        return special or any(address in network for network in self.NETWORKS)


class PhoneNumber(LocalRecognizer):
    """A telephone number: one in international form, one in North American form, or digits that are called one.

    A freephone number is no personal data: it belongs to an organisation, and a manual's readers need it.
    """

    DIGITS = regex.compile(
        r"(?<![\w.,/#-])(?:\+|00)?\(?\d(?:[ \u00a0().\-/]{0,3}\d){5,16}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w%]|[.,]\d)"
    )
    NORTH_AMERICAN = regex.compile(
        r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\)[ ]?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?:\s?(?:x|ext\.?)\s?\d+)?"
    )
    AREA_CODE = regex.compile(r"\(0\d{1,4}\)[ ]?\d{3,4}[ -]?\d{3,4}")
    CALLED_SO_BEFORE = regex.compile(
        r"\b(?:tele?phones?|phones?|tel|mobiles?|cell(?:phone|ular)?s?|fax|call(?:ing)?|dial|ring|text(?:ed)?|sms|whatsapp"
        r"|reach(?:ed)?|landline|voicemail|hotline|contact|desk|office|home|work|answer(?:ing)?|registered"
        r"|(?:my|his|her|their|our|your|the|this|that|new|old|['’]s) number)\b"
        r"(?:[^\n\d<>]|<[A-Z_]+>){0,25}\n?[^\n\d<>]{0,6}$",
        regex.IGNORECASE,
    )
    CALLED_SO_AFTER = regex.compile(
        r"[ \t]{0,3}[(\[]?(?:office|fax|mobile|cell|home|work|desk|phone|direct)\b", regex.IGNORECASE
    )
    SOMETHING_ELSE = regex.compile(
        r"\b(?:model|serial|part|order|item|sku|isbn|issn|doi|version|firmware|card|account|acct|iban|routing|invoice"
        r"|ticket|case|reference|ref|tracking|tax|pan|passport|licen[cs]e|ssn|id|zip|postcode|code|pin|error|years?)\b"
        r"[^\n\d]{0,20}$",
        regex.IGNORECASE,
    )
    UNIT = regex.compile(
        r"[ \u00a0]?(?:ohms?|Ω|[kMG]?Hz|m?[VAW]|k[WV]|mm|cm|km|kg|lbs?|psi|bar|rpm|dpi|pixels?|px|bytes?"
        r"|[kKMGT]i?B|hours?|°)\b"
    )
    DATE = regex.compile(
        r"(?:(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])"
        r"|(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:(?:19|20)\d\d|\d\d))(?: \d\d?)?"
        r"|(?:19|20)\d\d\s?[-/]\s?(?:19|20)\d\d"
    )
    FREE = frozenset(
        (
            phonenumbers.PhoneNumberType.TOLL_FREE,
            phonenumbers.PhoneNumberType.UAN,
            phonenumbers.PhoneNumberType.SHARED_COST,
        )
    )

    def __init__(self) -> None:
        super().__init__(supported_entities=["PHONE_NUMBER"], name="PhoneNumber")

    def load(self) -> None:
        """Nothing to load: the numbering plans come with phonenumbers."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        return [
            RecognizerResult(entity_type="PHONE_NUMBER", start=match.start(), end=match.end(), score=score)
            for match in self.DIGITS.finditer(text)
            if (score := self._score(text, match.start(), match.end()))
        ]

    def _score(self, text: str, start: int, end: int) -> float:
        found = text[start:end]
        if self.DATE.fullmatch(found) or self._freephone(found):
            return 0.0
        if found.startswith(("+", "00")) and self._possible(found if found[0] == "+" else "+" + found[2:]):
            return SURE
        before = text[max(0, start - 60) : start]
        if self.SOMETHING_ELSE.search(before) or self.UNIT.match(text, end):
            return 0.0
        if self.NORTH_AMERICAN.fullmatch(found) or self.AREA_CODE.fullmatch(found):
            return LIKELY
        digits = sum(character.isdigit() for character in found)
        called_so = self.CALLED_SO_BEFORE.search(before) or self.CALLED_SO_AFTER.match(text, end)
        return SURE if called_so and 7 <= digits <= 15 else 0.0

    @staticmethod
    def _possible(number: str) -> bool:
        try:
            return bool(phonenumbers.is_possible_number(phonenumbers.parse(number.replace("(0)", ""), None)))
        except phonenumbers.NumberParseException:
            return False

    def _freephone(self, number: str) -> bool:
        if regex.match(r"(?:00|0)80[08][ -]?\d", number):  # in most of Europe, Africa and Oceania
            return True
        try:
            return phonenumbers.number_type(phonenumbers.parse(number, "US")) in self.FREE
        except phonenumbers.NumberParseException:
            return False


class PaymentCard(CreditCardRecognizer):
    """A payment card number that stands alone: a known issuer's prefix, 13 to 19 digits, a valid Luhn digit."""

    NUMBER = (
        r"(?<![\w.+-])(?:4\d{3}|5\d{3}|2[2-7]\d{2}|6\d{3}|3\d{3}|1800|2131)(?:[- ]?\d{3,6}){2}(?:[- ]?\d{1,5})?"
        r"(?![\w-]|\.\d)"
    )

    def __init__(self) -> None:
        super().__init__(patterns=[Pattern("known issuer", self.NUMBER, LIKELY)])

    def validate_result(self, pattern_text: str) -> bool:
        return 13 <= sum(map(str.isdigit, pattern_text)) <= 19 and bool(super().validate_result(pattern_text))


class SocialSecurityNumber(UsSsnRecognizer):
    """A US social security number that stands alone: three groups with hyphens, in a range that is given out."""

    def __init__(self) -> None:
        super().__init__(patterns=[Pattern("three groups", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", LIKELY)])


# --- numbers that are called by their name ----------------------------------------------------------------------------

_QUOTE = r"[\"'`“‘]?"

SSN_PATTERNS = (
    Pattern(
        "called so",
        r"\b(?:ssns?|social security)\b[^\n\d]{0,25}?\K(?<![\w-])(?:\d{9}|[\dX*]{3}([- .])[\dX*]{2}\1[\dX*]{4})(?!\w)",
        SURE,
    ),
)
CARD_PATTERNS = (
    Pattern(
        "called so",
        r"\b(?:cards?|visa|mastercard|amex|cc)\b[^\n\d]{0,30}?\K(?<![\w-])"
        r"(?:\d{4}[- ]?(?:\d{3,6}[- ]?){2}\d{0,7}|\d{4}[- ]?[Xx*]{4,8}[- ]?(?:[\dXx*]{4}[- ]?)?\d{4})(?![\w-])",
        SURE,
    ),
)
IBAN_PATTERNS = (
    Pattern(
        "called so",
        r"\b(?i:iban)\b[^\n\d]{0,20}?\K\b(?:[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){8,30}|(?i:[A-Z]{2}\d{2}[A-Z0-9]{8,30}))\b",
        SURE,
    ),
)
# Luhn lets a tenth of all serial numbers pass, so a US DEA certificate number must be called one.
MEDICAL_PATTERNS = (
    Pattern(
        "called so",
        r"\b(?:dea|medical|prescriber|practitioner|certificate)\b[^\n\d]{0,30}?\K\b[a-hj-mpr-ux][a-z9]\d{7}\b",
        SURE,
    ),
)
ID_PATTERNS = (
    Pattern(
        "called so",
        r"\b(?:passport|driver(?:['’]?s)?['’]? licen[cs]e|driving licen[cs]e|licen[cs]e (?=plate|number|no)(?:plate)?"
        r"|(?:bank|checking|savings) account|accounts?|acct|acc|accnum|routing|sort code|tax id(?:entification)?"
        r"|taxpayer id|tin|itin|ein|pan|aadhaa?r|voter id|national id|patient|mrn|medical record|medical file"
        r"|insurance(?: policy)?|policy|(?:employee|member|staff|student|customer|client|user) id|(?<!\w )id(?= number)"
        r"|dl|nhs)\b(?:[ \t]*(?:card|id|identification|numbers?|no\.?|num|code|details))*"
        r"[ \t]*(?:is|was|ending (?:in|with))?[ \t]*[:=#]?[ \t]*[\"'`“‘(#*]*\K(?<!\w)"
        r"(?=(?:[A-Z-]*\d){4}|(?=[A-Z\d-]{8})(?:[A-Z-]*\d){2})[A-Z\d](?:[A-Z\d-]|[ ](?=\d{3,})){3,24}\b",
        LIKELY,
    ),
)
# A default password is part of a manual and protects nobody.
SECRET_PATTERNS = (
    Pattern(
        "called so",
        r"\b(?<!\b(?i:default|initial|factory|preset|example) )(?i:passwords?|passwd|pwd|passphrase|passcode|secret"
        r"|api[ _-]?key|access[ _-]?key|auth[ _-]?token|token)(?:[ \t]*[:=][ \t]*|[ \t](?:is|was)[ \t]*:?[ \t]*|[ \t]+)"
        rf"{_QUOTE}\K(?<!\w)(?=[^\s<>]*[\d!@#$%^&*?_])(?!\S*<)[^\s<>\"'`“”‘’]{{5,}}(?<![.,;:)])",
        SURE,
    ),
    Pattern(
        "called so and quoted",
        r"\b(?i:passwords?|passphrase)(?i:[ \t]*[:=][ \t]*|[ \t](?:is|was)?[ \t]*)'\K"
        r"(?=[^'\n]*[\d!@#$%^&*])[^'\n<>]{5,40}(?=')",
        SURE,
    ),
    Pattern(
        "after an address",
        r"(?:@[\w.-]+|<EMAIL_ADDRESS>)['’]?[ \t]/[ \t]\K(?=\S*[\d!@#$%^&*])[^\s<>/\"'`]{6,}(?<![.,;:)])",
        SURE,
    ),
    Pattern(
        "well-known key",
        r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{36,}|AKIA[0-9A-Z]{16}|xox[abpr]-[A-Za-z0-9-]{10,}"
        r"|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})",
        SURE,
    ),
    Pattern("private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----", SURE),
)


def recognizers() -> Iterator[EntityRecognizer]:
    """Every recogniser of ours; more than one may speak for one entity."""
    yield EmailAddress()
    yield PublicIpAddress()
    yield PhoneNumber()
    yield CryptoRecognizer()
    yield PaymentCard()
    yield _in_context("CREDIT_CARD", CARD_PATTERNS)
    yield IbanRecognizer()
    yield _in_context("IBAN_CODE", IBAN_PATTERNS, cased=True)
    yield SocialSecurityNumber()
    yield _in_context("US_SSN", SSN_PATTERNS)
    yield _in_context("MEDICAL_LICENSE", MEDICAL_PATTERNS)
    yield _in_context("ID_NUMBER", ID_PATTERNS)
    yield _in_context("SECRET", SECRET_PATTERNS, cased=True)
    yield _in_context("PERSON", NAME_PATTERNS, cased=True)


def _in_context(entity: str, patterns: Sequence[Pattern], *, cased: bool = False) -> PatternRecognizer:
    """Presidio ignores case unless told otherwise, which a name cannot afford."""
    flags = regex.MULTILINE if cased else regex.MULTILINE | regex.IGNORECASE
    return PatternRecognizer(entity, name=f"{entity} in context", patterns=list(patterns), global_regex_flags=flags)
