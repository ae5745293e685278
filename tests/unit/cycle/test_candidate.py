"""What the next version holds: corrections that stand, and questions whose answer was confirmed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.cycle.candidate import build_version
from rag_flywheel.cycle.snapshot import take_snapshot
from rag_flywheel.domain import (
    Citation,
    CorrectionId,
    DocumentId,
    Evidence,
    FeedbackKind,
    Verdict,
)
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, correction, interaction, span
from tests.fakes.services import services
from tests.unit.cycle.household import (
    ANSWERS,
    ASKED,
    ENOUGH,
    HOUR,
    REWORDED,
    cycle,
    decided,
    ground,
    praised,
    ranked,
    said,
)

PAGE = "# Boiler\n\nTurn the gas tap to the left and hold the ignition button for ten seconds until the flame is lit.\n"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "boiler.md").write_text(PAGE, encoding="utf-8")
    made = services(tmp_path, text="sources: [boiler.md]\ngolden: ''\n")
    made.ledger.add_interaction(interaction("i1"))
    for name, answer in (("c1", "Turn it left."), ("c2", "Call the vendor.")):
        made.ledger.add_correction(correction(name, answer=answer, submitted=NOON - timedelta(hours=9)))
    return made


def next_version(made: Services) -> dict[CorrectionId, tuple[Evidence, ...]]:
    """The corrections that a version built now holds, each with what it supersedes."""
    manifest = build_version(*ground(made)).manifest
    held = {
        chunk.provenance.correction_id: chunk.provenance.supersedes
        for chunk in made.index.chunks(manifest.version_id)
        if chunk.provenance is not None
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


def test_a_version_names_the_languages_of_its_passages_and_is_searched_in_them(tmp_path: Path) -> None:
    german = (
        "# Heizung\n\nDrehen Sie den Gashahn nach links und halten Sie die Zündtaste gedrückt, bis die Flamme brennt.\n"
    )
    (tmp_path / "boiler.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "heizung.md").write_text(german, encoding="utf-8")
    made = services(tmp_path, text="sources: [boiler.md, heizung.md]\ngolden: ''\n")
    manifest = build_version(*ground(made)).manifest
    assert manifest.languages == ("de", "en")
    assert {chunk.source: chunk.language for chunk in made.index.chunks(manifest.version_id)} == {
        "boiler.md": "en",
        "heizung.md": "de",
    }
    assert made.open(manifest).languages == ("de", "en")


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
    assert {chunk.question: chunk.document_id for chunk in known} == {
        question: name for name, question in ASKED.items()
    }
    assert {chunk.confirmed for chunk in known} == set(manifest.confirmed)
    first, *others = ranked(household, manifest, REWORDED)
    assert (first.chunk.document_id, first.chunk.confirmed) == ("boiler.md", "about boiler.md")
    assert "boiler.md" not in {other.chunk.document_id for other in others}


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
    assert [chunk.provenance is not None for chunk in known if chunk.confirmed == "i9"] == [True]
    assert (manifest.corrections, manifest.counts.corrections) == (("c1",), 1)


NEWS = "Since May our plumber visits whenever somebody rings, except during school holidays and on public feast days."
NEAR_IT = "Is my shower icy since dawn?"


def test_a_page_that_gains_text_above_what_was_confirmed_leaves_the_threshold_where_it_was(household: Services) -> None:
    """Two questions of one passage are no strangers to one another after the passage has moved down its page."""
    small = household.config.ingest.model_copy(update={"chunk_tokens": 32, "chunk_overlap_tokens": 0})
    made = replace(household, config=household.config.model_copy(update={"ingest": small}))
    praised(made, ASKED)
    praised(made, {"boiler.md": NEAR_IT}, by="somebody else about")
    before, _ = cycle(made)
    page = made.config.file.parent / "boiler.md"
    page.write_text(f"{NEWS}\n\n{ANSWERS['boiler.md']}\n", encoding="utf-8")
    after, known = cycle(made)
    assert {chunk.start for chunk in known if chunk.document_id == "boiler.md"} == {len(NEWS) + 2}
    assert after.learned.admission == before.learned.admission is not None
