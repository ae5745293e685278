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
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.intake import confirmed, meant
from rag_flywheel.feedback.supporters import Unsupported, unsupported
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
    inputs: str  # digest of all of the above but the instant

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
    reviewed = ledger.corrections(until=cutoff)
    waiting = _unsupported(reviewed, (), services)
    reviewed = [entry for entry in reviewed if entry.correction.correction_id not in waiting.corrections]
    feedback = ledger.feedback(until=cutoff)
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
    folder = golden.load_beir(config.resolve(config.golden)) if config.golden else []
    corrected = {
        entry.correction.interaction_id: ledger.interaction(entry.correction.interaction_id)
        for entry in reviewed
        if entry.verdict_state is CorrectionState.ACCEPTED
    }
    praised = [asked for asked in good if asked.answered and asked.consent and asked.interaction_id not in out]
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
            confirmed=tuple(praised),
            weights=weights,
            golden=tuple(golden.collected(folder, ledger.golden_cases(until=cutoff))),
            retired={retirement.case_id: retirement for retirement in ledger.retirements(until=cutoff)},
            rulings={found.aside_id: found.state for found in aside if found.state in RULED},
            settings={name: getattr(config, name).model_dump(mode="json") for name in SHAPING},
            inputs="",
        )
    )


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
        [golden.content(case) for case in snapshot.golden],
        sorted(snapshot.retired),
        sorted(snapshot.rulings.items()),
        snapshot.settings,
    ]
    return replace(snapshot, inputs=hashlib.sha256(json.dumps(parts).encode()).hexdigest())


def unchanged(snapshot: Snapshot, records: Sequence[VersionRecord], live: VersionId | None) -> str | None:
    """Why there is nothing to do, or None. What was rolled back is not built again by itself."""
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
