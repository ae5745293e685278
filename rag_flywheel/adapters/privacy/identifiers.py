"""Numbers that stand for a person: cards, accounts, national and other ids.

A check digit alone proves little, since a tenth of all serial numbers have a right one. In documents a number must
also be called what it is, or be written as only a card is.
"""

import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType

import regex
from stdnum import iban, luhn
from stdnum.us import ssn

from rag_flywheel.adapters.privacy.contacts import SOMETHING_ELSE
from rag_flywheel.adapters.privacy.spans import LIKELY, SURE, Span, matches

# --- payment cards ----------------------------------------------------------------------------------------------------

_CARD = regex.compile(
    r"(?<![\w.+-])(?:"
    r"(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|4[4-9]\d|5\d\d|2\d\d)|35[2-8]\d)([ -]?)\d{4}\1\d{4}\1\d{4}(?:\1?\d{3})?"
    r"|3[47]\d\d([ -]?)\d{6}\2\d{5}|3(?:0[0-5]|[68]\d)\d([ -]?)\d{6}\3\d{4}|4\d{12}"
    r")(?![\w-]|\.\d)"
)
_ABOUT_CARDS = regex.compile(
    r"\b(?:cards?|visa|master ?card|amex|american express|credit|debit|discover|diners|jcb|cc|pan|charged?|paid|payment"
    r"|cvv|cvc|expir\w{1,6})\b",
    regex.IGNORECASE,
)
_FOR_TESTS = regex.compile(r"\b(?:tests?|testing|sandbox|sample|dummy|fake|example)\b", regex.IGNORECASE)
_CALLED_CARD = regex.compile(
    r"\b(?:cards?|visa|mastercard|amex|cc)\b[^\n\d<>]{0,30}\K(?<![\w-])"
    r"(?:\d{4}[- ]?(?:\d{3,6}[- ]?){2}\d{0,7}|\d{4}[- ]?[Xx*]{4,12}[- ]?(?:[\dXx*]{4}[- ]?)?\d{4})(?![\w-])",
    regex.IGNORECASE,
)
_AROUND = 100  # characters on each side that may say what a number is


def cards(text: str) -> Iterator[Span]:
    """Numbers with the prefix, length and check digit of an issuer, unless they are called something else."""
    for match in _CARD.finditer(text):
        before = regex.sub(r"(?i)\bcards?\b", "", text[max(0, match.start() - 30) : match.start()])
        valid = luhn.is_valid(regex.sub(r"\D", "", match.group()))
        if valid and not SOMETHING_ELSE.search(before) and not _is_for_tests(text, match.start()):
            yield Span(match.start(), match.end(), SURE)


def cards_beyond_doubt(text: str) -> Iterator[Span]:
    """Those among them that are written in groups as on a card, or stand where cards are spoken of."""
    for span in cards(text):
        around = text[max(0, span.start - _AROUND) : span.start] + " " + text[span.end : span.end + _AROUND]
        if not text[span.start : span.end].isdigit() or _ABOUT_CARDS.search(around):
            yield span


def cards_called_so(text: str) -> Iterator[Span]:
    """What is called a card and has its length, some of it crossed out, or a digit mistyped."""
    for match in _CALLED_CARD.finditer(text):
        if not _is_for_tests(text, match.start()):
            yield Span(match.start(), match.end(), LIKELY)


def _is_for_tests(text: str, start: int) -> bool:
    return bool(_FOR_TESTS.search(text[max(0, start - 60) : start]))


# --- bank accounts ----------------------------------------------------------------------------------------------------

_IBAN = regex.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}(?![A-Za-z0-9])")
ibans_called_so = matches(
    r"\b(?i:iban)\b[^\n\d<>]{0,20}?\K\b(?:[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){8,30}|(?i:[A-Z]{2}\d{2}[A-Z0-9]{8,30}))\b", SURE
)


def ibans(text: str) -> Iterator[Span]:
    """Account numbers with the length and the check digits of their country (ISO 13616)."""
    for match in _IBAN.finditer(text):
        found = match.group()
        ends = [len(found), *(gap.start() for gap in regex.finditer(r"[ -]", found, overlapped=True))]
        end = next((end for end in sorted(ends, reverse=True) if iban.is_valid(found[:end])), None)
        if end is not None:
            yield Span(match.start(), match.start() + end, SURE)


_BANK_CALLED_SO = tuple(
    matches(rf"\b(?:{called})\b[^\n\d<>]{{0,{within}}}?\K(?<![\w-])(?:{number})(?![\w-])", LIKELY, ignore_case=True)
    for called, within, number in (
        (r"sort[ -]?code", 15, r"\d\d([ -]?)\d\d\1\d\d"),  # GB
        (r"bsb", 15, r"\d{3}[ -]?\d{3}"),  # AU
        (r"clabe", 15, r"\d{18}"),  # MX
        (r"ifsc", 12, r"[a-z]{4}[a-z0-9]{6}\d"),  # IN
        (r"ibans?|account|acct|routing|wire", 30, r"[a-z]{2}\d{5,30}"),  # the beginning of one
        (r"(?:ibans?|account|acct|routing|card)\b[^\n\d<>]{0,20}\bending (?:in|with)", 3, r"[*x#•.…]{0,12}\d{3,6}"),
    )
)
_ROUTING = regex.compile(
    r"\b(?:aba|routing|rtn|transit)\b[^\n\d<>]{0,40}?\K(?<![\w-])\d{4}[ -]?\d{4}[ -]?\d(?![\w-])", regex.IGNORECASE
)


def bank_numbers(text: str) -> Iterator[Span]:
    """Numbers of banks and accounts that are called so, in the form of their country; of routing numbers those that
    have the right check digit (US).
    """
    for find in _BANK_CALLED_SO:
        yield from find(text)
    for match in _ROUTING.finditer(text):
        if _kind("us.rtn").is_valid(regex.sub(r"\D", "", match.group())):
            yield Span(match.start(), match.end(), SURE)


# --- national ids -----------------------------------------------------------------------------------------------------

_US = "us.ssn"
_NATIONAL: Mapping[str, str] = {
    "ssn": _US,
    "social security": _US,
    "itin": "us.itin",
    "sin": "ca.sin",
    "social insurance": "ca.sin",
    "tfn": "au.tfn",
    "tax file": "au.tfn",
    "nhs": "gb.nhs",
    "aadhaar": "in_.aadhaar",
    "aadhar": "in_.aadhaar",
    "pan": "in_.pan",
    "dni": "es.dni",
    "nie": "es.nie",
    "codice fiscale": "it.codicefiscale",
    "nir": "fr.nir",
    "steuer-id": "de.idnr",
    "steueridentifikationsnummer": "de.idnr",
    "bsn": "nl.bsn",
    "burgerservicenummer": "nl.bsn",
    "rijksregisternummer": "be.nn",
    "ahv": "ch.ssn",
    "personnummer": "se.personnummer",
    "fødselsnummer": "no.fodselsnummer",
    "fodselsnummer": "no.fodselsnummer",
    "hetu": "fi.hetu",
    "henkilötunnus": "fi.hetu",
    "cpr": "dk.cpr",
    "pesel": "pl.pesel",
    "rodné číslo": "cz.rc",
    "cnp": "ro.cnp",
    "egn": "bg.egn",
    "oib": "hr.oib",
    "isikukood": "ee.ik",
    "asmens kodas": "lt.asmens",
    "amka": "gr.amka",
    "pps": "ie.pps",
    "cpf": "br.cpf",
    "curp": "mx.curp",
    "rut": "cl.rut",
    "nric": "my.nric",
    "kimlik": "tr.tckimlik",
}
_CALLED_NATIONAL = regex.compile(
    rf"(?<!\w)({'|'.join(sorted(map(regex.escape, _NATIONAL), key=len, reverse=True))})(?!\w)"
    r"(?:[ \t]?(?:card|id|numbers?|no\.?|nr\.?|#)){0,2}(?:[ \t](?:is|was|of \w{1,20}))?[ \t]?[:=#(|\"'`*]{0,4}[ \t]?"
    r"(?=[A-Z]{0,6}\d)([A-Z0-9](?:[ ./-]?[A-Z0-9]){6,24})(?!\w)",
    regex.IGNORECASE,
)
_SSN = regex.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")


def national_ids(text: str) -> Iterator[Span]:
    """Numbers that are called by the name of a national id and are valid as one."""
    return (span for kind, span in _called_national(text) if kind != _US)


def social_security_beyond_doubt(text: str) -> Iterator[Span]:
    """US social security numbers that are called so, in a range that is given out."""
    return (span for kind, span in _called_national(text) if kind == _US)


def _called_national(text: str) -> Iterator[tuple[str, Span]]:
    """Of each number its kind, as in _NATIONAL."""
    for match in _CALLED_NATIONAL.finditer(text):
        kind, found, start = _NATIONAL[match[1].lower()], match[2], match.start(2)
        ends = [len(found), *(gap.start() for gap in regex.finditer(r"[ ./-]", found))]
        end = next((end for end in sorted(ends, reverse=True) if _is_valid(kind, found[:end])), None)
        if end is not None:
            yield kind, Span(start, start + end, SURE)


def _is_valid(kind: str, number: str) -> bool:
    digits = regex.sub(r"\D", "", number)
    # 123-45-6789 is how one shows what such a number looks like
    return digits not in "01234567890123456789" and bool(_kind(kind).is_valid(number))


@cache
def _kind(name: str) -> ModuleType:
    return importlib.import_module(f"stdnum.{name}")


def social_security_numbers(text: str) -> Iterator[Span]:
    """Three groups with hyphens in a range that is given out (US)."""
    for match in _SSN.finditer(text):
        before = regex.sub(r"(?i)\b(?:ssn|tax|id)\b", "", text[max(0, match.start() - 30) : match.start()])
        if ssn.is_valid(match.group()) and not SOMETHING_ELSE.search(before):
            yield Span(match.start(), match.end(), LIKELY)


social_security_called_so = matches(
    r"\b(?:ssns?|social security)\b[^\n\d<>]{0,25}?\K(?<![\w-])(?:\d{9}|[\dX*]{3}([- .])[\dX*]{2}\1[\dX*]{4})(?!\w)",
    SURE,
    ignore_case=True,
)

# --- other ids --------------------------------------------------------------------------------------------------------

# Luhn lets a tenth of all serial numbers pass, so a US DEA certificate number must be called one.
medical_licences = matches(
    r"\b(?:dea|medical|prescriber|practitioner|certificate)\b[^\n\d<>]{0,30}?\K\b[a-hj-mpr-ux][a-z9]\d{7}\b",
    SURE,
    ignore_case=True,
)

_YEAR = regex.compile(r"(?:19|20)\d\d(?:[-/](?:\d\d){1,2})?")
_CALLED_ID = regex.compile(
    r"\b(?:passport|driver(?:['’]?s)?['’]? licen[cs]e|driving licen[cs]e|licen[cs]e (?=plate|number|no)(?:plate)?"
    r"|(?:bank|checking|savings) account|accounts?|acct|acc|accnum|routing|sort code|tax id(?:entification)?"
    r"|taxpayer id|tin|itin|ein|pan|aadhaa?r|voter id|national id|patient|mrn|medical record|medical file"
    r"|insurance(?: policy)?|policy|(?:employee|member|staff|student|customer|client|user) id|(?<!\w )id(?= number)"
    r"|(?<=\b(?:under|my|his|her|their|your|user['’]s|tribal|personal) )id(?= number)"
    r"|dl|nhs)\b((?:[ \t]?(?:card|id|identification|numbers?|no\.?|num|code|details)){0,3}"
    r"[ \t]?(?:is|was|like|ending (?:in|with))?[ \t]?[:=#]?[ \t]?[\"'`“‘(#*]{0,3})(?<!\w)"
    r"((?=(?:[A-Z-]{0,12}\d){4}|(?=[A-Z\d-]{8})(?:[A-Z-]{0,12}\d){2})[A-Z\d](?:[A-Z\d-]|[ ](?=\d{3,})){3,24})\b",
    regex.IGNORECASE,
)


def ids_called_so(text: str) -> Iterator[Span]:
    """Numbers of passports, licences, accounts, patients and so on; a year behind such a word is none."""
    for match in _CALLED_ID.finditer(text):
        if not _YEAR.fullmatch(match[2]) and (len(match[2]) > 4 or regex.search(r"\w", match[1])):
            yield Span(match.start(2), match.end(2), LIKELY)
