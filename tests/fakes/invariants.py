"""Versions and ledgers to check the invariants of, with nothing odd about them but what a test asks for."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from eval.guardrails import invariants
from eval.guardrails.invariants import Candidate, Check, Control, Detectors, Held, Invariant, Superseded
from eval.guardrails.safety import Rate
from rag_flywheel.config import Guardrails
from rag_flywheel.domain import Chunk, DocumentId, InteractionId, ReviewedCorrection
from rag_flywheel.domain.masked import NOTHING_MASKED, MaskedOut
from rag_flywheel.ports import Vectors
from tests.fakes.evaluation import chunk, manifest
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import correction_chunk, reviewed

CLEAN = [chunk("d1", "The lid opens to the left."), chunk("d2", "The tank holds two litres."), correction_chunk("c1")]
SECRET = "Write to ada@example.org for it."
PLANTED = "Zephyr-Quartz 4417 Lantern"
NOTHING_HIDDEN = Superseded(hidden=(), originals={}, replaced=())


def rate(texts: Sequence[str]) -> Vectors:
    """A classifier for tests: unsafe is what threatens."""
    return np.array([0.9 if "kill you" in text else 0.1 for text in texts], dtype=np.float32)


def version(
    chunks: Sequence[Chunk],
    *,
    stored: Sequence[Chunk] | None = None,
    find: Callable[[Chunk], Sequence[Chunk]] = lambda chunk: [chunk],
    duplicates: Sequence[str] = (),
    confirmed: Sequence[str] = (),
    documents: Sequence[str] = (),
    aside: Sequence[str] = (),
) -> Candidate:
    return Candidate(
        manifest=manifest(confirmed=confirmed),
        chunks=chunks,
        stored=chunks if stored is None else stored,
        find=find,
        left_out={DocumentId(name) for name in (*duplicates, *aside)},
        documents={DocumentId(name) for name in documents},
        aside={DocumentId(name) for name in aside},
    )


def same_files(chunks: Sequence[Chunk]) -> Control:
    """A control of which no file changed."""
    return Control(manifest=manifest(), chunks=chunks)


def other_files(chunks: Sequence[Chunk]) -> Control:
    """A control of which every file changed."""
    made = manifest()
    return Control(manifest=replace(made, sources=dict.fromkeys(made.sources, "other bytes")), chunks=chunks)


def ledger_with(*corrections: ReviewedCorrection, interactions: Sequence[str] = ()) -> Held:
    return Held(reviewed=corrections, interactions={InteractionId(name) for name in interactions})


def detectors(
    *,
    redactor: FakeRedactor | None = None,
    planted_strings: Sequence[str] = (),
    rate: Rate = rate,
    masked: MaskedOut = NOTHING_MASKED,
) -> Detectors:
    return Detectors(
        redactor=redactor or FakeRedactor(),
        entities=("EMAIL_ADDRESS",),
        planted_strings=planted_strings,
        rate=rate,
        seed=0,
        masked=masked,
        probes=200,
        drawn_by="0",
    )


def checks(
    candidate: Candidate | Sequence[Chunk],
    control: Control | Sequence[Chunk] | None = None,
    *,
    held: Held | None = None,
    superseded: Superseded = NOTHING_HIDDEN,
    stale: float | None = None,
    using: Detectors | None = None,
) -> list[Check]:
    """Chunks alone stand for a version with nothing odd about it, or a control of which every file changed."""
    new = candidate if isinstance(candidate, Candidate) else version(candidate)
    return invariants.check(
        new,
        control if control is None or isinstance(control, Control) else other_files(control),
        held=held or ledger_with(reviewed("c1"), interactions=new.manifest.confirmed),
        superseded=superseded,
        stale=stale,
        detectors=using or detectors(),
        settings=Guardrails(),
    )


def broken(those: Sequence[Check]) -> list[tuple[Invariant, tuple[str, ...]]]:
    return [(check.invariant, check.documents) for check in invariants.broken(those)]
