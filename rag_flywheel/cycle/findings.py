"""What guardrails have against tonight's items, and what people ruled on that."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from eval.guardrails import memorisation, safety, suspects
from eval.guardrails.suspects import Detectors
from rag_flywheel.config import Embedder, Guardrails, Source
from rag_flywheel.cycle.snapshot import Snapshot
from rag_flywheel.domain import (
    AsideState,
    Chunk,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Guardrail,
    InteractionId,
    ItemKind,
    Manifest,
    ReviewedCorrection,
    Suspicion,
)
from rag_flywheel.domain.masked import masked_out
from rag_flywheel.privacy.masking_out import around, key_of
from rag_flywheel.services import Services

REMEMBERED = 10_000
"""Questions whose masked values are looked for: the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found, but for what a person released."""

    told: tuple[Suspicion, ...]  # new or still undecided: left out, or only reported
    dropped: tuple[Suspicion, ...] = ()  # a person agreed that these stay out

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(told=(*self.told, *other.told), dropped=(*self.dropped, *other.dropped))

    @property
    def left_out(self) -> tuple[Suspicion, ...]:
        return (*(suspicion for suspicion in self.told if suspicion.left_out), *self.dropped)

    @property
    def before_the_gate(self) -> "Findings":
        """Without what was only a reason to ask the gate again."""
        told = tuple(found for found in self.told if found.guardrail is not Guardrail.LOST_QUESTIONS)
        return Findings(told=told, dropped=self.dropped)

    @property
    def corrections(self) -> frozenset[CorrectionId]:
        return frozenset(CorrectionId(found.item) for found in self.left_out if found.kind is ItemKind.CORRECTION)

    @property
    def questions(self) -> frozenset[InteractionId]:
        return frozenset(InteractionId(found.item) for found in self.left_out if found.kind is ItemKind.QUESTION)

    @property
    def documents(self) -> frozenset[DocumentId]:
        """Those of which something is left out."""
        return frozenset(DocumentId(found.item) for found in self.left_out if found.kind is ItemKind.DOCUMENT)

    @property
    def undecided(self) -> frozenset[DocumentId]:
        """Those of them on which nobody ruled."""
        out = [found for found in self.told if found.left_out]
        return frozenset(DocumentId(found.item) for found in out if found.kind is ItemKind.DOCUMENT)


NOTHING = Findings(told=())


def detectors(services: Services) -> Detectors:
    """What items are looked at with. The classifier's figures are those of the bundled embedder, so it is used
    whatever embeds the passages.
    """
    limits = services.config.guardrails
    planted = memorisation.read_planted(services.config.resolve(limits.canaries)) if limits.canaries else ()
    ledger = services.ledger
    texts = [(asked.masked, around(asked.question)) for asked in ledger.interactions(limit=REMEMBERED)]
    texts += [(entry.correction.masked, around(entry.correction.answer)) for entry in ledger.corrections()]
    return Detectors(
        redactor=services.redactor,
        document_redactor=services.document_redactor(_masked_least(services.config.sources)),
        rate=safety.trained(services.encoders(Embedder())),
        unsafe_threshold=limits.unsafe_threshold,
        planted_strings=planted,
        masked=masked_out(texts, key_of(ledger.salt())),
    )


def of_people(snapshot: Snapshot, control: Manifest | None, detectors: Detectors, settings: Guardrails) -> Findings:
    """What speaks against corrections and confirmed questions that the control does not hold.

    What a reviewer accepted against a guardrail is not held against the correction again.
    """
    standing = {document.document_id for document in snapshot.accepted.documents}
    shown = [entry for entry in snapshot.reviewed if entry.correction.document_id in standing]
    new = [entry for entry in shown if _is_new(entry, control)]
    confirmed = frozenset[InteractionId]() if control is None else set(control.confirmed)
    asked = [interaction for interaction in snapshot.confirmed if interaction.interaction_id not in confirmed]
    found = suspects.in_corrections(new, shown, detectors=detectors)
    suspected = {suspicion.item for suspicion in found}
    found += suspects.of_one_author(
        [entry for entry in new if entry.correction.correction_id not in suspected],
        [entry for entry in shown if entry.correction.correction_id not in suspected],
        maximum=settings.maximum_author_share,
        counts_from=settings.author_share_from,
    )
    found += suspects.in_questions(asked, detectors=detectors)
    told = {(suspicion.item, suspicion.guardrail) for suspicion in found}
    leaking = suspects.with_masked(shown, snapshot.confirmed, masked=detectors.masked)
    found += [suspicion for suspicion in leaking if (suspicion.item, suspicion.guardrail) not in told]
    overruled = {
        (entry.correction.correction_id, guardrail)
        for entry in shown
        if entry.review is not None and entry.review.overrules
        for guardrail in entry.review.overrules.split(", ")
    }
    return _ruled([some for some in found if (some.item, some.guardrail) not in overruled], snapshot)


def _is_new(entry: ReviewedCorrection, control: Manifest | None) -> bool:
    """Whether its text is not the one that the control holds."""
    if control is None or entry.review is None or entry.correction.correction_id not in control.corrections:
        return True
    return entry.review.reviewed > control.feedback_cutoff


def of_documents(
    chunks: Sequence[Chunk], before: Iterable[Chunk], snapshot: Snapshot, detectors: Detectors
) -> Findings:
    """What speaks against chunks of documents. Those of official sources that stand in the control's, `before`, were
    looked at when they came; what a person dropped is left out wherever it stands.
    """
    trust = {file.name: file.source.trust for file in snapshot.files}
    shown = [chunk for chunk in chunks if not chunk.by_question]
    found = suspects.in_documents(
        shown, before, official=lambda chunk: trust.get(chunk.source) == "official", detectors=detectors
    )
    dropped = frozenset(name for name, state in snapshot.rulings.items() if state is AsideState.DROPPED)
    ruled = _ruled(found, snapshot)
    return replace(ruled, dropped=(*ruled.dropped, *suspects.dropped_again(shown, dropped)))


def kept(chunks: Sequence[Chunk], found: Findings) -> list[Chunk]:
    """The chunks but for those that are left out: single ones, or a document's, where its title is suspected."""
    documents = {suspicion.item for suspicion in found.left_out if suspicion.place is None}
    pieces = {suspicion.place for suspicion in found.left_out}
    return [
        chunk for chunk in chunks if chunk.is_correction or not (chunk.document_id in documents or chunk.span in pieces)
    ]


def _ruled(found: Sequence[Suspicion], snapshot: Snapshot) -> Findings:
    rulings = snapshot.rulings
    return Findings(
        told=tuple(suspicion for suspicion in found if suspicion.aside_id not in rulings),
        dropped=tuple(suspicion for suspicion in found if rulings.get(suspicion.aside_id) is AsideState.DROPPED),
    )


def hiding_most(snapshot: Snapshot, control: Manifest | None) -> list[Suspicion]:
    """The corrections that the control does not hold and that hide something, those that hide most first."""
    held = set() if control is None else set(control.corrections)
    hidden = {
        entry.correction.correction_id: sum(span.end - span.start for span in entry.correction.supersedes)
        for entry in snapshot.reviewed
        if entry.verdict_state is CorrectionState.ACCEPTED and entry.correction.correction_id not in held
    }
    hiders = [entry for entry in snapshot.reviewed if hidden.get(entry.correction.correction_id)]
    return [
        suspects.of_correction(
            entry,
            Guardrail.HIDES_TOO_MUCH,
            "with what it supersedes more documents or judged passages would be gone than guardrails.maximum_shrink or "
            "guardrails.maximum_stale allow",
        )
        for entry in sorted(hiders, key=lambda entry: -hidden[entry.correction.correction_id])
    ]


def _masked_least(sources: Sequence[Source]) -> Source:
    least_first = ("nothing", "dangerous", "full")
    return min(sources, key=lambda source: least_first.index(source.policy), default=Source(path="."))
