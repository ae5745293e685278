"""The golden set's life: what people add, import and retire, what the list says of it, and what a check finds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.questions.golden import Case
from rag_flywheel.domain import DocumentId, Feedback, FeedbackId, FeedbackKind, InteractionId, VersionId
from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.golden_set import collection, health
from rag_flywheel.golden_set.collection import Listed, Origin, State, TakenIn
from rag_flywheel.golden_set.health import Checkup, Fault
from rag_flywheel.services import Services
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import NOON, correction, decision, interaction, manifest, review, span
from tests.fakes.services import services

DOCS = {
    "rollback": "To put the previous version back, run the rollback command and wait for one second.",
    "install": "To install the service on Linux, create a virtual environment and install it there.",
    "backup": "A backup of the ledger is made by copying the database file while nothing writes to it.",
}
SETTINGS = "sources: [docs]\ngolden: judged\ngate:\n  minimum_cases: 1\n  sealed: 0.0\n"


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "docs").mkdir()
    for name, text in DOCS.items():
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n\n{text}\n", encoding="utf-8")
    folder(tmp_path, {"q1": "How do I install it?"}, {"q1": ["docs/install.md"]})
    return services(tmp_path, text=SETTINGS)


def folder(place: Path, questions: Mapping[str, str | Mapping[str, Any]], judged: Mapping[str, Sequence[str]]) -> Path:
    """The BEIR folder `judged` in a place."""
    made = place / "judged"
    (made / "qrels").mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps({"_id": name, **({"text": question} if isinstance(question, str) else question)})
        for name, question in questions.items()
    ]
    rows = [f"{name}\t{document}\t1" for name, documents in judged.items() for document in documents]
    (made / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (made / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]), encoding="utf-8")
    return made


def add(made: Services, question: str, document: str = "docs/rollback.md", **more: Any) -> TakenIn:
    asked: dict[str, Any] = {
        "answer": None,
        "documents": [DocumentId(document)],
        "evidence": [],
        "answerable": True,
        "group": None,
        "who": "ann",
    }
    return collection.add(question, **(asked | more), services=made)


def case(name: str, question: str, *documents: str, group: str | None = None, answer: str | None = None) -> Case:
    named = [DocumentId(document) for document in documents]
    return collection.imported(name, question, answer=answer, documents=named, answerable=bool(named), group=group)


def take_in(made: Services, *cases: Case) -> TakenIn:
    return collection.take_in(cases, who="ann", services=made)


def retire(made: Services, name: str, why: str = "asked twice") -> None:
    collection.retire(name, why=why, who="rita", services=made)


def by_id(made: Services) -> dict[str, Listed]:
    return {one.case.case_id: one for one in collection.overview(made)}


def confirmed(made: Services, name: str = "i1", question: str = "How do I make a backup?") -> None:
    made.ledger.add_interaction(interaction(name, question=question))
    made.ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"thumb {name}"),
            interaction_id=InteractionId(name),
            given=NOON,
            user=None,
            kind=FeedbackKind.THUMB,
            value="up",
        )
    )


def corrected(made: Services, name: str = "c1", question: str = "How do I roll back?") -> None:
    made.ledger.add_interaction(interaction(f"of {name}", question=question))
    made.ledger.add_correction(correction(name, of=f"of {name}", question=question))
    made.ledger.add_review(review(name))


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_tells_of_every_judged_question_where_it_comes_from(made: Services) -> None:
    corrected(made)
    confirmed(made)
    added = add(made, "How do I put the version back?").added[0]
    take_in(made, case("q9", "Where is the ledger?", "docs/backup.md"))
    assert {name: one.origin for name, one in by_id(made).items()} == {
        "golden:q1": Origin.FOLDER,
        added: Origin.ADDED,
        "golden:q9": Origin.IMPORTED,
        "correction:c1": Origin.CORRECTION,
        "confirmed:i1": Origin.CONFIRMED,
    }


def test_a_correction_that_another_one_replaced_is_no_case(made: Services) -> None:
    corrected(made, "c1")
    made.ledger.add_correction(correction("c2", of="of c1", question="How do I roll back?"))
    made.ledger.add_review(review("c2", reviewed=NOON.replace(hour=13)))
    assert [name for name in by_id(made) if name.startswith("correction:")] == ["correction:c2"]


def test_wordings_of_one_question_have_one_group_and_one_role(made: Services) -> None:
    add(made, "How do I put the previous version back again?", group="rollback")
    add(made, "Return to yesterday, please", group="rollback")
    corrected(made, question="how do i put the previous version back AGAIN")
    wordings = [one for name, one in by_id(made).items() if name != "golden:q1"]
    assert [wording.case.group for wording in wordings] == ["rollback"] * 3
    assert len({wording.role for wording in wordings}) == 1


def test_a_case_is_stale_when_the_sources_no_longer_hold_what_answers_it(made: Services, tmp_path: Path) -> None:
    add(made, "How do I put the version back?")
    (tmp_path / "docs" / "install.md").unlink()
    gone, kept = by_id(made).values()
    assert (gone.state, kept.state, kept.reason) == (State.STALE, State.IN_USE, None)
    assert gone.reason == "its evidence is gone: the sources no longer hold docs/install.md"


def test_sealed_questions_rotate_with_the_decisions_and_never_reach_tuning(tmp_path: Path) -> None:
    texts = {f"q{at}": f"thing{at} what is it" for at in range(60)}
    folder(tmp_path, texts, {name: ["d"] for name in texts})
    made = services(tmp_path, text="golden: judged\nsources: []\ngate:\n  sealed: 0.2\n  sealed_decisions: 2\n")
    made.ledger.add_version(manifest("v1"))

    def sealed() -> tuple[set[str], set[str]]:
        listed = by_id(made).items()
        return (
            {name for name, one in listed if one.role == "sealed"},
            {name for name, one in listed if one.role == "tuning"},
        )

    first, learned = sealed()
    made.ledger.add_decision(replace(decision("v1"), version_id=VersionId("v1")))
    assert sealed() == (first, learned)
    made.ledger.add_decision(decision("v1"))
    second, still = sealed()
    assert min(len(first), len(second)) > 0
    assert not first & second
    assert still == learned


# --- adding ---------------------------------------------------------------------------------------------------------


def test_an_added_question_is_kept_with_who_and_when(made: Services) -> None:
    taken = add(made, " How do I put the version back? ", answer="Run it.", evidence=[span("docs/backup.md", 3, 9)])
    [kept] = made.ledger.golden_cases()
    assert taken == TakenIn(added=(kept.case_id,), skipped=(), masked={})
    assert (kept.who, kept.origin, kept.added.date()) == ("ann", "added", NOON.date())
    assert (kept.question, kept.answer, kept.cluster) == (
        "How do I put the version back?",
        "Run it.",
        "how do i put the version back",
    )
    assert (kept.documents, kept.evidence) == (("docs/rollback.md",), (span("docs/backup.md", 3, 9),))
    [entry] = made.ledger.audit(limit=9)
    assert (entry.who, entry.action, entry.subject) == ("ann", "golden: added", kept.case_id)


def test_the_very_same_question_is_kept_once(made: Services) -> None:
    first, again = add(made, "How do I put it back?"), add(made, "How do I put it back?")
    assert (again.added, again.skipped) == ((), first.added)
    assert add(made, "How do I put it back?", "docs/backup.md").added != first.added
    assert (len(made.ledger.golden_cases()), len(made.ledger.audit(limit=9))) == (2, 2)


def test_a_question_that_nothing_answers_is_kept_without_reference(made: Services) -> None:
    add(made, "Who wrote it?", documents=[], answerable=False, answer="Nobody knows.")
    [kept] = made.ledger.golden_cases()
    assert (kept.answerable, kept.answer, kept.documents) == (False, None, ())


def test_personal_data_is_masked_before_it_is_kept_and_told_by_kind(made: Services) -> None:
    taken = add(made, "Is ann@example.org the owner?", answer="Ask bob@example.org", group="owner of eve@example.org")
    [kept] = made.ledger.golden_cases()
    assert taken.masked == {"EMAIL_ADDRESS": 3}
    assert "example.org" not in str(kept)
    assert (kept.question, kept.cluster) == ("Is <EMAIL_ADDRESS> the owner?", "owner of <EMAIL_ADDRESS>")
    assert "example.org" not in str(made.ledger.audit(limit=9))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"question": "  "}, "question is empty"),
        ({"answer": " "}, "answer is empty"),
        ({"who": " "}, "name of who"),
        ({"documents": []}, "name the document or the span"),
        ({"answerable": False}, "nothing answers"),
        ({"documents": [DocumentId("docs/none.md")]}, "hold no document 'docs/none.md'"),
        ({"evidence": [span("docs/none.md", 0, 4)]}, "hold no document 'docs/none.md'"),
        ({"evidence": [span("docs/backup.md", 0, 5000)]}, "past the end of document 'docs/backup.md'"),
    ],
)
def test_what_cannot_be_judged_is_refused_and_nothing_is_kept(made: Services, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        add(made, **({"question": "How?"} | more))
    assert (made.ledger.golden_cases(), made.ledger.audit(limit=9)) == ([], [])


# --- importing ------------------------------------------------------------------------------------------------------


def test_a_folder_is_imported_once_and_its_unjudged_questions_are_named(made: Services, tmp_path: Path) -> None:
    texts = {"q5": {"text": "Copy?", "answer": "Yes", "cluster": "copying"}, "q6": "Odd?", "q7": "No judgement?"}
    read, unjudged = collection.read(folder(tmp_path / "other", texts, {"q5": ["docs/backup.md"], "q6": ["b", "a"]}))
    assert unjudged == ["golden:q7"]
    assert read[0] == {
        "id": "q5",
        "question": "Copy?",
        "answer": "Yes",
        "documents": ["docs/backup.md"],
        "answerable": True,
        "cluster": "copying",
    }
    cases = [case("q5", "Copy?", "docs/backup.md", group="copying", answer="Yes"), case("q6", "Odd?", "b", "a")]
    assert take_in(made, *cases).added == ("golden:q5", "golden:q6")
    assert take_in(made, *cases).skipped == ("golden:q5", "golden:q6")
    assert [one.origin for one in made.ledger.golden_cases()] == ["imported", "imported"]


def test_an_id_with_other_content_is_named_and_nothing_of_the_import_is_kept(made: Services) -> None:
    take_in(made, case("q5", "Copy?", "d1"))
    with pytest.raises(Conflict, match="golden:q5 is in the golden set with other content"):
        take_in(made, case("q4", "New?", "d1"), case("q5", "Copy?", "d2"))
    with pytest.raises(Conflict, match="golden:q1 "):
        take_in(made, case("q1", "How do I install something else?", "docs/install.md"))
    assert [one.case_id for one in made.ledger.golden_cases()] == ["golden:q5"]


def test_what_the_folder_of_the_settings_says_already_is_skipped_masked_or_not(made: Services, tmp_path: Path) -> None:
    folder(tmp_path, {"q1": " Ask ann@example.org? "}, {"q1": ["d1"]})
    assert take_in(made, case("q1", "Ask ann@example.org?", "d1")).skipped == ("golden:q1",)
    assert made.ledger.golden_cases() == []


def test_an_id_that_comes_twice_in_one_import_is_refused(made: Services) -> None:
    with pytest.raises(InvalidInput, match="golden:q5 came more than once"):
        take_in(made, case("q5", "One?", "d"), case("q5", "Two?", "d"))


def test_a_question_with_an_answer_and_no_judged_document_is_refused_by_id() -> None:
    with pytest.raises(InvalidInput, match="golden:q5: the question has an answer, and 0 documents"):
        collection.imported("q5", "One?", answer=None, documents=[], answerable=True, group=None)


# --- retiring -------------------------------------------------------------------------------------------------------


def test_a_case_of_any_origin_is_retired_with_who_when_and_why(made: Services) -> None:
    corrected(made)
    confirmed(made)
    for name in ("golden:q1", "correction:c1", "confirmed:i1"):
        retire(made, name, why="ask ann@example.org")
    listed = by_id(made).values()
    assert {one.state for one in listed} == {State.RETIRED}
    assert {one.reason for one in listed} == {"retired by rita: ask <EMAIL_ADDRESS>"}
    assert [(one.action, one.who) for one in made.ledger.audit(limit=9)] == [("golden: retire", "rita")] * 3


def test_a_case_is_retired_once_and_an_unknown_one_never(made: Services) -> None:
    retire(made, "golden:q1")
    with pytest.raises(Conflict, match="retired by rita on 2026-05-01 already"):
        retire(made, "golden:q1")
    with pytest.raises(NotFound, match="no case golden:q9"):
        retire(made, "golden:q9")
    assert len(made.ledger.retirements()) == len(made.ledger.audit(limit=9)) == 1


def test_what_was_retired_does_not_come_back_by_adding_it_again(made: Services) -> None:
    [name] = add(made, "How do I put it back?").added
    retire(made, name)
    with pytest.raises(Conflict, match="retired for good"):
        add(made, "How do I put it back?")


def test_retiring_a_case_moves_no_other_wording_to_another_role(made: Services) -> None:
    """The group bears the smallest name of its golden cases, also when that one is retired."""
    take_in(made, case("q5", "how do i reset the remote control", "d", group="a"))
    take_in(made, case("q6", "how do i reset the remote control now", "d", group="b"))
    before = by_id(made)["golden:q6"]
    retire(made, "golden:q5")
    after = by_id(made)["golden:q6"]
    assert (before.case.group, before.role) == (after.case.group, after.role) == ("a", after.role)


# --- checking -------------------------------------------------------------------------------------------------------


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
    roles = {name: one.role for name, one in by_id(made).items()}
    assert leaks
    assert all((roles[leak], roles[other]) == ("tuning", "test") for leak, other in leaks)
    folder(tmp_path, {name: {"text": text, "cluster": "reset"} for name, text in texts.items()}, sound(8))
    assert Fault.LEAK not in found(made)


def test_one_question_judged_differently_is_a_contradiction_until_one_is_retired(made: Services) -> None:
    take_in(made, case("q5", "Copy it?", "docs/backup.md"), case("q6", "copy it", "docs/backup.md", "docs/install.md"))
    take_in(made, case("q7", "Copy what?", "docs/backup.md"), case("q8", "Copy what", "docs/backup.md"))
    assert found(made)[Fault.CONTRADICTION] == [("golden:q5", "golden:q6")]
    retire(made, "golden:q6")
    assert Fault.CONTRADICTION not in found(made)


def test_a_confirmed_answer_contradicts_a_judgement_when_they_share_no_document(made: Services) -> None:
    confirmed(made, "i1", question="How do I install it?")  # it cites the document `guide`
    confirmed(made, "i2", question="How do I make a backup?")
    corrected(made, "c1", question="how do I make a backup")  # a correction answers beside what is cited
    (made.config.folder / "docs" / "guide.jsonl").write_text(
        json.dumps({"_id": "guide", "title": "Guide", "text": "The guide says how all of this is done, and why."})
    )
    assert found(made)[Fault.CONTRADICTION] == [("golden:q1", "confirmed:i1")]


def test_an_id_of_the_folder_that_says_something_else_than_the_ledger_is_told(made: Services, tmp_path: Path) -> None:
    take_in(made, case("q5", "Copy it?", "docs/backup.md"))
    folder(tmp_path, {"q5": "Copy it?"}, {"q5": ["docs/install.md"]})
    assert found(made)[Fault.CONTRADICTION] == [("golden:q5",)]
    assert by_id(made)["golden:q5"].case.documents == {"docs/install.md"}


def test_lost_evidence_spans_past_the_end_and_missing_judgements_are_told_by_id(made: Services, tmp_path: Path) -> None:
    [name] = add(made, "How is it put back?", documents=[], evidence=[span("docs/rollback.md", 60, 80)]).added
    folder(tmp_path, {"q1": "How do I install it?", "q2": "Why?"}, {"q1": ["docs/install.md"]})
    (tmp_path / "docs" / "install.md").unlink()
    (tmp_path / "docs" / "rollback.md").write_text("# rollback\n\nThis became much shorter than before.\n")
    faults = found(made)
    assert faults[Fault.STALE] == [("golden:q1",)]
    assert faults[Fault.PAST_END] == [(name,)]
    assert faults[Fault.UNJUDGED] == [("golden:q2",)]
    checkup: Checkup = health.check(made)
    assert (checkup.outcome, checkup.stale_share) == ("faulty", 0.5)


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


def test_the_texts_of_an_import_all_pass_the_redactor(made: Services) -> None:
    take_in(made, case("q5", "Copy it?", "d", answer="So.", group="copies"))
    assert isinstance(made.redactor, FakeRedactor)
    assert {"Copy it?", "So.", "copies"} <= set(made.redactor.texts)
