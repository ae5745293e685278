"""Numbers for what is masked in a conversation: one name is always <PERSON_1> there, and another <PERSON_2>.

What is known of a name are keyed digests of its words, in the records that it stands in. The key is that conversation's
own, so nobody can tell without the salt that two conversations name the same person.
"""

import hashlib
import hmac
import itertools
import re
import threading
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from cachetools import LRUCache

from rag_flywheel.domain import Interaction, InteractionId, StandIn
from rag_flywheel.domain.stand_ins import stand_ins
from rag_flywheel.ports import Conversations, Mask, Operations, Redacted, Redactor
from rag_flywheel.privacy.sealing import sealing
from rag_flywheel.services import Services

IN_PARTS = ("PERSON", "STREET_ADDRESS")
"""Kinds that are said in full once and in part later: "Maria Lopez", then "Maria"."""
OF_A_PHONE = 9
"""The last digits of a telephone number, which are there with and without the code of its country."""
REMEMBERED = 1_000
"""Texts of documents that need not be masked again: titles, and passages that are cited often."""
TITLES = frozenset(["mr", "mrs", "ms", "mx", "dr", "prof", "professor", "miss", "officer"])
"""Words that are masked with a name and no part of it: Mr Lopez may be Luis Lopez, and is not Mrs Lopez."""
_WORD = re.compile(r"[^\W_]+")
Label = tuple[str, int]
Seal = Callable[[Sequence[str]], str]


class NumberingLedger(Operations, Conversations, Protocol):
    """What conversations name already, and the salt of their digests."""


class Numbering:
    """A redactor for one conversation, for the time of one question or one signal. Several threads may share one."""

    def __init__(
        self,
        redactor: Redactor,
        known: Iterable[StandIn],
        *,
        key: bytes,
        seal: Seal | None,
        documents: Redactor | None = None,
    ) -> None:
        self.name = redactor.name
        self._redactor = redactor
        self._documents = documents or redactor
        self._key = key
        self._seal = seal
        self._words: dict[Label, set[str]] = defaultdict(set)
        self._forms: dict[Label, dict[str, None]] = defaultdict(dict)  # as they were said here
        self._said: dict[tuple[str, frozenset[str]], int] = {}
        self._found: dict[str, Redacted] = {}
        self._turn = threading.Lock()
        self._titles = frozenset().union(*(self._digests("PERSON", title) for title in TITLES))
        for each in known:
            self._learn(each.kind, each.number, frozenset(each.words))

    def redact(self, text: str) -> Redacted:
        """The text with personal data masked as <KIND_NUMBER>. What has a number already keeps it."""
        masked = self._found.get(text)
        if masked is None:  # a question is masked to be kept, as what was searched for, and for each that is told it
            masked = self._found[text] = self._redactor.redact(text)
        return self._numbered(masked)

    def redact_quoted(self, text: str) -> Redacted:
        """The same of a document's words, which are masked as in the answer where they stand in it."""
        found = (_stretch(text, *known) for known in tuple(self._found.items()))  # others may mask meanwhile
        return self._numbered(next(filter(None, found), None) or self._documents.redact(text))

    def _numbered(self, masked: Redacted) -> Redacted:
        with self._turn:
            for kind, number in stand_ins(masked.text):  # that somebody typed: nothing else may have that number
                self._learn(kind, number, frozenset())
            parts, masks, at, length = [], [], 0, 0
            for mask in masked.masks:
                label = f"<{mask.kind}_{self._number(mask)}>"
                parts += [masked.text[at : mask.start], label]
                start = length + mask.start - at
                length, at = start + len(label), mask.end
                masks.append(Mask(kind=mask.kind, start=start, end=length, value=mask.value))
        return Redacted(text="".join([*parts, masked.text[at:]]), masks=tuple(masks))

    def stand_ins(self, *texts: str) -> tuple[StandIn, ...]:
        """Those in texts that were masked here, for the record that keeps these."""
        found = dict.fromkeys(label for text in texts for label in stand_ins(text))
        with self._turn:
            return tuple(self._stand_in(label) for label in found)

    def _stand_in(self, label: Label) -> StandIn:
        kind, number = label
        forms = list(self._forms.get(label, ()))
        words = sorted({word for form in forms for word in self._digests(kind, form)})
        sealed = self._seal(forms) if self._seal is not None and forms else ""
        return StandIn(kind=kind, number=number, words=tuple(words), sealed=sealed)

    def _number(self, mask: Mask) -> int:
        words = self._digests(mask.kind, mask.value)
        number = self._said.get((mask.kind, words)) or self._alike(mask.kind, words) or self._next(mask.kind)
        self._learn(mask.kind, number, words)
        self._forms[mask.kind, number][mask.value] = None
        return number

    def _alike(self, kind: str, words: frozenset[str]) -> int | None:
        """The newest of which it is a part, or which is a part of it, unless they have different titles."""
        own, title = self._parted(words)
        alike: list[int] = []
        for (other, number), known in self._words.items():
            if other == kind and known:
                theirs, titles = self._parted(known)
                if (own <= theirs or theirs <= own) and not (title and titles and title.isdisjoint(titles)):
                    alike.append(number)
        return max(alike, default=None)

    def _parted(self, words: Set[str]) -> tuple[Set[str], Set[str]]:
        """The words of a name and its titles; a title alone is a name."""
        titles = words & self._titles
        return words - titles or words, titles

    def _next(self, kind: str) -> int:
        return next(number for number in itertools.count(1) if (kind, number) not in self._words)

    def _learn(self, kind: str, number: int, words: frozenset[str]) -> None:
        self._words[kind, number] |= words
        if words:
            self._said.setdefault((kind, words), number)

    def _digests(self, kind: str, value: str) -> frozenset[str]:
        return frozenset(
            hmac.new(self._key, word.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]
            for word in _words(kind, value)
        )


def _stretch(text: str, within: str, masked: Redacted) -> Redacted | None:
    """The text as it is masked within another one; None where it does not stand there, or a mask or a word goes over
    its end: a name in "Marianne" is none.
    """
    start = within.find(text) if text else -1
    end, at, longer = start + len(text), 0, 0  # by how much the masked text is longer up to a mask
    if start < 0 or _within_a_word(within, start) or _within_a_word(within, end):
        return None
    parts, masks, length = list[str](), list[Mask](), 0
    for mask in masked.masks:
        first = mask.start - longer
        last = first + len(mask.value)
        longer = mask.end - last
        if last <= start or first >= end:
            continue
        if first < start or last > end:
            return None
        label = masked.text[mask.start : mask.end]
        parts += [within[max(at, start) : first], label]
        length += first - max(at, start)
        masks.append(Mask(kind=mask.kind, start=length, end=length + len(label), value=mask.value))
        length, at = length + len(label), last
    return Redacted(text="".join([*parts, within[max(at, start) : end]]), masks=tuple(masks))


def _within_a_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


class Remembered:
    """The redactor below, for what documents say: the latest texts are not masked again. Safe under threads."""

    def __init__(self, below: Redactor) -> None:
        self.name = below.name
        self._below = below
        self._lately: LRUCache[str, Redacted] = LRUCache(REMEMBERED)
        self._guard = threading.Lock()

    def redact(self, text: str) -> Redacted:
        with self._guard:
            known = self._lately.get(text)
        if known is None:
            known = self._below.redact(text)
            with self._guard:
                self._lately[text] = known
        return known


def _words(kind: str, value: str) -> list[str]:
    """What makes a value the same: the words of a name or an address, else its letters and digits as one."""
    words = _WORD.findall(unicodedata.normalize("NFKC", value).casefold())
    if kind in IN_PARTS:
        return [word for word in words if len(word) > 1] or words or [value]  # without initials and a final 's
    whole = "".join(words) or value
    return [whole[-OF_A_PHONE:] if kind == "PHONE_NUMBER" else whole]


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """How what people say is masked, in their conversation where `numbered`."""

    redactor: Redactor
    numbered: bool = True
    seal: Seal | None = None  # what keeps a way back for those who have the key; None: there is none
    documents: Redactor | None = None  # the same for what documents say

    @property
    def plain(self) -> "Plain":
        """For what is no conversation's."""
        return Plain(self.redactor)

    def of(self, interaction: Interaction, ledger: NumberingLedger) -> "Numbering | Plain":
        """For what is said of an interaction."""
        return self.within(interaction.session, ledger, of=interaction.interaction_id)

    def within(self, session: str | None, ledger: NumberingLedger, *, of: InteractionId) -> "Numbering | Plain":
        """For the conversation of a session (its pseudonym), or of one interaction that belongs to none."""
        if not self.numbered:
            return Plain(self.redactor, documents=self.documents)
        place = of if session is None else session
        key = hmac.new(ledger.salt(), f"stand-in:{place}".encode(), hashlib.sha256).digest()
        known = ledger.stand_ins(session, of)
        return Numbering(self.redactor, known, key=key, seal=self.seal, documents=self.documents)


class Plain:
    """The same without numbers."""

    def __init__(self, redactor: Redactor, *, documents: Redactor | None = None) -> None:
        self.name = redactor.name
        self._redactor = redactor
        self._documents = documents or redactor

    def redact(self, text: str) -> Redacted:
        return self._redactor.redact(text)

    def redact_quoted(self, text: str) -> Redacted:
        return self._documents.redact(text)

    def stand_ins(self, *texts: str) -> tuple[StandIn, ...]:
        """None."""
        return ()


def masking(services: Services) -> Masking:
    """As the settings say. Raises ConfigError where a way back is wanted and its key is missing or none."""
    settings, keys = services.config.privacy, sealing(services.config, services.secrets)
    return Masking(
        redactor=services.redactor,
        numbered=settings.numbered and settings.redact,
        seal=None if keys is None else keys.seal,
        documents=Remembered(services.redactor),
    )
