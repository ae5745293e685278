"""The cycle's snapshot and build, over fakes: which corrections and known questions the next version holds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.chat import open_for
from rag_flywheel.domain import (
    Chunk,
    Citation,
    CorrectionId,
    DocumentId,
    Evidence,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    Manifest,
    Passage,
    Verdict,
)
from rag_flywheel.reindex import build_version, reindex, take_snapshot
from rag_flywheel.retrieval import retrieve
from rag_flywheel.wiring import Services
from tests.fakes.samples import NOON, correction, interaction, review, span
from tests.fakes.services import services

HOUR = timedelta(hours=1)
PAGE = "# Boiler\n\nTurn the gas tap to the left and hold the ignition button for ten seconds until the flame is lit.\n"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "boiler.md").write_text(PAGE, encoding="utf-8")
    made = services(tmp_path, text="sources: [boiler.md]\ngolden: ''\n")
    made.ledger.add_interaction(interaction("i1"))
    for name, answer in (("c1", "Turn it left."), ("c2", "Call the vendor.")):
        made.ledger.add_correction(correction(name, answer=answer, submitted=NOON - timedelta(hours=9)))
    return made


def decided(made: Services, name: str, verdict: Verdict, minute: int) -> None:
    at = NOON - HOUR + timedelta(minutes=minute)
    made.ledger.add_review(review(name, verdict, reviewed=at, name=f"{name} at {minute}"))


def next_version(made: Services) -> dict[CorrectionId, tuple[Evidence, ...]]:
    """The corrections that a version built now holds, each with what it supersedes."""
    manifest = build_version(take_snapshot(made), made, parent=None, steps=lambda name, done, total: None).manifest
    held = {
        one.provenance.correction_id: one.provenance.supersedes
        for one in made.index.chunks(manifest.version_id)
        if one.provenance is not None
    }
    assert tuple(held) == manifest.corrections
    return held


def test_a_correction_that_is_superseded_leaves_at_the_next_reindex_and_its_successor_names_it(made: Services) -> None:
    decided(made, "c2", Verdict.ACCEPT, 1)
    assert next_version(made) == {"c2": ()}
    decided(made, "c1", Verdict.ACCEPT, 2)
    assert next_version(made) == {"c1": (span("correction:c2", 0, 16),)}
    assert len(made.ledger.corrections()) == 2


def test_a_correction_that_is_rejected_later_leaves_at_the_next_reindex_and_the_older_one_returns(
    made: Services,
) -> None:
    decided(made, "c1", Verdict.ACCEPT, 1)
    decided(made, "c2", Verdict.ACCEPT, 2)
    before = take_snapshot(made)
    decided(made, "c2", Verdict.REJECT, 3)
    assert take_snapshot(made).inputs != before.inputs
    assert next_version(made) == {"c1": ()}
    decided(made, "c1", Verdict.REJECT, 4)
    assert next_version(made) == {}


def said(made: Services, of: str, kind: FeedbackKind, value: Json) -> None:
    name = FeedbackId(f"f{len(made.ledger.feedback())}")
    given = Feedback(
        feedback_id=name, interaction_id=InteractionId(of), given=NOON - HOUR, user=None, kind=kind, value=value
    )
    made.ledger.add_feedback(given)


def test_implicit_signals_about_unjudged_answers_change_nothing_that_a_version_is_made_of(made: Services) -> None:
    before = take_snapshot(made)
    for kind in (FeedbackKind.USED, FeedbackKind.ABANDONED, FeedbackKind.REGENERATED):
        said(made, "i1", kind, True)
    after = take_snapshot(made)
    assert (after.inputs, after.weights, after.confirmed) == (before.inputs, {}, ())


def test_implicit_signals_about_confirmed_and_corrected_answers_weigh_them_and_are_among_the_inputs(
    made: Services,
) -> None:
    made.ledger.add_interaction(interaction("praised"))
    said(made, "praised", FeedbackKind.THUMB, "up")
    decided(made, "c1", Verdict.ACCEPT, 1)
    inputs = [take_snapshot(made).inputs]
    said(made, "praised", FeedbackKind.USED, True)
    inputs.append(take_snapshot(made).inputs)
    said(made, "i1", FeedbackKind.ABANDONED, True)
    inputs.append(take_snapshot(made).inputs)
    assert len(set(inputs)) == 3
    said(made, "i1", FeedbackKind.ABANDONED, True)  # a repetition
    assert take_snapshot(made).inputs == inputs[-1]
    assert take_snapshot(made).weights == {"praised": 1.25, "i1": 0.75}


# --- confirmed answers ----------------------------------------------------------------------------------------------

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


@pytest.fixture
def household(tmp_path: Path) -> Services:
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


def praised(made: Services, questions: Mapping[str, str]) -> None:
    """Each question (by the file that answers it) with an answer that cites the file and was confirmed."""
    for name, question in questions.items():
        text = ANSWERS[name]
        cited = Citation(number=1, document_id=DocumentId(name), title="", text=text, start=0, end=len(text), score=0.5)
        asked = interaction(f"about {name}", question=question, answer=text, asked=NOON - 9 * HOUR)
        made.ledger.add_interaction(replace(asked, citations=(cited,)))
        said(made, asked.interaction_id, FeedbackKind.THUMB, "up")


def cycle(made: Services) -> tuple[Manifest, list[Chunk]]:
    """The version that a whole cycle makes live, with its known questions."""
    result = reindex(made, force=False, steps=lambda name, done, total: None)
    assert result["decision"] == "promoted", result["reasons"]
    manifest = made.ledger.version(result["version"]).manifest
    return manifest, [one for one in made.index.chunks(manifest.version_id) if one.confirmed is not None]


def ranked(made: Services, manifest: Manifest, question: str) -> list[Passage]:
    searcher = open_for(manifest, index=made.index, encoders=made.encoders, rerankers=made.rerankers)
    return retrieve(question, searcher=searcher)


def test_with_too_few_confirmed_answers_no_question_is_known(household: Services) -> None:
    praised(household, {name: ASKED[name] for name in list(ASKED)[: ENOUGH - 1]})
    manifest, known = cycle(household)
    assert known == []
    assert len(manifest.confirmed) == ENOUGH - 1
    first, *_ = ranked(household, manifest, REWORDED)
    assert first.chunk.document_id == "poem.md"


def test_with_enough_confirmed_answers_other_wordings_find_the_confirmed_passage_first(household: Services) -> None:
    praised(household, ASKED)
    manifest, known = cycle(household)
    assert {one.question: one.document_id for one in known} == {question: name for name, question in ASKED.items()}
    assert {one.confirmed for one in known} == set(manifest.confirmed)
    first, *others = ranked(household, manifest, REWORDED)
    assert (first.chunk.document_id, first.chunk.confirmed) == ("boiler.md", "about boiler.md")
    assert "boiler.md" not in {one.chunk.document_id for one in others}


def test_known_questions_are_counted_neither_as_corrections_nor_as_passages(household: Services) -> None:
    before, _ = cycle(household)
    praised(household, ASKED)
    after, known = cycle(household)
    assert len(known) == ENOUGH
    assert after.counts == before.counts
    assert (after.counts.corrections, after.counts.passages) == (1, 5)
    assert after.corrections == before.corrections == ("c1",)


def test_a_confirmed_answer_of_a_correction_leaves_the_versions_corrections_as_they_are(household: Services) -> None:
    praised(household, ASKED)
    cited = Citation(
        number=1,
        document_id=DocumentId("correction:c1"),
        title="",
        text="Call our carpenter.",
        start=0,
        end=19,
        score=0.5,
    )
    asked = interaction("i9", question="Somebody for wooden fences?", asked=NOON - 9 * HOUR)
    household.ledger.add_interaction(replace(asked, citations=(cited,)))
    said(household, "i9", FeedbackKind.THUMB, "up")
    manifest, known = cycle(household)
    assert [one.provenance is not None for one in known if one.confirmed == "i9"] == [True]
    assert (manifest.corrections, manifest.counts.corrections) == (("c1",), 1)
