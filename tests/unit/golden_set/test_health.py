"""What a check of the golden set finds."""

import json
from pathlib import Path
from typing import Any

import pytest

from rag_flywheel.errors import InvalidInput
from rag_flywheel.golden_set import health
from rag_flywheel.golden_set.health import Checkup, Fault
from rag_flywheel.services import Services
from tests.fakes.samples import span
from tests.fakes.services import services
from tests.unit.golden_set.builders import (
    SETTINGS,
    add,
    by_id,
    case,
    confirmed,
    corrected,
    folder,
    import_cases,
    new_question,
    retire,
)


def found(made: Services) -> dict[Fault, list[tuple[str, ...]]]:
    faults: dict[Fault, list[tuple[str, ...]]] = {}
    for finding in health.check(made).findings:
        faults.setdefault(finding.fault, []).append(finding.cases)
    return faults


def test_a_sound_set_has_no_findings(made: Services, tmp_path: Path) -> None:
    folder(tmp_path, {f"q{at}": word for at, word in enumerate(["alpha", "beta", "gamma", "delta"])}, sound(4))
    checkup = health.check(made)
    assert checkup.outcome == "sound"
    assert sum(checkup.roles.values()) == 4
    assert checkup.roles["test"] >= 1


def sound(count: int) -> dict[str, list[str]]:
    return {f"q{at}": ["docs/backup.md"] for at in range(count)}


def test_too_few_questions_are_no_fault_but_no_decision_either(made: Services, tmp_path: Path) -> None:
    text = SETTINGS.replace("minimum_cases: 1", "minimum_cases: 5")
    checkup = health.check(services(tmp_path, text=text))
    assert (checkup.outcome, [finding.fault for finding in checkup.findings]) == ("undecided", [Fault.TOO_FEW])
    assert "wants 5" in checkup.findings[0].detail


def test_near_questions_that_are_apart_are_a_leak_until_they_share_a_cluster(made: Services, tmp_path: Path) -> None:
    # Ten of eleven different words are the same in the same number: a cosine of 0.9 and more, and words less than near.
    words = "reset reset reset reset the remote remote remote control"
    texts: dict[str, Any] = {f"q{at}": f"{words} {extra} {extra}x" for at, extra in enumerate("abcdefgh")}
    folder(tmp_path, texts, sound(8))
    leaks = found(made)[Fault.LEAK]
    roles = {name: question.role for name, question in by_id(made).items()}
    assert leaks
    assert all((roles[leak], roles[other]) == ("tuning", "test") for leak, other in leaks)
    folder(tmp_path, {name: {"text": text, "cluster": "reset"} for name, text in texts.items()}, sound(8))
    assert Fault.LEAK not in found(made)


def test_one_question_judged_differently_is_a_contradiction_until_one_is_retired(made: Services) -> None:
    import_cases(
        made, case("q5", "Copy it?", "docs/backup.md"), case("q6", "copy it", "docs/backup.md", "docs/install.md")
    )
    import_cases(made, case("q7", "Copy what?", "docs/backup.md"), case("q8", "Copy what", "docs/backup.md"))
    assert found(made)[Fault.CONTRADICTION] == [("golden:q5", "golden:q6")]
    retire(made, "golden:q6")
    assert Fault.CONTRADICTION not in found(made)


def test_a_confirmed_answer_contradicts_a_judgement_when_they_share_no_document(made: Services) -> None:
    confirmed(made, "i1", question="How do I install it?")  # it cites the document `guide`
    confirmed(made, "i2", question="How do I make a backup?")
    corrected(made, "c1", question="how do I make a backup")  # a correction answers beside what is cited
    (made.config.folder / "docs" / "guide.jsonl").write_text(
        json.dumps({"_id": "guide", "title": "Guide", "text": "text that says how all of this is done, and why."})
    )
    assert found(made)[Fault.CONTRADICTION] == [("golden:q1", "confirmed:i1")]


def test_an_id_of_the_folder_that_says_something_else_than_the_ledger_is_told(made: Services, tmp_path: Path) -> None:
    import_cases(made, case("q5", "Copy it?", "docs/backup.md"))
    folder(tmp_path, {"q5": "Copy it?"}, {"q5": ["docs/install.md"]})
    assert found(made)[Fault.CONTRADICTION] == [("golden:q5",)]
    assert by_id(made)["golden:q5"].case.documents == {"docs/install.md"}


def test_lost_evidence_and_missing_judgements_are_told_by_id(made: Services, tmp_path: Path) -> None:
    [name] = add(made, new_question("How is it put back?", evidence=[span("docs/rollback.md", 40, 80)])).added
    folder(tmp_path, {"q1": "How do I install it?", "q2": "Why?"}, {"q1": ["docs/install.md"]})
    (tmp_path / "docs" / "install.md").unlink()
    (tmp_path / "docs" / "rollback.md").write_text("# rollback\n\nThis became much shorter than before.\n")
    faults = found(made)
    assert faults[Fault.STALE] == [("golden:q1",), (name,)]
    assert faults[Fault.UNJUDGED] == [("golden:q2",)]
    checkup: Checkup = health.check(made)
    assert (checkup.outcome, checkup.stale_share) == ("faulty", 1.0)


def test_no_finding_holds_a_text_of_anybody(made: Services, tmp_path: Path) -> None:
    secret = "zanzibar"
    folder(tmp_path, {"q1": f"{secret}?", "q2": f"{secret}", "q3": f"why {secret}"}, {"q1": ["d1"], "q2": ["d2"]})
    checkup = health.check(made)
    assert len(checkup.findings) >= 3
    assert secret not in str(checkup)


def test_a_bad_line_of_the_folder_is_named(made: Services, tmp_path: Path) -> None:
    (tmp_path / "judged" / "queries.jsonl").write_text('{"_id": "q1"')
    with pytest.raises(InvalidInput, match=r"queries\.jsonl:1"):
        health.check(made)
