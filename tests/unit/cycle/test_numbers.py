"""One name has one number from the question to the correction, and none in the index."""

from dataclasses import replace
from pathlib import Path

import pytest

from eval.guardrails.suspects import of_correction
from rag_flywheel.adapters.privacy.masked_generator import MaskedGenerator
from rag_flywheel.cycle.snapshot import take_snapshot
from rag_flywheel.domain import CorrectionId, Guardrail, Interaction, InteractionId, Turn, Verdict
from rag_flywheel.feedback import corrections, intake, review
from rag_flywheel.privacy.numbering import masking
from rag_flywheel.services import Services
from tests.fakes.asking import Retelling, chat, question
from tests.fakes.redactor import FakeRedactor
from tests.fakes.services import publish, services

ADA, BOB, EVE = "ada@acme.com", "bob@acme.com", "eve@acme.com"


@pytest.fixture
def below() -> Retelling:
    return Retelling()


@pytest.fixture
def made(tmp_path: Path, below: Retelling) -> Services:
    (tmp_path / "boiler.md").write_text("Turn the gas tap to the left.\n", encoding="utf-8")
    bare = services(tmp_path, text="sources: [boiler.md]\n")
    told = replace(bare, generator=MaskedGenerator(below, bare.redactor))
    publish(told, "v1")
    return told


def ask(made: Services, name: str, text: str, *earlier: str, session: str | None = "s1") -> Interaction:
    history = [Turn(role="user", text=turn) for turn in earlier]
    asked = question(text, session=session, history=history)
    chat(made).answer(asked, interaction_id=InteractionId(name))
    return made.ledger.interaction(InteractionId(name))


def comment(made: Services, of: str, text: str) -> str:
    said = intake.prepare(
        intake.Signal(interaction_id=InteractionId(of), kind="comment", value=text, user=None),
        ledger=made.ledger,
        masking=masking(made),
        minimum_similarity=0.3,
        at=made.now(),
        new_id=made.new_id,
    )
    made.ledger.add_feedback(said)
    return str(said.value)


def correct(made: Services, of: str, answer: str) -> CorrectionId:
    correction = corrections.prepare(
        corrections.Submission(interaction_id=InteractionId(of), answer=answer),
        ledger=made.ledger,
        masking=masking(made),
        find=lambda text: (),
        quoted=lambda spans, seen: tuple(spans),
        at=made.now(),
        new_id=made.new_id,
    )
    made.ledger.add_correction(correction)
    return correction.correction_id


def accept(made: Services, name: CorrectionId, wording: str | None = None) -> None:
    review.decide(
        name,
        review.Ruling(verdict=Verdict.ACCEPT, reviewer="grace", answer=wording),
        ledger=made.ledger,
        masking=masking(made),
        look=None,
        at=made.now(),
        new_id=made.new_id,
    )


def test_a_name_keeps_its_number_through_a_conversation(made: Services, below: Retelling) -> None:
    assert ask(made, "i1", f"May {ADA} pay?").question == "May <EMAIL_ADDRESS_1> pay?"
    later = ask(made, "i2", f"And {BOB}, as {ADA}?", f"May {ADA} pay?")
    assert later.question == "And <EMAIL_ADDRESS_2>, as <EMAIL_ADDRESS_1>?"
    assert below.rewritten[-1] == ("And <EMAIL_ADDRESS_2>, as <EMAIL_ADDRESS_1>?", ["May <EMAIL_ADDRESS_1> pay?"])
    assert comment(made, "i1", f"{EVE} and {BOB} may") == "<EMAIL_ADDRESS_3> and <EMAIL_ADDRESS_2> may"
    name = correct(made, "i2", f"Ask {EVE}, {BOB} or new@acme.com.")
    assert made.ledger.correction(name).answer == "Ask <EMAIL_ADDRESS_3>, <EMAIL_ADDRESS_2> or <EMAIL_ADDRESS_4>."
    accept(made, name, "Ask <EMAIL_ADDRESS_2>, not last@acme.com.")
    assert made.ledger.correction(name).answer == "Ask <EMAIL_ADDRESS_2>, not <EMAIL_ADDRESS_5>."
    assert ask(made, "i3", f"Where is last@acme.com, and {EVE}?").question == (
        "Where is <EMAIL_ADDRESS_5>, and <EMAIL_ADDRESS_3>?"
    )
    assert ask(made, "other", f"Is {EVE} in?", session="s2").question == "Is <EMAIL_ADDRESS_1> in?"


def test_without_a_session_the_turns_that_are_sent_along_make_the_conversation(
    made: Services, below: Retelling
) -> None:
    ask(made, "i1", f"And {BOB}, as {ADA}?", f"May {ADA} pay?", session=None)
    assert below.rewritten == [("And <EMAIL_ADDRESS_2>, as <EMAIL_ADDRESS_1>?", ["May <EMAIL_ADDRESS_1> pay?"])]
    assert made.ledger.interaction(InteractionId("i1")).question == "And <EMAIL_ADDRESS_2>, as <EMAIL_ADDRESS_1>?"


def test_a_question_is_masked_once_however_often_it_is_kept_and_told(made: Services, below: Retelling) -> None:
    text = f"May {ADA} pay?"
    ask(made, "i1", text)
    redactor = made.redactor
    assert isinstance(redactor, FakeRedactor)
    assert redactor.texts.count(text) == 1
    assert below.asked[0][0] == made.ledger.interaction(InteractionId("i1")).query == "May <EMAIL_ADDRESS_1> pay?"


def test_what_enters_an_index_has_no_numbers_of_a_conversation(made: Services) -> None:
    ask(made, "i1", f"Is {ADA} in?")
    ask(made, "i2", f"May {BOB} pay for {EVE}?")
    accept(made, correct(made, "i1", f"{ADA} is in."))
    accept(made, correct(made, "i2", f"{EVE} pays, {BOB} does not."))
    documents = {document.question: document.text for document in take_snapshot(made).accepted.documents}
    assert documents == {
        "Is <EMAIL_ADDRESS> in?": "<EMAIL_ADDRESS> is in.",
        "May <EMAIL_ADDRESS_A> pay for <EMAIL_ADDRESS_B>?": "<EMAIL_ADDRESS_B> pays, <EMAIL_ADDRESS_A> does not.",
    }


def test_a_correction_that_a_night_sets_aside_is_known_again_by_its_words(made: Services) -> None:
    ask(made, "i1", f"Is {ADA} in?")
    ask(made, "i2", f"May {BOB} pay for {EVE}?")
    name = correct(made, "i2", f"{EVE} pays, {BOB} does not.")
    accept(made, name)
    [night] = take_snapshot(made).reviewed
    found = [of_correction(entry, Guardrail.POISON, "").digest for entry in (made.ledger.correction(name), night)]
    assert found[0] == found[1]


def test_without_consent_nothing_of_a_name_is_kept(made: Services) -> None:
    asked = replace(question(f"May {ADA} pay?", session="s1"), consent=False, purposes=frozenset())
    chat(made).answer(asked, interaction_id=InteractionId("i1"))
    assert made.ledger.interaction(InteractionId("i1")).stand_ins == ()
