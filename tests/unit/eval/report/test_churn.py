"""What changes in the answers to real questions."""

from datetime import timedelta

from eval.report.churn import Change, Churn, Kind, churn, recent
from eval.scores.scorecard import Reply
from rag_flywheel.domain import Chunk, Interaction, InteractionId
from tests.fakes.evaluation import chunk, reply
from tests.fakes.samples import NOON, confirmed_chunk, correction_chunk, interaction

GUIDE, MANUAL, RIGHT = chunk("guide"), chunk("manual"), correction_chunk("c1")


def changed(before: Reply, after: Reply) -> Churn:
    return churn([interaction("i1")], {InteractionId("i1"): before}, {InteractionId("i1"): after})


def kinds(*chunks: Chunk) -> list[Kind]:
    found = []
    for first in chunks:
        [only] = changed(reply(MANUAL), reply(first)).changed
        assert only.after is not None
        found.append(only.after.kind)
    return found


def test_a_reply_that_stays_the_same_is_asked_and_not_listed() -> None:
    told = changed(reply(GUIDE, MANUAL), reply(GUIDE, RIGHT))
    assert (told.asked, told.changed, told.share) == (1, (), 0.0)
    assert told.shares == dict.fromkeys(Change, 0.0)


def test_another_first_passage_is_listed_with_both_documents() -> None:
    [only] = changed(reply(GUIDE), reply(MANUAL)).changed
    assert only.before is not None
    assert only.after is not None
    assert (only.changes, only.before.document_id, only.after.document_id) == ((Change.PASSAGE,), "guide", "manual")


def test_it_says_whether_the_first_passage_is_now_a_correction_a_confirmed_answer_or_a_source() -> None:
    assert kinds(RIGHT, confirmed_chunk(GUIDE, "Who?"), GUIDE) == [Kind.CORRECTION, Kind.CONFIRMED, Kind.SOURCE]


def test_the_same_passage_found_by_a_confirmed_question_is_no_other_passage() -> None:
    assert changed(reply(GUIDE), reply(confirmed_chunk(GUIDE, "Who?"))).changed == ()


def test_finding_nothing_any_more_is_a_change_of_the_passage() -> None:
    [only] = changed(reply(GUIDE), reply()).changed
    assert (only.changes, only.after) == ((Change.PASSAGE,), None)


def test_another_answer_is_a_change_and_other_line_breaks_are_none() -> None:
    [only] = changed(reply(GUIDE, answer="Wait."), reply(GUIDE, answer="Run it.")).changed
    assert only.changes == (Change.TEXT,)
    assert changed(reply(GUIDE, answer="Run it."), reply(GUIDE, answer="Run\nit. ")).changed == ()


def test_a_refusal_that_became_an_answer_is_told_apart_from_an_answer_that_became_a_refusal() -> None:
    [better] = changed(reply(GUIDE, answer=None), reply(RIGHT)).changed
    [worse] = changed(reply(GUIDE), reply(GUIDE, answer=None)).changed
    assert better.changes == (Change.PASSAGE, Change.NOW_ANSWERED)
    assert worse.changes == (Change.NOW_REFUSED,)


def test_shares_are_of_the_questions_that_both_versions_replied_to() -> None:
    asked = [interaction(f"i{number}", question=f"Question {number}?") for number in range(5)]
    before = {interaction.interaction_id: reply(GUIDE) for interaction in asked[:4]}
    after = {interaction.interaction_id: reply(GUIDE) for interaction in asked[1:]} | {
        InteractionId("i3"): reply(RIGHT, answer="Yes.")
    }
    told = churn(asked, before, after)
    assert (told.asked, told.share) == (3, 1 / 3)
    assert told.shares[Change.PASSAGE] == told.shares[Change.TEXT] == 1 / 3
    assert [question.question for question in told.changed] == ["Question 3?"]


def test_without_questions_there_is_no_share() -> None:
    assert churn([], {}, {}) == Churn(asked=0, changed=(), share=None, shares={})


def test_the_newest_questions_are_taken_each_wording_once() -> None:
    def at(name: str, minute: int, question: str) -> Interaction:
        return interaction(name, question=question, asked=NOON + timedelta(minutes=minute))

    asked = [at("i1", 1, "How?"), at("i3", 3, "how ?"), at("i2", 2, "Why?"), at("i0", 0, "When?")]
    assert [interaction.interaction_id for interaction in recent(asked, limit=2)] == ["i3", "i2"]
    assert [interaction.interaction_id for interaction in recent(asked, limit=9)] == ["i3", "i2", "i0"]


def test_questions_without_consent_or_text_are_never_asked_again() -> None:
    asked = [interaction("i1", consent=False), interaction("i2", question="")]
    assert recent(asked, limit=9) == []
