"""Pages of a household, and what people say of them, for tests of the cycle over fakes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from eval.report import night as told
from rag_flywheel.cycle.candidate import Ground, prepare
from rag_flywheel.cycle.gate_run import Attempt, GateRun
from rag_flywheel.cycle.night import Night
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleResult
from rag_flywheel.cycle.snapshot import Snapshot, take_snapshot
from rag_flywheel.domain import (
    Chunk,
    Citation,
    DocumentId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    Manifest,
    Passage,
    Verdict,
)
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, correction, interaction, review
from tests.fakes.services import services

HOUR = timedelta(hours=1)


def quiet(name: str, done: int, total: int) -> None:
    """A run that tells nobody how far it is."""


def decided(made: Services, name: str, verdict: Verdict, minute: int) -> None:
    at = NOON - HOUR + timedelta(minutes=minute)
    made.ledger.add_review(review(name, verdict, reviewed=at, name=f"{name} at {minute}"))


def said(made: Services, of: str, kind: FeedbackKind, value: Json) -> None:
    name = FeedbackId(f"f{len(made.ledger.feedback())}")
    given = Feedback(
        feedback_id=name, interaction_id=InteractionId(of), given=NOON - HOUR, user=None, kind=kind, value=value
    )
    made.ledger.add_feedback(given)


ENOUGH = 4  # reranker.minimum_groups
ANSWERS = {
    "boiler.md": "Turn the gas tap to the left and hold the ignition button until a flame is lit.",
    "filter.md": "Rinse both meshes under running water every month.",
    "lamp.md": "Unscrew its glass dome before taking out used bulbs.",
    "door.md": "Grease each hinge twice per year.",
}
DECOY = "My shower is so icy at dawn: a poem about the shower, the dawn and the icy floor."
ASKED = {
    "boiler.md": "Why is my shower so icy at dawn?",
    "filter.md": "What can I do against strange smells?",
    "lamp.md": "Which way does somebody replace broken lights?",
    "door.md": "Squeaking noises when guests enter",
}
REWORDED = "Tell me why is my shower so icy at dawn"


def four_pages(tmp_path: Path) -> Services:
    """Four pages, one that shares a question's words and answers nothing, and a correction of something else."""
    for name, text in (ANSWERS | {"poem.md": DECOY}).items():
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    made = services(
        tmp_path,
        text=f"sources: ['*.md']\ngolden: ''\nreranker: {{minimum_groups: {ENOUGH}}}\ngate: {{minimum_cases: 1}}\n",
    )
    made.ledger.add_interaction(interaction("i1", question="Who repairs garden fences?"))
    made.ledger.add_correction(
        correction(question="Who repairs garden fences?", answer="Call our carpenter.", submitted=NOON - 9 * HOUR)
    )
    decided(made, "c1", Verdict.ACCEPT, 1)
    return made


def praised(made: Services, questions: Mapping[str, str], *, by: str = "about") -> None:
    """Each question (by the file that answers it) with an answer that cites the file and was confirmed."""
    for name, question in questions.items():
        text = ANSWERS[name]
        cited = Citation(number=1, document_id=DocumentId(name), title="", text=text, start=0, end=len(text), score=0.5)
        asked = interaction(f"{by} {name}", question=question, answer=text, asked=NOON - 9 * HOUR)
        made.ledger.add_interaction(replace(asked, citations=(cited,)))
        said(made, asked.interaction_id, FeedbackKind.THUMB, "up")


def cycle(made: Services) -> tuple[Manifest, list[Chunk]]:
    """The version that a whole cycle makes live, with its known questions."""
    result = reindex(made, force=False, steps=quiet)
    assert result.decision == "promoted", result.reasons
    assert result.version is not None
    manifest = made.ledger.version(result.version).manifest
    return manifest, [chunk for chunk in made.index.chunks(manifest.version_id) if chunk.confirmed is not None]


def ranked(made: Services, manifest: Manifest, question: str) -> list[Passage]:
    searcher = made.open(manifest)
    return retrieve(question, searcher=searcher)


def ground(made: Services) -> tuple[Snapshot, Ground]:
    """What a candidate would be built on now."""
    snapshot = take_snapshot(made)
    return snapshot, prepare(snapshot, made, anew=False, live=made.index.live(), rephrase=None, steps=quiet)


def night(attempt: Attempt, gate: GateRun) -> Night:
    """A night in which the gate was asked once."""
    decision = gate.decision(attempt, told.Night())
    return Night(
        before=(),
        manifest=attempt.manifest,
        decision=decision,
        report=gate.ground.services.reports / attempt.manifest.version_id,
        found=gate.built.findings,
        skipped=gate.built.skipped,
        corpus=gate.ground.corpus,
        reviewed=gate.built.snapshot.reviewed,
    )


def changed(made: Services, text: str = "Oil each lock before winter comes.") -> None:
    """A page is there that was not."""
    number = len(list(made.config.folder.glob("*.md")))
    (made.config.folder / f"extra{number}.md").write_text(f"{text} {number}\n", encoding="utf-8")


def again(made: Services, *, force: bool = False) -> CycleResult:
    return reindex(made, force=force, steps=quiet)
