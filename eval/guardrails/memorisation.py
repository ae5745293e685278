"""Personal data and planted strings: neither may be indexed, found or reproduced.

A planted string is planted where only a leak could bring it from (Carlini et al., 2019, arXiv:1802.08232, call it a
canary). Those of the operator's file must not be there, and `recall` asks for them; records made here go through the
redactor and must come out masked.
"""

import random
import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path

from eval.guardrails.checks import Check, Invariant, check, named
from rag_flywheel.domain import Chunk
from rag_flywheel.errors import InvalidInput
from rag_flywheel.ports import Redactor

MINIMUM = 8
"""Letters and digits of a planted string. A shorter one would be found by chance."""
_SIGNS = re.compile(r"[\W_]+")
_PIECE = 6  # letters and digits of a made-up record that may not be left, wherever they stand in it

_SENTENCES = {
    "EMAIL_ADDRESS": ("Please write to {} when the part has arrived.", "Her address is {}, as she told the support."),
    "PHONE_NUMBER": ("You can reach him by phone at {} after six.", "Call {} and ask for the manager."),
    "IBAN_CODE": ("The refund goes to {} within ten days.", "My account is {}, please use that one."),
    "CREDIT_CARD": ("The card {} was charged twice.", "Paid with {} in May."),
    "US_SSN": ("My social security number is {}.", "The form shows SSN {} for this customer."),
    "SECRET": ("The service is called with the key {} in the header.", "Set OPENAI_API_KEY={} before you start it."),
}


def read_planted(file: Path) -> tuple[str, ...]:
    """The planted strings of a file, one a line. Raises InvalidInput with file and line, and never with the string."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"guardrails.canaries: {file} cannot be read as UTF-8 text ({type(error).__name__}); give a file with one "
            "planted string a line, or leave the setting empty"
        ) from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if len(solid(line)) < MINIMUM:
            raise InvalidInput(
                f"{file}:{number}: a planted string needs {MINIMUM} letters and digits or more, found "
                f"{len(solid(line))}; a shorter one would be found by chance"
            )
        found.append(line.strip())
    return tuple(dict.fromkeys(found))


def solid(text: str) -> str:
    """The letters and digits of a text alone, without the differences of case and Unicode form."""
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text).casefold())


# --- what is indexed ------------------------------------------------------------------------------------------------


def masking(redactor: Redactor, *, entities: Collection[str], seed: int) -> Check:
    """Personal records that are made up here, in typical sentences, come out of the redactor masked.

    `entities` are the kinds that are to be masked; none where masking is off. Whoever knows the seed knows the records.
    """
    made = records(seed)
    sentences = [(kind, made[kind], text) for kind in made if kind in entities for text in _SENTENCES[kind]]
    left = [kind for kind, record, text in sentences if _is_left(record, redactor.redact(text.format(record)).text)]
    return check(
        Invariant.MASKING,
        f"made-up personal records left in {len(sentences)} sentences",
        value=len(left) if sentences else None,
        limit=0,
        breach=f"Made-up records of the kind {', '.join(dict.fromkeys(left))} come out of the redactor as they were. "
        "Real ones would too: see privacy.minimum_score, and run the redactor's tests.",
    )


def _is_left(record: str, text: str) -> bool:
    whole, shown = solid(record), solid(text)
    return any(whole[start : start + _PIECE] in shown for start in range(len(whole) - _PIECE + 1))


def records(seed: int) -> dict[str, str]:
    """A made-up record of each kind in a valid form: the check digits of account and card numbers are right. None is of
    those that are set aside for examples, which nobody masks.
    """
    chance = random.Random(seed)

    def digits(count: int) -> str:
        return "".join(chance.choices("0123456789", k=count))

    bank = digits(18)
    check_digits = 98 - int(f"{bank}131400") % 97  # ISO 13616: DE is 13 and 14
    card = f"4{digits(14)}"
    doubled = [
        int(digit) * (2 - place % 2) for place, digit in enumerate(card)
    ]  # ISO/IEC 7812: from the second last on
    card += str(-sum(number // 10 + number % 10 for number in doubled) % 10)
    letters = "abcdefghijklmnopqrstuvwxyz"
    name, host = ("".join(chance.choices(letters, k=count)) for count in (7, 9))
    return {
        "EMAIL_ADDRESS": f"{name}.{chance.choice(letters)}{digits(3)}@{host}.net",
        "PHONE_NUMBER": f"+1 {chance.choice(['212', '312', '415', '617'])} {chance.randint(200, 554)} {digits(4)}",
        "IBAN_CODE": f"DE{check_digits:02d}{bank}",
        "CREDIT_CARD": " ".join(card[start : start + 4] for start in range(0, 16, 4)),
        "US_SSN": f"{chance.randint(101, 665)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}",
        "SECRET": "sk-" + "".join(chance.choices(letters + letters.upper() + "0123456789", k=40)),
    }


def holds_planted(text: str, planted_strings: Sequence[str]) -> bool:
    """Whether a text holds one of them, whatever its case, spaces and punctuation."""
    whole = solid(text) if planted_strings else ""
    return any(solid(string) in whole for string in planted_strings)


def planted(chunks: Sequence[Chunk], planted_strings: Sequence[str]) -> Check:
    """No title, text or known question holds a planted string, whatever its case, spaces and punctuation."""
    wanted = [solid(string) for string in planted_strings]
    holders = [chunk.document_id for chunk in chunks if holds(chunk, wanted)]
    return check(
        Invariant.PLANTED,
        f"passages that hold one of {len(wanted)} planted strings",
        value=len(holders) if wanted else None,
        limit=0,
        documents=holders,
        breach=f"Passages of {named(holders)} hold a planted string of guardrails.canaries. Find out how it came in: "
        "what stands beside it leaks the same way.",
    )


def holds(chunk: Chunk, wanted: Sequence[str]) -> bool:
    """Whether a title, text or known question holds one of them; `wanted` are as `solid` gives them."""
    whole = _solid_chunk(chunk) if wanted else ""
    return any(string in whole for string in wanted)


def _solid_chunk(chunk: Chunk) -> str:
    # A mark that `solid` can never give stands between, so that no string is found across two texts.
    return "\n".join(solid(text) for text in (chunk.title, chunk.text, chunk.question or ""))
