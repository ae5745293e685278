"""What people change in the golden set: adding, importing and retiring judged questions."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.errors import Conflict, InvalidInput, NotFound
from rag_flywheel.golden_set import changes
from rag_flywheel.golden_set.changes import Additions, NewQuestion
from rag_flywheel.golden_set.listing import State
from rag_flywheel.services import Services
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import NOON, span
from tests.unit.golden_set.builders import (
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

# --- adding ---------------------------------------------------------------------------------------------------------


def test_an_added_question_is_kept_with_who_and_when(made: Services) -> None:
    taken = add(
        made,
        new_question(
            " How do I put the version back? ",
            "docs/rollback.md",
            answer="Run it.",
            evidence=[span("docs/backup.md", 3, 9)],
        ),
    )
    [kept] = made.ledger.golden_cases()
    assert taken == Additions(added=(kept.case_id,), skipped=(), masked={})
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
    assert add(made, new_question("How do I put it back?", "docs/backup.md")).added != first.added
    assert (len(made.ledger.golden_cases()), len(made.ledger.audit(limit=9))) == (2, 2)


def test_a_question_that_nothing_answers_is_kept_without_reference(made: Services) -> None:
    add(made, new_question("Who wrote it?", answerable=False, answer="Nobody knows."))
    [kept] = made.ledger.golden_cases()
    assert (kept.answerable, kept.answer, kept.documents) == (False, None, ())


def test_personal_data_is_masked_before_it_is_kept_and_told_by_kind(made: Services) -> None:
    taken = add(
        made,
        new_question(
            "Is ann@example.org the owner?",
            "docs/rollback.md",
            answer="Ask bob@example.org",
            cluster="owner of eve@example.org",
        ),
    )
    [kept] = made.ledger.golden_cases()
    assert taken.masked == {"EMAIL_ADDRESS": 3}
    assert "example.org" not in str(kept)
    assert (kept.question, kept.cluster) == ("Is <EMAIL_ADDRESS> the owner?", "owner of <EMAIL_ADDRESS>")
    assert "example.org" not in str(made.ledger.audit(limit=9))


HOW = new_question("How?", "docs/rollback.md")


@pytest.mark.parametrize(
    ("new", "who", "said"),
    [
        (replace(HOW, question="  "), "ann", "question is empty"),
        (replace(HOW, answer=" "), "ann", "answer is empty"),
        (HOW, " ", "name of who"),
        (replace(HOW, documents=()), "ann", "name the document or the span"),
        (replace(HOW, answerable=False), "ann", "nothing answers"),
        (replace(HOW, documents=("docs/none.md",)), "ann", "hold no document 'docs/none.md'"),
        (replace(HOW, evidence=(span("docs/none.md", 0, 4),)), "ann", "hold no document 'docs/none.md'"),
        (replace(HOW, evidence=(span("docs/backup.md", 0, 5000),)), "ann", "past the end of document 'docs/backup.md'"),
    ],
)
def test_what_cannot_be_judged_is_refused_and_nothing_is_kept(
    made: Services, new: NewQuestion, who: str, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        add(made, new, who=who)
    assert (made.ledger.golden_cases(), made.ledger.audit(limit=9)) == ([], [])


# --- importing ------------------------------------------------------------------------------------------------------


def test_cases_are_imported_once(made: Services) -> None:
    cases = [case("q5", "Copy?", "docs/backup.md", cluster="copying", answer="Yes"), case("q6", "Odd?", "b", "a")]
    assert import_cases(made, *cases).added == ("golden:q5", "golden:q6")
    assert import_cases(made, *cases).skipped == ("golden:q5", "golden:q6")
    assert [kept.origin for kept in made.ledger.golden_cases()] == ["imported", "imported"]


def test_an_id_with_other_content_is_named_and_nothing_of_the_import_is_kept(made: Services) -> None:
    import_cases(made, case("q5", "Copy?", "d1"))
    with pytest.raises(Conflict, match="golden:q5 is in the golden set with other content"):
        import_cases(made, case("q4", "New?", "d1"), case("q5", "Copy?", "d2"))
    with pytest.raises(Conflict, match="golden:q1 "):
        import_cases(made, case("q1", "How do I install something else?", "docs/install.md"))
    assert [kept.case_id for kept in made.ledger.golden_cases()] == ["golden:q5"]


def test_what_the_folder_of_the_settings_says_already_is_skipped_masked_or_not(made: Services, tmp_path: Path) -> None:
    folder(tmp_path, {"q1": " Ask ann@example.org? "}, {"q1": ["d1"]})
    assert import_cases(made, case("q1", "Ask ann@example.org?", "d1")).skipped == ("golden:q1",)
    assert made.ledger.golden_cases() == []


def test_an_id_that_comes_twice_in_one_import_is_refused(made: Services) -> None:
    with pytest.raises(InvalidInput, match="golden:q5 came more than once"):
        import_cases(made, case("q5", "One?", "d"), case("q5", "Two?", "d"))


def test_a_question_with_an_answer_and_no_judged_document_is_refused_by_id() -> None:
    with pytest.raises(InvalidInput, match="golden:q5: the question has an answer, and 0 documents"):
        changes.imported_case("q5", new_question("One?"))


def test_the_texts_of_an_import_all_pass_the_redactor(made: Services) -> None:
    import_cases(made, case("q5", "Copy it?", "d", answer="So.", cluster="copies"))
    assert isinstance(made.redactor, FakeRedactor)
    assert {"Copy it?", "So.", "copies"} <= set(made.redactor.texts)


# --- retiring -------------------------------------------------------------------------------------------------------


def test_a_case_of_any_origin_is_retired_with_who_when_and_why(made: Services) -> None:
    corrected(made)
    confirmed(made)
    for name in ("golden:q1", "correction:c1", "confirmed:i1"):
        retire(made, name, why="ask ann@example.org")
    questions = by_id(made).values()
    assert {question.state for question in questions} == {State.RETIRED}
    assert {question.reason for question in questions} == {"retired by rita: ask <EMAIL_ADDRESS>"}
    assert [(entry.action, entry.who) for entry in made.ledger.audit(limit=9)] == [("golden: retire", "rita")] * 3


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
    import_cases(made, case("q5", "how do i reset the remote control", "d", cluster="a"))
    import_cases(made, case("q6", "how do i reset the remote control now", "d", cluster="b"))
    before = by_id(made)["golden:q6"]
    retire(made, "golden:q5")
    after = by_id(made)["golden:q6"]
    assert (before.case.cluster, before.role) == (after.case.cluster, after.role) == ("a", after.role)
