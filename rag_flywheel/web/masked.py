"""What of a text will be stored masked, in words that its author reads before handing it in."""

from collections.abc import Mapping

from rag_flywheel.ports import Redacted

KINDS: Mapping[str, str] = {
    "EMAIL_ADDRESS": "an e-mail address",
    "PHONE_NUMBER": "a phone number",
    "CREDIT_CARD": "a card number",
    "IBAN_CODE": "a bank account number",
    "IP_ADDRESS": "an IP address",
    "US_SSN": "a social security number",
    "CRYPTO": "a wallet address",
    "MEDICAL_LICENSE": "a medical licence number",
    "PERSON": "a name",
    "STREET_ADDRESS": "a street address",
    "ID_NUMBER": "an identity or account number",
    "SECRET": "a password or key",
}
"""One of each kind that `privacy.entities` may name."""


def masked_kinds(redacted: Redacted) -> str:
    """The kinds in order of their first place, such as "a phone number and a name"; empty where nothing is masked."""
    counted = redacted.found.items()
    told = [KINDS.get(kind, kind) + (f" ({count} times)" if count > 1 else "") for kind, count in counted]
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))
