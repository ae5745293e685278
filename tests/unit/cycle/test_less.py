"""Nights in which the gate says no: the least that explains it is left out, and the rest goes live."""

import json
from pathlib import Path

import pytest

from eval.questions import splits
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleResult
from rag_flywheel.domain import CorrectionId, CorrectionState, Guardrail, Verdict
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.services import Services
from tests.fakes.samples import correction, interaction, review
from tests.fakes.services import services
from tests.unit.cycle.house import EARLIER
from tests.unit.cycle.household import quiet

TOPICS = 60
GREEDY = "How heavy is a thing on the scale?"
SETTINGS = """
sources: ['*.md']
golden: golden
gate: {known_items: 0, neighbours: 0, sealed: 0.0, minimum_cases: 10}
"""


def question_about(topic: int) -> str:
    """Tuning sees where parts are kept, and the gate asks how heavy they are: so what harms the one harms not the
    other.
    """
    heavy = f"How heavy is thing{topic} on the scale?"
    return heavy if not splits.is_tuning(normalised(heavy), seed=0) else f"When is the part{topic} in the house?"


@pytest.fixture
def shop(tmp_path: Path) -> Services:
    folder = tmp_path / "golden" / "qrels"
    folder.mkdir(parents=True)
    queries, rows = [], ["query-id\tcorpus-id\tscore"]
    for topic in range(TOPICS):
        asked = question_about(topic)
        words = " ".join(f"{word}{topic}" for word in ("thing", "part", "amber", "birch", "cedar", "delta", "ember"))
        (tmp_path / f"page{topic}.md").write_text(f"{words}\n", encoding="utf-8")
        queries.append(json.dumps({"_id": f"q{topic}", "text": asked}))
        rows.append(f"q{topic}\tpage{topic}.md\t1")
    (tmp_path / "golden" / "queries.jsonl").write_text("\n".join(queries), encoding="utf-8")
    (folder / "test.tsv").write_text("\n".join(rows), encoding="utf-8")
    return services(tmp_path, text=SETTINGS)


def correct(made: Services, name: str, question: str, answer: str) -> None:
    made.ledger.add_interaction(interaction(f"asked {name}", question=question, asked=EARLIER))
    said = correction(name, of=f"asked {name}", question=question, answer=answer, submitted=EARLIER)
    made.ledger.add_correction(said)
    made.ledger.add_review(review(name, reviewed=EARLIER))


def cycle(made: Services) -> CycleResult:
    return reindex(made, force=False, steps=quiet)


GOOD = {
    "c1": ("When is the cellar door locked?", "At ten in the evening, by whoever is last."),
    "c2": ("Who waters the roses in July?", "The neighbour on the left, every second day."),
}


def test_a_correction_that_takes_other_questions_is_set_aside_and_the_others_go_live(shop: Services) -> None:
    assert cycle(shop).decision == "promoted"
    for name, (question, answer) in GOOD.items():
        correct(shop, name, question, answer)
    correct(shop, "greedy", GREEDY, "Ask at the counter, they know it all.")
    result = cycle(shop)
    assert (result.decision, [(found.item, found.guardrail) for found in result.aside]) == (
        "promoted",
        [("greedy", Guardrail.LOST_QUESTIONS)],
    )
    assert set(shop.ledger.version(result.version).manifest.corrections) == set(GOOD)
    assert shop.ledger.correction(result.aside[0].item).verdict_state is CorrectionState.QUARANTINED
    told = shop.ledger.decision(result.version).report
    # So few questions tell one threshold for all errors: there is no more cautious ranking to try before.
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["refused", "passed"]
    assert [attempt["left_out"] for attempt in told["attempts"]] == [[], ["greedy"]]
    assert cycle(shop).decision == "unchanged"


def test_a_run_that_dies_between_two_attempts_leaves_nothing_and_the_next_one_comes_to_the_same(
    shop: Services,
) -> None:
    live = cycle(shop).version
    correct(shop, "c1", *GOOD["c1"])
    correct(shop, "greedy", GREEDY, "Ask at the counter, they know it all.")
    deciding = 0

    def dying(name: str, done: int, total: int) -> None:
        nonlocal deciding
        deciding += name == "deciding"
        if deciding == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex(shop, force=False, steps=dying)
    assert shop.index.live() == live
    assert shop.ledger.asides() == []
    assert shop.ledger.correction(CorrectionId("greedy")).verdict_state is CorrectionState.ACCEPTED
    result = cycle(shop)
    assert (result.decision, [found.item for found in result.aside]) == ("promoted", ["greedy"])
    assert set(shop.index.versions()) == {live, result.version}


def test_what_the_reviewer_ruled_while_the_run_was_on_stays(shop: Services) -> None:
    cycle(shop)
    correct(shop, "c1", *GOOD["c1"])
    correct(shop, "greedy", GREEDY, "Ask at the counter, they know it all.")
    deciding = 0

    def rejecting(name: str, done: int, total: int) -> None:
        nonlocal deciding
        deciding += name == "deciding"
        if deciding == 2 and shop.ledger.correction(CorrectionId("greedy")).verdict_state is CorrectionState.ACCEPTED:
            shop.ledger.add_review(review("greedy", Verdict.REJECT, reviewed=shop.now(), name="rejected"))

    assert reindex(shop, force=False, steps=rejecting).decision == "promoted"
    assert shop.ledger.correction(CorrectionId("greedy")).verdict_state is CorrectionState.REJECTED
