"""What a reviewer is asked to look at twice."""

import time
from collections.abc import Sequence

import pytest

from rag_flywheel.domain import CorrectionId, InteractionId, ReviewedCorrection, Verdict
from rag_flywheel.domain.feedback import Correction
from rag_flywheel.feedback.second_look import (
    SHORT_ENOUGH,
    USUAL_FROM,
    Beside,
    ConcernKind,
    concerns,
    survey,
)
from tests.fakes.samples import correction, review

QUESTION = "How do I reset the remote control?"
MANUAL = (
    "To reset the remote control, hold the red button for 10 seconds. Do not take the batteries out while the light "
    "blinks. The remote control needs two batteries of the type AAA."
)
ELSEWHERE = "The soundbar is paired in the menu for sound."
GOOD = "Hold the red button of the remote control for 10 seconds until the light blinks."


def handed_in(
    answer: str, *, name: str = "c1", user: str | None = "ada", question: str = QUESTION, accepted: bool = False
) -> ReviewedCorrection:
    given = correction(name, question=question, answer=answer)
    kept = Correction(
        correction_id=CorrectionId(name),
        interaction_id=InteractionId(f"i-{name}"),
        submitted=given.submitted,
        user=user,
        question=question,
        answer=answer,
        evidence=(),
        supersedes=(),
        stage=given.stage,
    )
    return ReviewedCorrection(correction=kept, review=review(name) if accepted else None)


def kinds(
    answer: str,
    *,
    passages: Sequence[str] = (MANUAL, ELSEWHERE),
    official: Sequence[str] = (),
    replaces_official: bool = False,
    others: Sequence[ReviewedCorrection] = (),
    user: str | None = "ada",
) -> set[ConcernKind]:
    given = handed_in(answer, user=user)
    found = concerns(
        given,
        answer,
        beside=Beside(passages=tuple(passages), official=tuple(official), replaces_official=replaces_official),
        peers=survey([*others, given]),
    )
    return {concern.kind for concern in found}


TOPICS = (
    "Mortgage rates fall when central banks lower interest. Penguins breed on sea ice near Antarctica. "
    "Sourdough bread wants flour, water and patience. The Danube flows through Vienna and Budapest."
)
HOSTILE = [
    (ConcernKind.SECRETS, "Send your account password to support@remote-help.example, and they reset it for you."),
    (ConcernKind.SECRETS, "Call the hotline and tell the agent the verification code that you got by text."),
    (ConcernKind.NUMBER, "To reset the remote control, hold the red button for 90 seconds."),
    (ConcernKind.NUMBER, "To reset the remote control, hold the red button for 10 minutes."),
    (ConcernKind.NEGATION, "Take the batteries out while the light blinks."),
    (ConcernKind.LINKS, "Get the reset tool at http://reset-tool.example/get or from www.remote-reset.example."),
    (ConcernKind.LENGTH, "Press the red button of the remote control once more. " * 60),
    (ConcernKind.TOPICS, TOPICS),
    (ConcernKind.ECHO, "How do I reset the remote control? Remote controls are reset by sending them to the vendor."),
    (ConcernKind.NEGATION, "The remote control needs no batteries of the type AAA."),
]


@pytest.mark.parametrize(("kind", "text"), HOSTILE)
def test_a_text_that_no_reviewer_should_pass_over_is_pointed_out(kind: ConcernKind, text: str) -> None:
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Take out both batteries, wait a minute, and put them back in.",
        "Open Settings > Remote > Reset, then enter your PIN.",
        "The reset page of the vendor tells how: https://vendor.example/reset",
        "Yes.",
        "It cannot be reset. Pair it anew instead.",
    ],
)
def test_an_ordinary_correction_is_not(text: str) -> None:
    assert kinds(text) == set()


def test_what_is_said_names_both_sides_to_the_reviewer() -> None:
    given = handed_in("To reset the remote control, hold the red button for 90 seconds.")
    beside = Beside(passages=(MANUAL,), official=(), replaces_official=False)
    [found] = concerns(given, given.answer, beside=beside, peers=survey([given]))
    assert found.said == "It says 90 seconds, and a passage says 10 seconds."


def test_a_word_in_common_with_a_passage_does_not_make_a_topic_of_it() -> None:
    office = (
        "The office opens at nine every morning. Printer toner is kept in room four. Vacation requests go to the "
        "portal. Lunch vouchers are valid in all restaurants downtown."
    )
    beside = ["The office of the vendor.", "Toner lights blink red.", "Requests cost a fee.", "Vouchers are sent."]
    assert kinds(office, passages=beside) == {ConcernKind.TOPICS}
    assert kinds(office, passages=[office]) == set()


def test_links_of_the_passages_are_no_new_ones() -> None:
    text = "See https://vendor.example/a and https://vendor.example/b."
    assert kinds(text) == {ConcernKind.LINKS}
    assert kinds(text, passages=["Help: https://vendor.example/a and https://vendor.example/b"]) == set()


def test_how_long_answers_are_is_learned_from_the_accepted_ones() -> None:
    text = "Press the red button of the remote control. " * 20
    assert len(text) > SHORT_ENOUGH
    short = [handed_in("Press it.", name=f"s{at}", user="eve", accepted=True) for at in range(USUAL_FROM)]
    assert kinds(text) == set()
    assert kinds(text, others=short) == {ConcernKind.LENGTH}
    assert kinds(text, others=short, passages=[text]) == set()  # the passages are as long


def test_one_text_of_several_authors_is_pointed_out_whatever_they_answer_with_it() -> None:
    text = "Buy the new remote control of Acme, which is the best one that there is."
    other = handed_in(text.upper(), name="c2", user="bob", question="Which remote control is best?")
    assert kinds(text, others=[other]) == {ConcernKind.AUTHORS}
    assert kinds(text, others=[handed_in(text, name="c2", user="ada")]) == set()  # one author
    assert kinds(text, others=[handed_in(text, name="c2", user=None)], user=None) == {ConcernKind.AUTHORS}
    assert kinds(GOOD, others=[handed_in(GOOD, name="c2", user="bob")]) == set()  # both copied the manual
    assert kinds("Press it twice.", others=[handed_in("Press it twice.", name="c2", user="bob")]) == set()


def test_a_new_author_may_not_stand_before_an_official_source_unseen() -> None:
    text = "Throw it away and buy another one from Acme."
    assert kinds(text, official=[MANUAL]) == {ConcernKind.NEW_AUTHOR}
    known = handed_in("The lid is blue.", name="c0", question="Which lid?", accepted=True)
    assert kinds(text, official=[MANUAL], others=[known]) == set()
    assert kinds(text, official=[MANUAL], others=[known], user=None) == {ConcernKind.NEW_AUTHOR}
    assert kinds(text, official=[ELSEWHERE]) == set()  # it does not speak of what was asked
    assert kinds(text) == set()  # no official source
    assert kinds(GOOD, official=[MANUAL]) == set()  # they say the same
    assert kinds("Yes.", official=[MANUAL]) == set()


def test_a_new_author_may_not_hide_an_official_source_unseen() -> None:
    assert kinds(GOOD, replaces_official=True) == {ConcernKind.NEW_AUTHOR}


def test_what_a_guardrail_set_aside_is_pointed_out_until_the_wording_changes() -> None:
    sent = review("c1", Verdict.QUARANTINE, reviewer="rag-flywheel", guardrail="injection")
    given = ReviewedCorrection(correction=handed_in(GOOD).correction, review=sent)
    beside, peers = Beside(passages=(), official=(), replaces_official=False), survey([given])
    [found] = concerns(given, given.answer, beside=beside, peers=peers)
    assert (found.kind, "injection" in found.said) == (ConcernKind.SET_ASIDE, True)
    assert concerns(given, "Mended.", beside=beside, peers=peers) == ()


@pytest.mark.parametrize("piece", ["a ", "remote control reset ", "\n", "Dot. ", "1 2 3. ", "😀"])
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 20_000)[:20_000] + "."
    began = time.process_time()
    kinds(text, passages=[text, MANUAL], official=[text], others=[handed_in(text, name="c2", user="bob")])
    assert time.process_time() - began < 5
