"""The cycle over fakes: which corrections and known questions the next version holds, and which ranking it takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from eval.questions import splits
from rag_flywheel.cycle.candidate import build_version
from rag_flywheel.cycle.gate_run import decide_on
from rag_flywheel.cycle.reindex import conclude, reindex
from rag_flywheel.cycle.result import CycleResult
from rag_flywheel.cycle.snapshot import take_snapshot
from rag_flywheel.domain import (
    Chunk,
    Citation,
    CorrectionId,
    Decision,
    DocumentId,
    Evidence,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Json,
    LearnedRanking,
    Manifest,
    Outcome,
    Passage,
    Verdict,
    VersionId,
    VersionState,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.errors import AliasMoved
from rag_flywheel.rollout import promotion
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.services import Services
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, review, span
from tests.fakes.services import services

HOUR = timedelta(hours=1)
PAGE = "# Boiler\n\nTurn the gas tap to the left and hold the ignition button for ten seconds until the flame is lit.\n"


def quiet(name: str, done: int, total: int) -> None:
    """A run that tells nobody how far it is."""


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
    manifest = build_version(take_snapshot(made), made, parent=None, rephrase=None, steps=quiet).manifest
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
    manifest = made.ledger.version(result.version).manifest
    return manifest, [chunk for chunk in made.index.chunks(manifest.version_id) if chunk.confirmed is not None]


def ranked(made: Services, manifest: Manifest, question: str) -> list[Passage]:
    searcher = made.open(manifest)
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
    assert [one.provenance is not None for one in known if one.confirmed == "i9"] == [True]
    assert (manifest.corrections, manifest.counts.corrections) == (("c1",), 1)


NEWS = "Since May our plumber visits whenever somebody rings, except during school holidays and on public feast days."
NEAR_IT = "Is my shower icy since dawn?"


def test_a_page_that_gains_text_above_what_was_confirmed_leaves_the_threshold_where_it_was(household: Services) -> None:
    """Two questions of one passage are no strangers to one another after the passage has moved down its page."""
    small = household.config.ingest.model_copy(update={"chunk_words": 20, "chunk_overlap_words": 0})
    made = replace(household, config=household.config.model_copy(update={"ingest": small}))
    praised(made, ASKED)
    praised(made, {"boiler.md": NEAR_IT}, by="somebody else about")
    before, _ = cycle(made)
    page = made.config.file.parent / "boiler.md"
    page.write_text(f"{NEWS}\n\n{ANSWERS['boiler.md']}\n", encoding="utf-8")
    after, known = cycle(made)
    assert {one.start for one in known if one.document_id == "boiler.md"} == {len(NEWS) + 2}
    assert after.learned.admission == before.learned.admission is not None


# --- attempts -------------------------------------------------------------------------------------------------------

TOPICS = 40


def question_about(topic: int) -> str:
    return f"Where is part{topic} of machine{topic} kept?"


class RememberingLedger(MemoryLedger):
    """It also remembers of which versions it was given a decision, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.decided: list[VersionId] = []

    def add_decision(self, decision: Decision) -> None:
        super().add_decision(decision)
        self.decided.append(decision.version_id)


@dataclass(frozen=True)
class Tried:
    """A cycle in which the gate refused the first of two attempts."""

    made: Services
    ledger: RememberingLedger
    first: Manifest  # what was live before
    bold: LearnedRanking  # the first attempt
    reason: str  # why the gate refuses it
    second: Manifest  # what is live now


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    """A page that answers and two that do not for each topic. Untuned search finds the right one first for questions of
    the gate's half, and second for those of the half that tuning sees, so what is learned there harms
    the others. The first version has learned nothing.
    """
    folder = tmp_path_factory.mktemp("workshop")
    for topic in range(TOPICS):
        told = [  # the nearest to the question first
            f"is where part{topic} of machine{topic} is kept",
            f"has nothing on part{topic} of machine{topic}",
            f"shows machine{topic} from above",
        ]
        seen = splits.is_tuning(normalised(question_about(topic)), seed=0)
        pages = ("wrong", "right", "other") if seen else ("right", "wrong", "other")
        for page, words in zip(pages, told, strict=True):
            (folder / f"{page}{topic}.md").write_text(f"{page}{topic} {words}\n", encoding="utf-8")
    settings = """
sources: ['*.md']
golden: golden
reranker: {minimum_groups: 10}
gate: {minimum_cases: 1, known_items: 0}
"""
    ledger = RememberingLedger()
    made = services(folder, text=settings, ledger=ledger)
    judged(made, 4)
    first, _ = cycle(made)
    judged(made, TOPICS)
    snapshot = take_snapshot(made)
    built = build_version(snapshot, made, parent=first.version_id, rephrase=None, steps=quiet)
    alone = replace(built, attempts=built.attempts[:1])
    decision = decide_on(alone, snapshot, made, rephrase=None, steps=quiet).decision
    assert decision.outcome is Outcome.REFUSED
    second, _ = cycle(made)
    return Tried(
        made=made, ledger=ledger, first=first, bold=built.attempts[0], reason=decision.reasons[0], second=second
    )


def judged(made: Services, topics: int) -> None:
    """The golden set of the first topics; the page that answers a question is the one that begins so."""
    folder = made.config.file.parent / "golden"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    queries = [json.dumps({"_id": f"q{topic}", "text": question_about(topic)}) for topic in range(topics)]
    (folder / "queries.jsonl").write_text("\n".join(queries), encoding="utf-8")
    rows = [f"q{topic}\tright{topic}.md\t1" for topic in range(topics)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]), encoding="utf-8")


def test_where_the_gate_refuses_the_first_attempt_and_passes_the_second_the_second_is_live(tried: Tried) -> None:
    assert tried.bold.fusion
    assert tried.second.learned == tried.first.learned == LearnedRanking()
    assert tried.made.index.live() == tried.second.version_id
    assert tried.made.ledger.version(tried.second.version_id).state is VersionState.LIVE
    served = [one.chunk.chunk_id for one in ranked(tried.made, tried.second, question_about(3))]
    assert served == [one.chunk.chunk_id for one in ranked(tried.made, tried.first, question_about(3))]


def test_the_notes_of_the_attempt_that_passed_name_why_the_one_before_was_refused(tried: Tried) -> None:
    assert "attempt 1 of 2" in tried.second.notes[-1]
    assert tried.reason in tried.second.notes[-1]
    assert [note for note in tried.second.notes if note.startswith("attempt")] == [tried.second.notes[-1]]


def test_several_attempts_are_one_version_with_one_decision(tried: Tried) -> None:
    names = [tried.first.version_id, tried.second.version_id]
    assert tried.ledger.decided == names
    assert [version.manifest.version_id for version in tried.ledger.versions()] == names
    assert set(tried.made.index.versions()) == set(names)
    decision = tried.ledger.decision(tried.second.version_id)
    assert decision is not None
    assert (decision.outcome, decision.control) == (Outcome.PASSED, tried.first.version_id)
    states = [state for _, state in tried.ledger.version(tried.second.version_id).states]
    assert VersionState.REJECTED not in states
    assert states.count(VersionState.LIVE) == 1


# --- a run that dies ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What no code of the cycle catches, as a signal."""


@pytest.mark.parametrize("step", ["learning", "answering with the candidate", "deciding"])
def test_a_run_that_dies_before_its_decision_leaves_only_what_the_next_one_clears(
    household: Services, step: str
) -> None:
    first, _ = cycle(household)
    praised(household, ASKED)

    def die(name: str, done: int, total: int) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        reindex(household, force=False, steps=die)
    assert [version.manifest for version in household.ledger.versions()] == [first]
    assert household.index.live() == first.version_id
    [orphan] = set(household.index.versions()) - {first.version_id}
    second, _ = cycle(household)
    assert set(household.index.versions()) == {first.version_id, second.version_id}
    assert orphan != second.version_id
    assert [version.manifest.version_id for version in household.ledger.versions()] == [
        first.version_id,
        second.version_id,
    ]


# --- which way the next version goes --------------------------------------------------------------------------------


def going(made: Services, strategy: str) -> Services:
    """The same, but for the strategy by which what passes the gate is deployed."""
    canary = made.config.canary.model_copy(update={"strategy": strategy})
    return replace(made, config=made.config.model_copy(update={"canary": canary}))


def changed(made: Services, text: str = "Oil each lock before winter comes.") -> None:
    """A page is there that was not."""
    number = len(list(made.config.folder.glob("*.md")))
    (made.config.folder / f"extra{number}.md").write_text(f"{text} {number}\n", encoding="utf-8")


def again(made: Services, *, force: bool = False) -> CycleResult:
    return reindex(made, force=force, steps=quiet)


@pytest.mark.parametrize("strategy", ["canary", "shadow"])
def test_a_version_that_passed_the_gate_goes_the_configured_way_and_the_live_one_stays(
    household: Services, strategy: str
) -> None:
    made = going(household, strategy)
    first = again(made)
    assert first.decision == "promoted", "there is nothing to compare the first version with"
    changed(made)
    result = again(made)
    assert (result.decision, made.index.live()) == (strategy, first.version)
    assert result.reasons[-1] == f"canary.strategy is {strategy}"
    assert made.ledger.version(result.version).state is VersionState.CANARY
    under_way = promotion.running(made.ledger)
    assert under_way is not None
    assert (under_way.control, under_way.treatment) == (first.version, result.version)
    assert under_way.shadow is (strategy == "shadow")
    assert set(made.index.versions()) == {first.version, result.version}


def test_without_traffic_auto_goes_directly_and_says_why(household: Services) -> None:
    again(household)
    changed(household)
    result = again(household)
    assert (result.decision, household.index.live()) == ("promoted", result.version)
    assert result.reasons[-1].startswith("passed the gate; 0 people who named themselves")


def test_while_a_canary_runs_the_next_version_waits_and_nothing_is_built(household: Services) -> None:
    made = going(household, "canary")
    again(made)
    changed(made)
    second = again(made)
    changed(made)
    before = made.index.versions()
    result = again(made)
    assert (result.decision, result.version) == ("waiting", second.version)
    assert f"the canary of {second.version}" in result.reasons[0]
    assert "rag-flywheel canary stop" in result.reasons[0]
    assert "reindex --force" in result.reasons[0]
    assert made.index.versions() == before
    assert promotion.running(made.ledger) is not None


def test_a_forced_run_puts_a_newer_candidate_in_the_place_of_the_one_on_trial(household: Services) -> None:
    made = going(household, "canary")
    first = again(made)
    changed(made)
    second = again(made)
    changed(made)
    third = again(made, force=True)
    assert (third.decision, made.index.live()) == ("canary", first.version)
    under_way = promotion.running(made.ledger)
    assert under_way is not None
    assert under_way.treatment == third.version
    assert made.ledger.version(second.version).state is VersionState.ROLLED_BACK
    assert second.version in made.index.versions(), "somebody may be reading it"


def test_what_a_canary_rolled_back_is_not_built_again_by_itself(household: Services) -> None:
    made = going(household, "canary")
    again(made)
    changed(made)
    second = again(made)
    stopped(made)
    result = again(made)
    assert result.decision == "unchanged"
    assert f"nothing has changed since {second.version} was built, and that was rolled back" in result.reasons[0]


def stopped(made: Services) -> None:
    assert promotion.finish(
        promotion.newest(made.ledger),
        promoted=False,
        reasons=["worse"],
        evidence={},
        index=made.index,
        ledger=made.ledger,
        who="test",
        at=made.now(),
    )


def frozen(made: Services, on: bool = True) -> None:
    promotion.freeze(on, ledger=made.ledger, who="grace", why="launch", at=made.now())


@pytest.mark.parametrize("force", [False, True])
def test_under_a_freeze_nothing_is_built(household: Services, force: bool) -> None:
    first = again(household)
    changed(household)
    frozen(household)
    result = again(household, force=force)
    assert (result.decision, result.version) == ("frozen", first.version)
    assert "by grace: `rag-flywheel unfreeze`" in result.reasons[0]
    assert household.index.versions() == [first.version]
    frozen(household, on=False)
    assert again(household).decision == "promoted"


def test_a_freeze_that_comes_while_a_version_is_built_keeps_it_from_going_live_and_a_later_run_builds_it_again(
    household: Services,
) -> None:
    first = again(household)
    changed(household)

    def freezing(name: str, done: int, total: int) -> None:
        if name == "learning" and promotion.frozen(household.ledger) is None:
            frozen(household)

    result = reindex(household, force=False, steps=freezing)
    assert (result.decision, household.index.live()) == ("frozen", first.version)
    assert "promotions have been frozen" in result.reasons[-1]
    assert household.ledger.version(result.version).state is VersionState.DELETED
    frozen(household, on=False)
    assert again(household).decision == "promoted"


def test_a_person_who_moves_the_alias_while_a_version_is_built_keeps_it_from_going_live(household: Services) -> None:
    first = again(household)
    changed(household)
    second = again(household)
    changed(household)

    def moving(name: str, done: int, total: int) -> None:
        if name == "learning" and household.index.live() == second.version:
            promotion.roll_back(
                None, index=household.index, ledger=household.ledger, who="ada", why="x", at=household.now()
            )

    with pytest.raises(AliasMoved):
        reindex(household, force=False, steps=moving)
    assert household.index.live() == first.version
    assert again(household).decision == "promoted"
    assert {version.state for version in household.ledger.versions()} <= {
        VersionState.LIVE,
        VersionState.RETIRED,
        VersionState.ROLLED_BACK,
        VersionState.DELETED,
    }


def test_a_canary_that_a_dead_process_promoted_no_longer_keeps_the_next_version_waiting(household: Services) -> None:
    made = going(household, "canary")
    first = again(made)
    changed(made)
    second = again(made)
    made.index.move_live(second.version, expected=first.version)  # and here the process died
    notes: list[str] = []
    result = reindex(made, force=False, steps=lambda name, done, total: notes.append(name))
    assert result.decision == "unchanged"
    assert notes[0] == f"ended the canary of {second.version}: its move of the alias was not recorded"
    assert made.ledger.version(second.version).state is VersionState.LIVE


@pytest.mark.parametrize("outcome", ["refused", "undecided"])
def test_a_version_that_the_gate_did_not_pass_leaves_a_notice_with_its_reasons(
    household: Services, outcome: str
) -> None:
    again(household)
    changed(household)
    snapshot = take_snapshot(household)
    built = build_version(snapshot, household, parent=household.index.live(), rephrase=None, steps=quiet)
    decided = decide_on(built, snapshot, household, rephrase=None, steps=quiet)
    manifest = decided.manifest
    fallen = replace(decided.decision, outcome=Outcome(outcome), reasons=("untouched questions fell",))
    result = conclude(replace(decided, decision=fallen), household, steps=quiet)
    assert (result.decision, result.version, result.reasons) == (outcome, manifest.version_id, fallen.reasons)
    notice = household.ledger.undelivered("anybody", attempts=1)[-1][0]
    assert (notice.kind, notice.data["subject"], notice.data["outcome"]) == ("gate", manifest.version_id, outcome)
    assert notice.data["reasons"] == ["untouched questions fell"]
    assert household.ledger.version(manifest.version_id).state is VersionState.DELETED
