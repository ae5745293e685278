"""A redactor for tests: it masks whatever looks like an e-mail address, and remembers what it was given."""

import re
from collections import Counter

from rag_flywheel.ports import Redacted

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class FakeRedactor:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.found: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return "fake"

    def redact(self, text: str) -> Redacted:
        self.texts.append(text)
        masked, count = _EMAIL.subn("<EMAIL_ADDRESS>", text)
        if not count:
            return Redacted(text=text, found={})
        self.found["EMAIL_ADDRESS"] += count
        return Redacted(text=masked, found={"EMAIL_ADDRESS": count})
