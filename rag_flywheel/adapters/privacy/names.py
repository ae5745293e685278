"""Patterns that find a person's name by its surroundings, where no language model is there to know one.

Encyclopaedias and manuals speak of people in the third person, private texts of "my" and "I". So a name counts as
private where such a context, a form's label, a title, a salutation or a signature says so; a bare name is left alone.
"""

from collections.abc import Iterator

from rag_flywheel.adapters.privacy.spans import SURE, Finder, Span, matches

# Possessive, so that a word is read in one way only.
_PART = r"\p{Lu}(?:\p{Ll}|['’](?=\p{L}{2})|-(?=\p{Lu})|(?<=['’\-]|Mc|Mac|De|Di|Du|La|Le|O)\p{Lu}){1,30}+(?<=\p{Ll})"
_INITIAL = r"\p{Lu}\.?"
_PARTICLE = r"(?:van|von|der|den|de|da|di|del|della|dos|du|la|le|al|el|bin|ibn|ter|ten)"
# Words that begin a sentence, name a thing of manuals, or answer to a greeting: no part of a person's name.
OTHER_WORDS = """
    A An And All Anyone Are Best But Can Could Do Does Everybody Everyone Folks For From Good Guys Here How I If In
    Is It Its Madam My No Not Of Ok Okay On Or Please Sir Sirs So Some Sorry Team Thank Thanks That The Their There
    These They This Those To Valued We What When Where Which Who Why With Would World Yes You Your Alexa Bixby
    Cortana Google Siri Pepper Mr Mrs Ms Mx Dr Prof Miss Professor Officer January February March April May June
    July August September October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday Access
    Account Address Agent Agreement Application Area Bank Bar Book Button Care Center Centre Channel Code Company
    Conditions Control Controls Corp Corporation Customer Data Department Desk Device Display Edition Electronics
    Experience Group Guide Help Home Hub ID Identification Inc Info Information Input Interface Journey Limited Line
    Ltd Manager Manual Menu Mobile Mode Name Number Office Online Page Panel Policy Portal Privacy Profile Program
    Protection Records Relations Report Rights Satisfaction Screen Security Service Services Settings Setup Side
    Smart Software Sound Store Story Support System Systems Television Terms Tools Training University
"""
_NOT_A_PART = rf"(?:{'|'.join(OTHER_WORDS.split())})(?!\p{{L}})"
_WORD = rf"(?!{_NOT_A_PART}){_PART}"
_REST = rf"(?:[ \t](?:{_INITIAL}(?!\p{{L}})|(?:{_PARTICLE}[ \t]){{0,3}}{_WORD}))"
NAME = rf"{_WORD}{_REST}{{0,3}}(?<=\p{{Ll}})(?!\p{{L}})"
FULL_NAME = rf"(?:{_WORD}|{_INITIAL}){_REST}{{1,3}}(?<=\p{{Ll}})(?!\p{{L}})"
TITLE = r"(?:(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.?|Miss|Professor|Officer)[ \t]"
"""A title goes with the name: Mr and Mrs Smith are two people."""
_KIN = (
    r"wife|husband|spouse|partner|fianc[eé]e?|boyfriend|girlfriend|son|daughter|kid|child|children|baby|mother|father|mom|mum|dad"
    r"|brother|sister|uncle|aunt|cousin|nephew|niece|grandmother|grandfather|grandma|grandpa|friend|colleague|co-?worker|roommate"
    r"|neighbou?r|boss|manager|landlord|doctor|dentist|lawyer|nanny|twin"
)
_ROLE = (
    r"applicant|patient|employee|customer|client|user|policyholder|cardholder|account holder|resident|tenant"
    r"|beneficiary|claimant|subscriber|borrower|payee|support agent|administrator|adjuster"
)
_OWNED = (
    r"ssn|social security|e-?mail|phone|mobile number|cell|(?:home |billing )?address|passport|driver|(?:bank )?account"
    r"|credit card|debit card|password|login|credentials|tax id|tin|pan|aadhaa?r|date of birth|dob"
)
_IDENTIFIER = "<(?:US_SSN|CREDIT_CARD|IBAN_CODE|ID_NUMBER|MEDICAL_LICENSE)>"
_END_OF_FIELD = r"[ \t]{0,5}(?:[,;(<|]|$)"
_LINE = r"^[ \t>*\-]{0,12}"


def _named(before: str, who: str = NAME, after: str = "") -> Finder:
    behind = rf"{before}\K" if before else r"(?<![\p{L}<'’-])"
    return matches(behind + who + (f"(?={after})" if after else ""), SURE)


_FINDERS = (
    _named("", rf"{TITLE}(?:{_INITIAL}[ \t]){{0,3}}{NAME}"),
    _named(  # said so
        r"\b(?i:(?:my|his|her|their|your|full|first|last|maiden) name(?:'s|’s| is| was))[ \t]"
    ),
    _named(  # asked for
        r"\b(?i:your (?:full |first |last )?name)\?\s{1,5}"
    ),
    _named(  # I am
        r"\b(?i:I am|I'm|I’m)[ \t]", FULL_NAME, r"[ \t]{0,5}(?:[,.!;\n]|$|from|with|and|calling)"
    ),
    _named(  # greeting
        r"\b(?i:hello|hi|hey)[,.!]?[ \t](?i:this is)[ \t]"
    ),
    _named(  # on the line
        r"\b(?i:this is)[ \t]", FULL_NAME, r"[ \t](?:speaking|calling|here|from)\b"
    ),
    _named(  # label
        rf"{_LINE}(?i:(?:(?:full|first|last|middle|given|family|maiden|customer|patient|client|employee|contact)[ \t])?"
        r"name|from|cc|signed|sent by|reported by|submitted by|attn|attention|customer|patient|client"
        r"|contact person|employee|applicant|cardholder"
        r"|(?:billing|shipping|mailing) address)[ \t]{0,5}[:=][ \t]{0,5}",
        FULL_NAME,
        _END_OF_FIELD,
    ),
    _named(  # part's label
        rf"{_LINE}(?i:first name|last name|surname|maiden name)[ \t]{{0,5}}[:=][ \t]{{0,5}}", NAME, _END_OF_FIELD
    ),
    _named(  # signature
        r"\b(?i:regards|sincerely|respectfully|cheers|thanks|thank you|best|best wishes|yours|yours truly"
        r"|yours faithfully|love)[ \t]{0,5}[,.!–—-]{0,3}[ \t]{0,5}\r?\n\s{0,12}[–—-]?[ \t]{0,5}",
        NAME,
        r"[ \t]{0,5}(?:[,(]|$)",
    ),
    _named(  # salutation
        r"^[ \t>\"“]{0,12}(?i:dear|hi|hello|hey)(?: there)?,?[ \t]", NAME, r"[ \t]{0,5}(?:[,!:;.–—-]|$)"
    ),
    _named(  # kin
        rf"\b(?i:my|our)[ \t](?:\w{{1,20}}[ \t])?(?:{_KIN})(?:(?:'s|’s)? name(?: is)?|,| is called| named)?[ \t]"
    ),
    _named(  # role
        rf"\b(?:{_ROLE}|Applicant|Patient|Employee|Detective|Nurse)[ \t]", FULL_NAME
    ),
    _named(  # owner
        "", FULL_NAME, rf"(?:['’]s|(?<=s)['’])[ \t](?i:{_OWNED})\b"
    ),
    _named(  # belonging
        r"\b(?i:registered to|registered under|issued to|in the name of|full name|made out to|c/o)[ \t]",
        FULL_NAME,
    ),
    _named(  # mailbox
        "", FULL_NAME, r"[ \t]{0,5}[<(\[][ \t]{0,5}(?:mailto:)?(?:[\w.+-]{1,64}@|<EMAIL_ADDRESS>)"
    ),
    # Masking goes on until nothing is found, so the next two see what earlier rounds have masked.
    _named(  # after an identifier
        rf"{_IDENTIFIER}[^\n.<>]{{1,30}}?(?<![\p{{L}}'’-])", FULL_NAME
    ),
    _named(  # before an identifier
        "", FULL_NAME, rf"[^\n.<>]{{1,40}}{_IDENTIFIER}"
    ),
)


def names(text: str) -> Iterator[Span]:
    """Names that their surroundings say are a private person's."""
    for find in _FINDERS:
        yield from find(text)
