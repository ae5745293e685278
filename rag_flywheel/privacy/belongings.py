"""What is kept of a person: to show it to them, and to erase it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rag_flywheel.config import Config, Retention
from rag_flywheel.domain import (
    CorrectionState,
    Feedback,
    Interaction,
    InteractionId,
    Json,
    ReviewedCorrection,
    StandIn,
    VersionRecord,
    VersionState,
)
from rag_flywheel.domain.erasures import Scope
from rag_flywheel.domain.retention import Kind
from rag_flywheel.ports import Consents, Conversations, Corrections, Versions
from rag_flywheel.privacy import records
from rag_flywheel.privacy.retention import kept_until, period
from rag_flywheel.privacy.sealing import Sealing


class PeopleLedger(Conversations, Corrections, Protocol):
    """Where people leave something."""


class ExportLedger(PeopleLedger, Consents, Versions, Protocol):
    """The same, with what they agreed to, and the versions that hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """A person's records, oldest first; those of others on the person's interactions among them."""

    interactions: tuple[Interaction, ...]
    feedback: tuple[Feedback, ...]
    corrections: tuple[ReviewedCorrection, ...]

    @property
    def names(self) -> frozenset[str]:
        """The ids of all of it."""
        return frozenset(
            (
                *(interaction.interaction_id for interaction in self.interactions),
                *(feedback.feedback_id for feedback in self.feedback),
                *(entry.correction.correction_id for entry in self.corrections),
            )
        )

    @property
    def judged(self) -> frozenset[InteractionId]:
        """All interactions that they asked or gave a signal on: what versions learned from them is about these."""
        return frozenset(
            (
                *(interaction.interaction_id for interaction in self.interactions),
                *(feedback.interaction_id for feedback in self.feedback),
                *(entry.correction.interaction_id for entry in self.corrections),
            )
        )

    def texts(self) -> Iterator[str]:
        """What they typed, as it was kept, and reviewers' wordings of it."""
        for interaction in self.interactions:
            yield interaction.question
            yield interaction.query
        for feedback in self.feedback:
            if isinstance(feedback.value, str):
                yield feedback.value
        for entry in self.corrections:
            yield entry.correction.answer
            yield entry.answer


def belongings(scope: Scope, ledger: PeopleLedger) -> Belongings:
    """All in the scope."""
    interactions = [
        interaction
        for interaction in ledger.interactions_of(scope.user)
        if scope.holds(interaction.asked) and scope.session in (None, interaction.session)
    ]
    asked = {interaction.interaction_id for interaction in interactions}
    whole = scope.session is None
    return Belongings(
        interactions=tuple(interactions),
        feedback=tuple(
            feedback
            for feedback in ledger.feedback()
            if feedback.interaction_id in asked
            or (whole and feedback.user == scope.user and scope.holds(feedback.given))
        ),
        corrections=tuple(
            entry
            for entry in ledger.corrections()
            if entry.correction.interaction_id in asked
            or (whole and entry.correction.user == scope.user and scope.holds(entry.correction.submitted))
        ),
    )


def export(scope: Scope, ledger: ExportLedger, settings: Config, *, keys: Sealing | None = None) -> dict[str, Json]:
    """What is kept of a person, as JSON: what they agreed to, what they asked and were told, what they said of it, what
    became of their corrections, and when each goes. Signals and corrections of others are not theirs to read.

    `keys` open what was masked in it, for the person themself; None: nothing of that is shown.
    """
    kept, periods = belongings(scope, ledger), settings.retention
    live = [record for record in ledger.versions() if record.state is VersionState.LIVE]
    said = ledger.consents_of(scope.user, None)
    corrected = {entry.correction.interaction_id for entry in ledger.corrections()}
    return {
        "person": scope.user,
        "consent": {
            "setting": settings.privacy.consent,
            "purposes": records.standing(said, settings.privacy.consent, session=None),
            "records": records.records(said, settings.privacy_notice),
        },
        "interactions": [
            _interaction(interaction, periods, corrected=interaction.interaction_id in corrected)
            | _opened(interaction.stand_ins, keys)
            for interaction in kept.interactions
        ],
        "feedback": [
            {
                "id": feedback.feedback_id,
                "interaction_id": feedback.interaction_id,
                "given": feedback.given.isoformat(),
                "kind": feedback.kind.value,
                "value": feedback.value,
                "kept_until": None
                if feedback.interaction_id in corrected
                else _until(Kind.FEEDBACK, feedback.given, periods),
            }
            | _opened(feedback.stand_ins, keys)
            for feedback in kept.feedback
            if feedback.user == scope.user
        ],
        "corrections": [
            _correction(entry, live, periods) | _opened(entry.correction.stand_ins, keys)
            for entry in kept.corrections
            if entry.correction.user == scope.user
        ],
        "retention": retention(periods),
    }


def _opened(stand_ins: Sequence[StandIn], keys: Sealing | None) -> dict[str, Json]:
    """What the stand-ins stand for, where they may be opened."""
    if keys is None:
        return {}
    return {"masked": {label: list(forms) for label, forms in keys.opened(stand_ins).items()}}


def retention(settings: Retention) -> dict[str, Json]:
    """Days for which each kind of record is kept; null: without end."""
    return {kind.value: None if (kept := period(kind, settings)) is None else kept.days for kind in Kind}


def _until(kind: Kind, since: datetime, settings: Retention) -> str | None:
    end = kept_until(kind, since, settings)
    return None if end is None else end.isoformat()


def _interaction(interaction: Interaction, settings: Retention, *, corrected: bool) -> dict[str, Json]:
    """One that a correction rests on stays as long as that, as do signals on it, so no day is named."""
    purposes = interaction.purposes
    return {
        "id": interaction.interaction_id,
        "asked": interaction.asked.isoformat(),
        "session": interaction.session,
        "group": interaction.group,
        "consent": interaction.consent,
        "purposes": None if purposes is None else [*sorted(purpose.value for purpose in purposes)],
        "agreed_by": None if interaction.agreed is None else interaction.agreed.value,
        "question": interaction.question,
        "searched_for": interaction.query,
        "answer": interaction.answer,
        "answered": interaction.answered,
        "digests_of_masked_values": len(interaction.masked),
        "cited": [citation.document_id for citation in interaction.citations],
        "version": interaction.version_id,
        "kept_until": None if corrected else _until(Kind.INTERACTIONS, interaction.asked, settings),
    }


def _correction(entry: ReviewedCorrection, live: list[VersionRecord], settings: Retention) -> dict[str, Json]:
    """One that was accepted stays."""
    correction, review = entry.correction, entry.review
    holding = [record.manifest.version_id for record in live if correction.correction_id in record.manifest.corrections]
    stays = bool(holding) or entry.verdict_state is CorrectionState.ACCEPTED
    since = correction.submitted if review is None else review.reviewed
    return {
        "id": correction.correction_id,
        "interaction_id": correction.interaction_id,
        "submitted": correction.submitted.isoformat(),
        "question": correction.question,
        "answer": correction.answer,
        "status": (CorrectionState.LIVE if holding else entry.verdict_state).value,
        "live_in": holding[0] if holding else None,
        "wording": entry.answer,
        "note": None if review is None else review.note,
        "kept_until": None if stays else _until(Kind.CORRECTIONS, since, settings),
    }
