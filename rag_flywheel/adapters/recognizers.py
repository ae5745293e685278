"""Presidio recognisers that need no language model: each carries its context in its own pattern.

Presidio raises a weak match when a context word stands near it, which needs lemmas from a spaCy model. Here the context
is a look-behind instead (the `regex` package allows any length), so that a match is either sure enough or none. What
manuals are full of (model, order and serial numbers, versions, addresses of routers) is left alone. Importing this
module takes seconds, since Presidio imports transformers where it is installed.
"""

import ipaddress
from collections.abc import Iterator, Sequence

import phonenumbers
import regex
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

SURE = 0.85
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
        netmask = address.version == 4 and (address.packed[0] in (0, 255))
        return special or netmask or any(address in network for network in self.NETWORKS)


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
    CALLED_SO_BEFORE = regex.compile(
        r"\b(?:tele?phones?|phones?|tel|mobiles?|cell(?:phone|ular)?s?|fax|call(?:ing)?|dial|ring|text(?:ed)?|sms|whatsapp"
        r"|reach(?:ed)?|landline|voicemail|hotline|contact|desk|office|home|work|answer(?:ing)?|(?:my|his|her|their|our)"
        r" (?:new |old )?number)\b(?:[^\n\d<>]|<[A-Z_]+>){0,25}\n?[^\n\d<>]{0,6}$",
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
        if self.SOMETHING_ELSE.search(before):
            return 0.0
        if self.NORTH_AMERICAN.fullmatch(found):
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
        try:
            parsed = phonenumbers.parse(number, "US")
        except phonenumbers.NumberParseException:
            return False
        return phonenumbers.number_type(parsed) in self.FREE


class PaymentCard(CreditCardRecognizer):
    """A payment card number that stands alone: a known issuer's prefix, 13 to 19 digits, a valid Luhn digit."""

    PATTERNS = (
        Pattern(
            "known issuer",
            r"(?<![\w.+-])(?:4\d{3}|5\d{3}|2[2-7]\d{2}|6\d{3}|3\d{3}|1800|2131)(?:[- ]?\d{3,6}){2}(?:[- ]?\d{1,5})?(?![\w-]|\.\d)",
            LIKELY,
        ),
    )

    def __init__(self) -> None:
        super().__init__(patterns=list(self.PATTERNS))

    def validate_result(self, pattern_text: str) -> bool:
        return 13 <= sum(map(str.isdigit, pattern_text)) <= 19 and bool(super().validate_result(pattern_text))


class SocialSecurityNumber(UsSsnRecognizer):
    """A US social security number that stands alone: three groups with hyphens, in a range that is given out."""

    PATTERNS = (Pattern("three groups", r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", LIKELY),)

    def __init__(self) -> None:
        super().__init__(patterns=list(self.PATTERNS))


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
IBAN_PATTERNS = (Pattern("called so", r"\b(?i:iban)\b[^\n\d]{0,20}?\K\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){8,30}\b", SURE),)
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
        r"\b(?:passport|driver(?:['’]?s)?['’]? licen[cs]e|driving licen[cs]e|licen[cs]e (?=(?:plate|number|no))(?:plate)?"
        r"|(?:bank|checking|savings) account|accounts?|acct|acc|accnum|routing|sort code|tax id(?:entification)?|taxpayer id|tin|itin"
        r"|ein|pan|aadhaa?r|voter id|national id|patient|mrn|medical record|medical file|insurance(?: policy)?|policy"
        r"|(?:employee|member|staff|student|tribal|customer|client|user) id|(?<!\w )id(?= number)|dl|nhs)\b"
        r"(?:[ \t]*(?:card|id|identification|numbers?|no\.?|num|code|details))*[ \t]*(?:is|was|ending (?:in|with))?[ \t]*[:=#]?"
        r"[ \t]*[\"'`“‘(#*]*\K(?<!\w)"
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
        r"\b(?i:passwords?|passphrase)(?i:[ \t]*[:=][ \t]*|[ \t](?:is|was)?[ \t]*)'\K(?=[^'\n]*[\d!@#$%^&*])[^'\n<>]{5,40}(?=')",
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


# --- names ----------------------------------------------------------------------------------------------------------
# Encyclopaedias and manuals speak of people and things in the third person, private texts of "my" and "I": a name counts
# as private where such a context, a form's label, a title, a salutation or a signature says so.

_PART = r"\p{Lu}(?:\p{Ll}|['’](?=\p{L}{2})|-(?=\p{Lu})|(?<=['’\-]|Mc|Mac|De|Di|Du|La|Le|O)\p{Lu})*\p{Ll}+"
_INITIAL = r"\p{Lu}\.?"
_PARTICLE = r"(?:van|von|der|den|de|da|di|del|della|dos|du|la|le|al|el|bin|ibn|ter|ten)"
_NOT_A_PART = (
    r"(?:A|An|And|All|Anyone|Are|Best|But|Can|Could|Do|Does|Everybody|Everyone|Folks|For|From|Good|Guys|Here|How|I|If|In|Is|It"
    r"|Its|Madam|My|No|Not|Of|Ok|Okay|On|Or|Please|Sir|Sirs|So|Some|Sorry|Team|Thank|Thanks|That|The|Their|There|These|They|This"
    r"|Those|To|Valued|We|What|When|Where|Which|Who|Why|With|Would|World|Yes|You|Your|Alexa|Bixby|Cortana|Google|Siri|Pepper|Mr|Mrs|Ms|Mx|Dr|Prof|Miss|Professor|Officer"
    r"|January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
    r"|Access|Account|Address|Agent|Agreement|Application|Area|Bank|Bar|Book|Button|Care|Center|Centre|Channel|Code|Company"
    r"|Conditions|Control|Controls|Corp|Corporation|Customer|Data|Department|Desk|Device|Display|Edition|Electronics|Experience"
    r"|Group|Guide|Help|Home|Hub|ID|Inc|Info|Information|Input|Interface|Journey|Limited|Line|Ltd|Manager|Manual|Menu|Mobile"
    r"|Mode|Name|Number|Office|Online|Page|Panel|Policy|Portal|Privacy|Profile|Program|Protection|Records|Relations|Report|Rights"
    r"|Satisfaction|Screen|Security|Service|Services|Settings|Setup|Side|Smart|Software|Sound|Store|Story|Support|System|Systems"
    r"|Television|Terms|Tools|Training|University)(?!\p{L})"
)
_WORD = rf"(?!{_NOT_A_PART}){_PART}"
_REST = rf"(?:[ \t](?:{_INITIAL}(?!\p{{L}})|(?:{_PARTICLE}[ \t])*{_WORD}))"
NAME = rf"{_WORD}{_REST}{{0,3}}(?<=\p{{Ll}})(?!\p{{L}})"
FULL_NAME = rf"(?:{_WORD}|{_INITIAL}){_REST}{{1,3}}(?<=\p{{Ll}})(?!\p{{L}})"
_KIN = (
    r"wife|husband|spouse|partner|fianc[eé]e?|boyfriend|girlfriend|son|daughter|kid|child|children|baby|mother|father|mom|mum|dad"
    r"|brother|sister|uncle|aunt|cousin|nephew|niece|grandmother|grandfather|grandma|grandpa|friend|colleague|co-?worker|roommate"
    r"|neighbou?r|boss|manager|landlord|doctor|dentist|lawyer|nanny|twin"
)
_ROLE = (
    r"applicant|patient|employee|customer|client|user|policyholder|cardholder|account holder|resident|tenant|beneficiary|claimant|subscriber"
    r"|borrower|payee|support agent|administrator|adjuster"
)
_OWNED = (
    r"ssn|social security|e-?mail|phone|mobile number|cell|(?:home |billing )?address|passport|driver|(?:bank )?account|credit card"
    r"|debit card|password|login|credentials|tax id|tin|pan|aadhaa?r|date of birth|dob"
)
_END_OF_FIELD = r"[ \t]*(?:[,;(<|]|$)"
_LINE = r"^[ \t>*\-]*"


def _named(context: str, before: str, who: str = NAME, after: str = "") -> Pattern:
    behind = rf"{before}\K" if before else r"(?<![\p{L}<'’-])"
    return Pattern(context, behind + who + (f"(?={after})" if after else ""), SURE)


NAME_PATTERNS = (
    _named("title", r"\b(?:(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.?|Miss|Professor|Officer)[ \t]"),
    _named("said so", r"\b(?i:(?:my|his|her|their|your|full|first|last|maiden) name(?:'s|’s| is| was))[ \t]"),
    _named("asked for", r"\b(?i:your (?:full |first |last )?name)\?\s+"),
    _named("I am", r"\b(?i:I am|I'm|I’m)[ \t]", FULL_NAME, r"[ \t]*(?:[,.!;\n]|$|from|with|and|calling)"),
    _named("greeting", r"\b(?i:hello|hi|hey)[,.!]?[ \t](?i:this is)[ \t]"),
    _named("on the line", r"\b(?i:this is)[ \t]", FULL_NAME, r"[ \t](?:speaking|calling|here|from)\b"),
    _named(
        "label",
        rf"{_LINE}(?i:(?:(?:full|first|last|middle|given|family|maiden|customer|patient|client|employee|contact)[ \t])?name|attn"
        r"|attention|customer|patient|client|contact person|employee|applicant|cardholder|(?:billing|shipping|mailing) address)"
        r"[ \t]*[:=][ \t]*",
        FULL_NAME,
        _END_OF_FIELD,
    ),
    _named(
        "part's label", rf"{_LINE}(?i:first name|last name|surname|maiden name)[ \t]*[:=][ \t]*", NAME, _END_OF_FIELD
    ),
    _named(
        "signature",
        r"\b(?i:regards|sincerely|respectfully|cheers|thanks|thank you|best|best wishes|yours|yours truly|yours faithfully|love)"
        r"[ \t]*[,.!–—-]*[ \t]*\r?\n\s*[–—-]?[ \t]*",
        NAME,
        r"[ \t]*(?:[,(]|$)",
    ),
    _named("salutation", r"^[ \t>\"“]*(?i:dear|hi|hello|hey)(?: there)?,?[ \t]", NAME, r"[ \t]*(?:[,!:;.–—-]|$)"),
    _named("kin", rf"\b(?i:my|our)[ \t](?:\w+[ \t])?(?:{_KIN})(?:(?:'s|’s)? name(?: is)?|,| is called| named)?[ \t]"),
    _named("role", rf"\b(?:{_ROLE}|Applicant|Patient|Employee|Detective|Nurse)[ \t]", FULL_NAME),
    _named("owner", "", FULL_NAME, rf"(?:['’]s|(?<=s)['’])[ \t](?i:{_OWNED})\b"),
    _named(
        "belonging",
        r"\b(?i:registered to|registered under|issued to|in the name of|full name|made out to|c/o)[ \t]",
        FULL_NAME,
    ),
    _named("mailbox", "", FULL_NAME, r"[ \t]*[<(\[][ \t]*(?:mailto:)?(?:[\w.+-]+@|<EMAIL_ADDRESS>)"),
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
