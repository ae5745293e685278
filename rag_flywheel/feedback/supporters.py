"""Who supports a person's text: it enters an index of a sensitive domain only where enough different people do. Pure.

A supporter of a question is a person, known by a name, who asked it (but for case, punctuation and spacing), or handed
in a correction of it. A supporter of a correction is one of its question, and whoever said that it was what they meant,
or found an answer good that cites it. What supporters share is the question; the answer's words a reviewer stands for.
People whose questions came in one session are counted as one, and those who named nobody are none.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rag_flywheel.domain import CorrectionId, DocumentId, Feedback, Interaction, InteractionId, ReviewedCorrection
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.feedback.intake import confirmed, meant
from rag_flywheel.ports import Conversations, Corrections
from rag_flywheel.privacy.sensitive import Sensitive

ASKED = 200_000
"""Questions that are looked through for who else asked: the newest ones."""
WAITS = (
    "it is about what is sensitive, where a person's text enters an index only with {needed} independent supporters: "
    "different people who asked, handed in or confirmed the same. It goes in by itself once there are as many"
)


class SupportLedger(Conversations, Corrections, Protocol):
    """What people asked, handed in and confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """What has too few supporters to enter an index."""

    corrections: frozenset[CorrectionId] = frozenset()
    questions: frozenset[InteractionId] = frozenset()


NOTHING = Unsupported()


def unsupported(
    reviewed: Sequence[ReviewedCorrection],
    questions: Iterable[Interaction],
    *,
    ledger: SupportLedger,
    sensitive: Sensitive,
    needed: int,
) -> Unsupported:
    """Of corrections and of questions whose answers were confirmed, those that are sensitive and have fewer supporters
    than are `needed`.
    """
    if not sensitive.anything:
        return NOTHING
    ours = [entry for entry in reviewed if sensitive.correction(entry.correction, _asked(entry, ledger))]
    asked = [each for each in questions if sensitive.interaction(each)]
    if not ours and not asked:
        return NOTHING
    support = _survey(ledger)
    return Unsupported(
        corrections=frozenset(
            entry.correction.correction_id for entry in ours if support.of_correction(entry) < needed
        ),
        questions=frozenset(each.interaction_id for each in asked if support.of_question(each.query) < needed),
    )


def _asked(entry: ReviewedCorrection, ledger: Conversations) -> Interaction:
    return ledger.interaction(entry.correction.interaction_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Support:
    """By question, and by correction, who stands behind it; by name, under which they count."""

    asked: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    confirmed: dict[CorrectionId, set[str]] = field(default_factory=lambda: defaultdict(set))
    counted_as: dict[str, str] = field(default_factory=dict)

    def of_question(self, question: str) -> int:
        return len({self.head(name) for name in self.asked[normalised(question)]})

    def of_correction(self, entry: ReviewedCorrection) -> int:
        of = entry.correction
        return len({self.head(name) for name in self.asked[normalised(of.question)] | self.confirmed[of.correction_id]})

    def head(self, name: str) -> str:
        counted_as = self.counted_as
        while (above := counted_as.get(name, name)) != name:
            counted_as[name] = counted_as.get(above, above)  # path halving (Tarjan and van Leeuwen, 1984)
            name = counted_as[name]
        return name

    def join(self, name: str, other: str) -> None:
        self.counted_as[self.head(name)] = self.head(other)


def _survey(ledger: SupportLedger) -> _Support:
    support = _Support()
    cited: dict[InteractionId, set[DocumentId]] = {}
    corrections = {entry.correction.document_id: entry.correction.correction_id for entry in ledger.corrections()}
    for asked in ledger.interactions(limit=ASKED):
        if asked.user is not None and asked.query:
            support.asked[normalised(asked.query)].add(asked.user)
            if asked.session is not None:
                support.join(asked.user, f"session:{asked.session}")
        cited[asked.interaction_id] = {citation.document_id for citation in asked.citations}
    for entry in ledger.corrections():
        if entry.correction.user is not None:
            support.asked[normalised(entry.correction.question)].add(entry.correction.user)
    for name, signals in _by_person(ledger.feedback()).items():
        for correction in meant(signals).values():
            support.confirmed[correction].add(name)
        for interaction in confirmed(signals):
            for document in cited.get(interaction, set()) & corrections.keys():
                support.confirmed[corrections[document]].add(name)
    return support


def _by_person(feedback: Iterable[Feedback]) -> dict[str, list[Feedback]]:
    found: dict[str, list[Feedback]] = defaultdict(list)
    for signal in feedback:
        if signal.user is not None:
            found[signal.user].append(signal)
    return found
