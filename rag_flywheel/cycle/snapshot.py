"""What a cycle starts from: sources, corrections, feedback and judgements as they were at one instant."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from eval.guardrails.injection import Place, signs
from eval.questions import golden
from eval.questions.golden import Case
from ingest import build
from ingest.corrections import Accepted, accepted
from ingest.reading.raw import Skipped
from ingest.reading.sources import SourceFile, fingerprint, list_files
from rag_flywheel.domain import (
    Interaction,
    InteractionId,
    Json,
    Manifest,
    Retirement,
    ReviewedCorrection,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.feedback import implicit
from rag_flywheel.feedback.intake import confirmed
from rag_flywheel.services import Services

SHAPING = ("ingest", "privacy", "embedder", "reranker", "retrieval")
"""The sections of the configuration that decide what a version answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a version is made of, up to one instant."""

    cutoff: datetime
    files: tuple[SourceFile, ...]
    problems: tuple[Skipped, ...]  # sources that give nothing, and files that are passed over
    digests: Mapping[str, str]  # file -> SHA-256
    reviewed: tuple[ReviewedCorrection, ...]
    accepted: Accepted
    corrected: Mapping[InteractionId, Interaction]  # those that the accepted corrections are of
    confirmed: tuple[Interaction, ...]  # but for questions that give orders to a language model: no one reviews them
    weights: Mapping[InteractionId, float]  # of the confirmed and corrected ones whose implicit signals say something
    golden: tuple[Case, ...]
    retired: Mapping[str, Retirement]  # by the case's id
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
    digests = fingerprint(listing.files)
    reviewed = ledger.corrections(until=cutoff)
    feedback = ledger.feedback(until=cutoff)
    good = [ledger.interaction(interaction_id) for interaction_id in confirmed(feedback)]
    praised = [
        interaction
        for interaction in good
        if interaction.answered and interaction.consent and not signs(interaction.query, place=Place.QUESTION)
    ]
    folder = golden.load_beir(config.resolve(config.golden)) if config.golden else []
    cases = golden.collected(folder, ledger.golden_cases(until=cutoff))
    retired = {retirement.case_id: retirement for retirement in ledger.retirements(until=cutoff)}
    settings: dict[str, Json] = {name: getattr(config, name).model_dump(mode="json") for name in SHAPING}
    standing = accepted(reviewed)
    origins = [document.provenance.interaction_id for document in standing.documents if document.provenance is not None]
    corrected = {name: ledger.interaction(name) for name in origins}
    labelled = corrected.keys() | {interaction.interaction_id for interaction in praised}
    weights = {name: weight for name, weight in implicit.weights(feedback).items() if name in labelled}
    parts = [
        build.RULES,
        [(file.name, digests[file.name], file.alone, file.source.treatment) for file in listing.files],
        [(document.document_id, document.text, document.question) for document in standing.documents],
        [(span.document_id, span.start, span.end) for span in standing.hidden],
        sorted(interaction.interaction_id for interaction in praised),
        sorted(weights.items()),
        [golden.content(case) for case in cases],
        sorted(retired),
        settings,
    ]
    return Snapshot(
        cutoff=cutoff,
        files=listing.files,
        problems=tuple({problem.name: problem for problem in (*listing.skipped, *unfetched)}.values()),
        digests=digests,
        reviewed=tuple(reviewed),
        accepted=standing,
        corrected=corrected,
        confirmed=tuple(praised),
        weights=weights,
        golden=tuple(cases),
        retired=retired,
        settings=settings,
        inputs=hashlib.sha256(json.dumps(parts).encode()).hexdigest(),
    )


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
