"""How a person is reached: e-mail addresses, IP addresses, telephone numbers and addresses of soldiers.

What standards set aside for documentation (RFC 2606, 3849, 5737 and the numbers 555-0100 to 555-0199) reaches nobody.
"""

import ipaddress
from collections.abc import Iterator

import phonenumbers
import regex

from rag_flywheel.adapters.privacy.spans import LIKELY, SURE, Span, matches

# --- e-mail -----------------------------------------------------------------------------------------------------------

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_AT = regex.compile(rf"@({_LABEL}(?:\.{_LABEL}){{0,7}}\.[^\W\d_][\w-]{{1,62}}(?<!-))")
_MAILBOX = regex.compile(r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]{1,64}\Z|[\w.+-]{64}\Z")
_BEFORE_A_MAILBOX = ".!#$%&'*+/=?^`{|}~-"
_RESERVED = regex.compile(r"(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost|local)$", regex.IGNORECASE)


def email_addresses(text: str) -> Iterator[Span]:
    """Addresses whose last label is a word; that it be a public suffix is not asked (`ann@mail.corp`)."""
    for match in _AT.finditer(text):
        near = max(0, match.start() - 64)
        mailbox = _MAILBOX.search(text[near : match.start()])
        if mailbox is None or _RESERVED.search(match[1]):
            continue
        name = mailbox.group().lstrip(_BEFORE_A_MAILBOX)
        if name and not name.endswith(".") and name != "git":  # git@host names no person
            yield Span(match.start() - len(name), match.end(), SURE)


# --- IP addresses -----------------------------------------------------------------------------------------------------

_IPV4 = regex.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)")
_IPV6 = regex.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_VERSION = regex.compile(
    r"(?:\b(?:v|ver|version|firmware|release|build|kernel|software|driver|update|upgrade|section|chapter|clause|table|figure)"
    r"s?\b[\s.:#]{0,3}(?:\w{1,20}[\s:]{1,2}){0,2}|[vV§])$",
    regex.IGNORECASE,
)
_CALLED_ADDRESS = regex.compile(r"\b(?:ip|ipv4|address|host|server|ping|client|from)\b[^\n\d]{0,20}$", regex.IGNORECASE)


def ip_addresses(text: str) -> Iterator[Span]:
    """Addresses in public use. Four small numbers are a version, unless they are called an address."""
    for match in _IPV4.finditer(text):
        try:
            address = ipaddress.IPv4Address(match.group())
        except ValueError:
            continue
        before = text[max(0, match.start() - 60) : match.start()]
        small = max(address.packed) < 64 and not _CALLED_ADDRESS.search(before)
        if address.is_global and not address.is_multicast and not small and not _VERSION.search(before):
            yield Span(match.start(), match.end(), LIKELY)
    for match in _IPV6.finditer(text):
        try:
            public = ipaddress.IPv6Address(match.group()).is_global
        except ValueError:
            continue
        if public:
            yield Span(match.start(), match.end(), LIKELY)


# --- telephone numbers ------------------------------------------------------------------------------------------------

_DIGITS = regex.compile(
    r"(?<![\w.,/#-])(?:\+|00)?\(?\d(?:[ \u00a0().\-/]{0,3}\d){5,16}(?:\s?(?:x|ext\.?)\s?\d{1,6})?(?![\w%]|[.,]\d)"
)
_AREA_IN_BRACKETS = regex.compile(
    r"(?:\+?1[ .-]?)?\((?:0\d{1,4}|[2-9]\d\d)\)[ ]?\d{3,4}[ .-]?\d{3,4}(?:\s?(?:x|ext).*)?"
)
# Set aside in North America alone, and there as the last seven digits.
_FICTION = regex.compile(r"(?:(?:(?:\+|00)?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]{0,2})?555[ .-]?01\d\d(?:\s?(?:x|ext).*)?")
_SET_APART = regex.compile(r"\d[^\d]+\d")
_CALLED_SO = regex.compile(
    r"\b(?:tele?phones?|phones?|tel|mobiles?|cell(?:phone|ular)?s?|fax|call(?:ing)?(?! for\b)|dial|ring|text(?:ed)?"
    r"|sms|whatsapp|reach(?:ed)?|landline|voicemail|hotline|contact|answer(?:s|ing)? at|registered"
    r"|(?:my|his|her|their|our|your|the|this|that|new|old|['’]s) number"
    r"|(?:desk|office|home|work)(?= ?(?:[:=]|at\b|on\b|number)))\b"
    r"[^\n\d<>]{0,25}\n?[^\n\d<>]{0,6}(?:<PHONE_NUMBER>[ ,;/]{0,3}(?:or|and)?[ ])?$",
    regex.IGNORECASE,
)
_CALLED_SO_AT_ONCE = regex.compile(
    r"\b(?:tele?phones?|phones?|tel|mobiles?|cell(?:phone)?|fax|call(?:ing)?|dial|ring|sms|whatsapp|landline|hotline"
    r"|desk|office|home|work|(?:my|his|her|their|our|your) number|(?:reach|text) (?:me|him|her|us|them))\b"
    r"(?: (?:numbers?|no\.?|nr\.?))?(?: (?:me|him|her|us|them))?(?: (?:is|was|at|on))?\s?[:=#(]{0,2}\s{0,2}$",
    regex.IGNORECASE,
)
_CALLED_SO_AFTER = regex.compile(
    r"[ \t]{0,3}[(\[]?(?:office|fax|mobile|cell|home|work|desk|phone|direct)\b(?=[ \t]*(?:[,;/|)\].\n]|$))",
    regex.IGNORECASE,
)
SOMETHING_ELSE = regex.compile(
    r"\b(?:model|serial|part|order|item|product|sku|isbn|issn|doi|version|firmware|card|account|acct|iban|routing"
    r"|invoice|ticket|case|reference|ref|tracking|tax|pan|passport|licen[cs]e|ssn|id|zip|postcode|code|pin|error|years?"
    r"|imei|iccid|timestamp|rows|records|bytes|lot|batch)\b[^\n\d]{0,20}$",
    regex.IGNORECASE,
)
_UNIT = regex.compile(
    r"[ \u00a0]?(?:ohms?|Ω|[kMG]?Hz|m?[VAW]|k[WV]|mm|cm|km|kg|lbs?|psi|bar|rpm|dpi|pixels?|px|bytes?"
    r"|[kKMGT]i?B|hours?|°)\b"
)
_DATE = regex.compile(
    r"(?:(?:19|20)\d\d[-./ ]?(?:0?[1-9]|1[0-2])[-./ ]?(?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:(?:19|20)\d\d|\d\d))(?: \d\d?)?"
    r"|(?:19|20)\d\d\s?[-/]\s?(?:19|20)\d\d|.*(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d).*"
)
_OF_ORGANISATIONS = frozenset(
    (
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.SHARED_COST,
    )
)


def phone_numbers(text: str) -> Iterator[Span]:
    """Numbers in international form, with the area code in brackets, or called a telephone number.

    Three groups of digits alone are as often the number of a part or an order. A freephone number is no personal data:
    it belongs to an organisation, and a manual's readers need it.
    """
    for match in _DIGITS.finditer(text):
        if score := _phone_score(text, match.start(), match.end()):
            yield Span(match.start(), match.end(), score)


def _phone_score(text: str, start: int, end: int) -> float:
    found = text[start:end]
    if _DATE.fullmatch(found) or _FICTION.fullmatch(found) or _freephone(found):
        return 0.0
    before, set_apart = text[max(0, start - 60) : start], _SET_APART.search(found)
    tightly = _CALLED_SO_AT_ONCE.search(before)
    called_so = tightly or (set_apart and (_CALLED_SO.search(before) or _CALLED_SO_AFTER.match(text, end)))
    if found[0] == "+" and _possible(found, strictly=not (set_apart or called_so)):
        return SURE
    if (not tightly and SOMETHING_ELSE.search(before)) or _UNIT.match(text, end):
        return 0.0
    if _AREA_IN_BRACKETS.fullmatch(found):
        return LIKELY
    return SURE if called_so and 7 <= sum(map(str.isdigit, found)) <= 15 else 0.0


def _possible(number: str, *, strictly: bool) -> bool:
    try:
        parsed = phonenumbers.parse(number.replace("(0)", ""), None)
    except phonenumbers.NumberParseException:
        return False
    if strictly and sum(map(str.isdigit, number)) < 11:  # +20240131
        return bool(phonenumbers.is_valid_number(parsed))
    return bool(phonenumbers.is_possible_number(parsed))


def _freephone(number: str) -> bool:
    if regex.match(r"(?:00|0)80[08][ -]?\d", number):  # in most of Europe, Africa and Oceania
        return True
    try:
        return phonenumbers.number_type(phonenumbers.parse(number, "US")) in _OF_ORGANISATIONS
    except phonenumbers.NumberParseException:
        return False


# --- military addresses -----------------------------------------------------------------------------------------------

military_addresses = matches(  # Postal Addressing Standards of the USPS, Publication 28, section 238
    r"\b(?:(?:PSC|CMR|UNIT)[ \t]\d{1,5},?[ \t]{1,3}BOX[ \t]\d{1,6}|(?:USS|USNS|USCGC)(?:[ \t][\w.'-]{1,30}){1,3})"
    r"\s{0,3},?\s{0,12}>?[ \t]{0,3}[ADF]PO,?[ \t]A[AEP],?[ \t]\d{5}(?:-\d{4})?\b",
    SURE,
    ignore_case=True,
)
