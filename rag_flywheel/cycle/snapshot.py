"""What a cycle starts from: sources, corrections, feedback and judgements as they were at one instant."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from eval.questions import golden
from eval.questions.golden import Case
from ingest import build
from ingest.corrections import Accepted, accepted
from ingest.reading.raw import Skipped
from ingest.reading.sources import SourceFile, fingerprint, list_files
from rag_flywheel.domain import (
    AsideState,
    Citation,
    CorrectionId,
    CorrectionState,
    Document,
    Feedback,
    Interaction,
    InteractionId,
    Json,
    Manifest,
    Retirement,
    ReviewedCorrection,
    VersionId,
    VersionRecord,
    VersionState,
    questions_left_out,
)
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.domain.equivalence import same_question
from rag_flywheel.domain.stand_ins import lettered
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.intake import confirmed, meant
from rag_flywheel.feedback.supporters import Unsupported, unsupported
from rag_flywheel.ports import Conversations
from rag_flywheel.privacy.consent import Agreements, agreements
from rag_flywheel.privacy.sensitive import sensitive
from rag_flywheel.services import Services

SHAPING = ("ingest", "privacy", "embedder", "reranker", "retrieval", "guardrails")
"""The sections of the configuration that decide what a version answers."""
RULED = (AsideState.RELEASED, AsideState.DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a version is made of, up to one instant."""

    cutoff: datetime
    files: tuple[SourceFile, ...]
    problems: tuple[Skipped, ...]  # sources that give nothing, and files that are passed over
    digests: Mapping[str, str]  # file -> SHA-256
    reviewed: tuple[ReviewedCorrection, ...]
    accepted: Accepted
    corrected: Mapping[InteractionId, Interaction]  # those that corrections were accepted of
    confirmed: tuple[Interaction, ...]  # but for those whose question was set aside
    weights: Mapping[InteractionId, float]  # of the confirmed and corrected ones whose implicit signals say something
    golden: tuple[Case, ...]
    retired: Mapping[str, Retirement]  # by the case's id
    rulings: Mapping[str, AsideState]  # by the id of what was set aside: released or dropped
    settings: Mapping[str, Json]
    consents: Agreements
    unheard: frozenset[str]  # ids of corrections and questions that may not be learned from
    private: Mapping[Purpose, frozenset[str]]  # ids of judged questions in the words of those who do not agree to it
    withdrawn: datetime | None  # when somebody last withdrew what a version may have been made of
    inputs: str  # digest of all of the above but the instant and the consents

    def is_outdated(self, manifest: Manifest) -> bool:
        """Whether a version may have learned what nothing may be learned from any more."""
        return not self.unheard.isdisjoint((*manifest.corrections, *manifest.confirmed)) or (
            self.withdrawn is not None and self.withdrawn > manifest.feedback_cutoff
        )

    def may_ask(self, asked: Interaction) -> bool:
        """Whether versions may be asked the same."""
        return self.consents.allow(Purpose.EVALUATE, asked)

    @property
    def unasked(self) -> frozenset[str]:
        """Ids, as `golden.listed_as` gives them, of the cases of those who did not agree to be asked after."""
        confirmed = {f"confirmed:{asked.interaction_id}" for asked in self.confirmed if not self.may_ask(asked)}
        return (
            self.private[Purpose.EVALUATE]
            | confirmed
            | {
                str(entry.correction.document_id)
                for entry in self.reviewed
                if entry.verdict_state is CorrectionState.ACCEPTED
                and not (
                    self.may_ask(self.corrected[entry.correction.interaction_id])
                    and self.consents.allow_from(Purpose.EVALUATE, entry.correction.user, at=entry.correction.submitted)
                )
            }
        )

    def held(self, manifest: Manifest) -> list[ReviewedCorrection]:
        """The corrections that a version holds, as they were reviewed."""
        return [
            reviewed for reviewed in self.reviewed if reviewed.correction.correction_id in set(manifest.corrections)
        ]


def take_snapshot(services: Services, *, unfetched: Sequence[Skipped] = ()) -> Snapshot:
    """Read what there is to build from, without parsing anything: it is quick.

    `unfetched` are the sources that could not be fetched just now.
    """
    config, ledger = services.config, services.ledger
    cutoff = services.now()
    listing = list_files(config)
    people = _heard(cutoff, services)
    feedback, consents = people.feedback, people.consents
    waiting = _unsupported(people.reviewed, (), services)
    reviewed = [_apart(entry) for entry in people.reviewed if entry.correction.correction_id not in waiting.corrections]
    folder = golden.load_beir(config.resolve(config.golden)) if config.golden else []
    judged = golden.collected(folder, ledger.golden_cases(until=cutoff))
    aside = ledger.asides(until=cutoff)
    out = questions_left_out(aside)
    chosen, standing = meant(feedback), accepted(reviewed)
    good = [ledger.interaction(name) for name in confirmed(feedback) if name not in chosen]
    good += [
        _answered_by(document, ledger.interaction(name))
        for document in standing.documents
        for name, correction in chosen.items()
        if document.provenance is not None and document.provenance.correction_id == correction
    ]
    corrected = {name: people.origins[name] for name in _accepted_of(reviewed)}
    heard = [asked for asked in good if consents.allow(Purpose.LEARN, asked)]
    praised = [asked for asked in heard if asked.answered and asked.interaction_id not in out]
    few = _unsupported((), praised, services).questions
    praised = [asked for asked in praised if asked.interaction_id not in few]
    labelled = corrected.keys() | {interaction.interaction_id for interaction in praised}
    weights = {name: weight for name, weight in implicit.weights(feedback).items() if name in labelled}
    return _with_inputs(
        Snapshot(
            cutoff=cutoff,
            files=listing.files,
            problems=tuple({problem.name: problem for problem in (*listing.skipped, *unfetched)}.values()),
            digests=fingerprint(listing.files),
            reviewed=tuple(reviewed),
            accepted=standing,
            corrected=corrected,
            confirmed=tuple(replace(asked, query=lettered(asked.query)[0]) for asked in praised),
            weights=weights,
            golden=tuple(judged),
            retired={retirement.case_id: retirement for retirement in ledger.retirements(until=cutoff)},
            rulings={found.aside_id: found.state for found in aside if found.state in RULED},
            settings={name: getattr(config, name).model_dump(mode="json") for name in SHAPING},
            consents=consents,
            unheard=people.unheard
            | {asked.interaction_id for asked in good} - {asked.interaction_id for asked in heard},
            private={use: _in_words_of(consents, use, judged, ledger) for use in (Purpose.LEARN, Purpose.EVALUATE)},
            withdrawn=people.withdrawn,
            inputs="",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What people said and may be learned from."""

    feedback: Sequence[Feedback]
    reviewed: Sequence[ReviewedCorrection]
    origins: Mapping[InteractionId, Interaction]  # of all accepted corrections
    consents: Agreements
    unheard: frozenset[str]  # ids of the other accepted corrections
    withdrawn: datetime | None  # the last withdrawal of somebody who had said something


def _heard(cutoff: datetime, services: Services) -> _Heard:
    """A correction is in the words of its author and of its asker, and needs the consent of both."""
    ledger = services.ledger
    consents = agreements(ledger.consents(until=cutoff), policy=services.config.privacy.consent)
    told, every = ledger.feedback(until=cutoff), ledger.corrections(until=cutoff)
    origins = {name: ledger.interaction(name) for name in _accepted_of(every)}
    ended = [consents.ended(signal.user, None, at=signal.given) for signal in told]
    unheard = set()
    for entry in every:
        of = entry.correction
        asked = origins.get(of.interaction_id)
        if entry.verdict_state is not CorrectionState.ACCEPTED or asked is None:
            continue
        ended += [
            consents.ended(of.user, None, at=of.submitted),
            consents.ended(asked.user, asked.session, at=asked.asked),
        ]
        if not consents.allow(Purpose.LEARN, asked) or not consents.allow_from(Purpose.LEARN, of.user, at=of.submitted):
            unheard.add(of.correction_id)
    return _Heard(
        feedback=[signal for signal in told if consents.allow_from(Purpose.LEARN, signal.user, at=signal.given)],
        reviewed=[entry for entry in every if entry.correction.correction_id not in unheard],
        origins=origins,
        consents=consents,
        unheard=frozenset(unheard),
        withdrawn=max((at for at in ended if at is not None), default=None),
    )


def _in_words_of(
    consents: Agreements, purpose: Purpose, judged: Sequence[Case], ledger: Conversations
) -> frozenset[str]:
    """Of the judged questions, those that are in the very words of somebody who does not agree."""
    theirs = (asked for user in consents.refusing(purpose) for asked in ledger.interactions_of(user))
    words = {same_question(asked.query) for asked in theirs if not consents.allow(purpose, asked)}
    return frozenset(case.case_id for case in judged if same_question(case.question) in words)


def _accepted_of(reviewed: Sequence[ReviewedCorrection]) -> set[InteractionId]:
    """What the accepted ones are corrections of."""
    return {entry.correction.interaction_id for entry in reviewed if entry.verdict_state is CorrectionState.ACCEPTED}


def _unsupported(
    reviewed: Sequence[ReviewedCorrection], questions: Sequence[Interaction], services: Services
) -> Unsupported:
    """What of it is sensitive and too few people stand behind."""
    index = services.index
    live = index.live()
    return unsupported(
        [entry for entry in reviewed if entry.verdict_state is CorrectionState.ACCEPTED],
        questions,
        ledger=services.ledger,
        sensitive=sensitive(services.config, lambda: () if live is None else index.chunks(live)),
        needed=services.config.privacy.supporters,
    )


def _apart(entry: ReviewedCorrection) -> ReviewedCorrection:
    """Without the numbers that masks have in the conversation it was made in: a version is no part of that."""
    question, answer = lettered(entry.correction.question, entry.answer)
    review = entry.review
    return ReviewedCorrection(
        correction=replace(entry.correction, question=question, answer=answer),
        review=review if review is None or review.answer is None else replace(review, answer=answer),
    )


def _answered_by(correction: Document, asked: Interaction) -> Interaction:
    """The interaction as if the correction that was meant had answered it."""
    text = correction.text
    citation = Citation(
        number=1,
        document_id=correction.document_id,
        title=correction.title,
        text=text,
        start=0,
        end=len(text),
        score=1.0,
    )
    return replace(asked, answered=True, answer=text, citations=(citation,))


def without(
    snapshot: Snapshot, *, corrections: AbstractSet[CorrectionId], questions: AbstractSet[InteractionId]
) -> Snapshot:
    """As if nobody had made these corrections, or confirmed the answers to these questions."""
    if not corrections and not questions:
        return snapshot
    reviewed = tuple(entry for entry in snapshot.reviewed if entry.correction.correction_id not in corrections)
    return _with_inputs(
        replace(
            snapshot,
            reviewed=reviewed,
            accepted=accepted(reviewed),
            confirmed=tuple(asked for asked in snapshot.confirmed if asked.interaction_id not in questions),
        )
    )


def _with_inputs(snapshot: Snapshot) -> Snapshot:
    """With the digest of what a version would be made of."""
    standing = snapshot.accepted
    origins = {document.provenance.interaction_id for document in standing.documents if document.provenance is not None}
    labelled = origins | {interaction.interaction_id for interaction in snapshot.confirmed}
    parts = [
        build.RULES,
        build.VECTORS,
        [
            (file.name, snapshot.digests[file.name], file.alone, file.groups, file.source.treatment)
            for file in snapshot.files
        ],
        [(document.document_id, document.text, document.question) for document in standing.documents],
        [(span.document_id, span.start, span.end) for span in standing.hidden],
        sorted(interaction.interaction_id for interaction in snapshot.confirmed),
        sorted((name, weight) for name, weight in snapshot.weights.items() if name in labelled),
        [golden.content(case) for case in snapshot.golden if case.case_id not in snapshot.private[Purpose.LEARN]],
        sorted(snapshot.retired),
        sorted(snapshot.rulings.items()),
        snapshot.settings,
    ]
    return replace(snapshot, inputs=hashlib.sha256(json.dumps(parts).encode()).hexdigest())


def unchanged(snapshot: Snapshot, records: Sequence[VersionRecord], live: VersionId | None) -> str | None:
    """Why there is nothing to do, or None. What was rolled back is not built again by itself, unless somebody has
    withdrawn what is live.
    """
    if any(record.manifest.version_id == live and snapshot.is_outdated(record.manifest) for record in records):
        return None
    same = [record for record in records if record.manifest.inputs == snapshot.inputs]
    if any(record.manifest.version_id == live for record in same):
        return f"nothing has changed since {live} was built"
    for record in reversed(same):
        fates = [state for _, state in record.states if state in (VersionState.LIVE, VersionState.ROLLED_BACK)]
        if fates and fates[-1] is VersionState.ROLLED_BACK:
            name = record.manifest.version_id
            back = "" if record.state is VersionState.DELETED else f"`rag-flywheel promote {name}` puts it back, and "
            return (
                f"nothing has changed since {name} was built, and that was rolled back: {back}`reindex --force` builds "
                "it again"
            )
    return None
