"""Which of several rankings the gate lets through."""

import json
from dataclasses import dataclass

import pytest

from eval.questions import splits
from rag_flywheel.cycle.candidate import build_version
from rag_flywheel.cycle.gate_run import open_gate
from rag_flywheel.domain import (
    Decision,
    LearnedRanking,
    Manifest,
    Outcome,
    VersionId,
    VersionState,
    untuned,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.services import Services
from tests.fakes.ledger import MemoryLedger
from tests.fakes.services import services
from tests.unit.cycle.household import (
    cycle,
    ground,
    ranked,
)

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
    built = build_version(*ground(made))
    ruling = open_gate(built, ground(made)[1], None).ask(built.manifest, confidence=0.95, still_lost={}).ruling
    assert ruling.outcome is Outcome.REFUSED
    made.index.delete(built.manifest.version_id)
    second, _ = cycle(made)
    return Tried(
        made=made, ledger=ledger, first=first, bold=built.tuned.attempts[0], reason=ruling.reasons[0], second=second
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
    assert tried.second.learned == tried.first.learned == LearnedRanking(fusion=untuned(tokens=False))
    assert tried.made.index.live() == tried.second.version_id
    assert tried.made.ledger.version(tried.second.version_id).state is VersionState.LIVE
    served = [passage.chunk.chunk_id for passage in ranked(tried.made, tried.second, question_about(3))]
    assert served == [passage.chunk.chunk_id for passage in ranked(tried.made, tried.first, question_about(3))]


def test_the_notes_of_the_attempt_that_passed_name_why_the_one_before_was_refused(tried: Tried) -> None:
    assert "attempt 1, all that is new, ranking 1 of 2, was refused" in tried.second.notes[-1]
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
