"""A redactor for tests: it masks what has the form of a few kinds of personal data, and remembers what it was given."""

import re
from collections import Counter

from rag_flywheel.ports import Redacted

_FORMS = {
    "EMAIL_ADDRESS": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "PHONE_NUMBER": re.compile(r"\+\d(?: \d{3}){2} \d{4}\b"),
    "IBAN_CODE": re.compile(r"\b[A-Z]{2}\d{20}\b"),
    "CREDIT_CARD": re.compile(r"\b\d{4}(?: \d{4}){3}\b"),
    "US_SSN": re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    "SECRET": re.compile(r"\bsk-\w{20,}"),
}


class FakeRedactor:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.found: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return "fake"

    def redact(self, text: str) -> Redacted:
        self.texts.append(text)
        found = {}
        for kind, form in _FORMS.items():
            text, count = form.subn(f"<{kind}>", text)
            if count:
                found[kind] = count
        self.found.update(found)
        return Redacted(text=text, found=found)
