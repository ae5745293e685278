"""A redactor for tests: it masks what has the form of a few kinds of personal data, and remembers what it was given."""

import re
from collections import Counter

from rag_flywheel.ports import Mask, Redacted

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
        spans = sorted(
            ((match.start(), match.end(), kind) for kind, form in _FORMS.items() for match in form.finditer(text))
        )
        done, masks, at = "", list[Mask](), 0
        for start, end, kind in spans:
            done += text[at:start]
            masks.append(Mask(kind=kind, start=len(done), end=len(done) + len(kind) + 2, value=text[start:end]))
            done, at = f"{done}<{kind}>", end
        masked = Redacted(text=done + text[at:], masks=tuple(masks))
        self.found.update(masked.found)
        return masked
