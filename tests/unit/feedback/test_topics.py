"""Topics of gaps: what is counted, what is likely to be wrong, how they stand, and what keeps them the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rag_flywheel.domain import (
    Confidence,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Interaction,
    InteractionId,
    ReviewedCorrection,
    Verdict,
    VersionId,
)
from rag_flywheel.domain.topics import TopicKind, TopicRuling, TopicState, Trend
from rag_flywheel.feedback.gaps import gaps
from rag_flywheel.feedback.topics import Standing, Topic, clustered, topics
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, correction, interaction, review, shown

DAY = timedelta(days=1)
SALT = b"salt"


def by_first_word(texts: Sequence[str]) -> list[list[int]]:
    """Stands for the likeness of vectors."""
    words = [text.split()[0].casefold() for text in texts]
    return [[row for row, word in enumerate(words) if word == first] for first in dict.fromkeys(words)]


def ask(name: str, question: str = "export how?", *, day: float = 0, version: str = "v1") -> Interaction:
    asked = interaction(name, question=question, answered=False, asked=NOON + day * DAY)
    return replace(asked, user=f"user of {name}", version_id=VersionId(version))


def ruling(
    state: TopicState,
    *members: str,
    name: str = "r1",
    topic: str = "0a1b",
    day: float = 1,
    document: str | None = None,
) -> TopicRuling:
    return TopicRuling(
        ruling_id=name,
        topic_id=topic,
        at=NOON + day * DAY,
        state=state,
        who="rita",
        why="because",
        document_id=None if document is None else DocumentId(document),
        members=tuple(map(InteractionId, members)),
    )


def found(
    *asked: Interaction,
    rulings: Sequence[TopicRuling] = (),
    corrections: Sequence[ReviewedCorrection] = (),
    live: str | None = None,
    at: datetime = NOON + 7 * DAY,
) -> list[Topic]:
    """The live version holds every correction, where one is named."""
    ledger = MemoryLedger()
    for each in asked:
        ledger.add_interaction(each)
    held = {} if live is None else {VersionId(live): frozenset(of.correction.correction_id for of in corrections)}
    standing = Standing(
        rulings=rulings,
        corrections=corrections,
        held=held,
        live=None if live is None else VersionId(live),
        salt=SALT,
    )
    return topics(clustered(gaps(ledger=ledger, near=0.3), by_first_word), standing, at=at)


def test_a_topic_counts_its_questions_and_people_and_lists_its_wordings_the_most_frequent_first() -> None:
    asked = [ask("i1"), ask("i2", "Export HOW", day=1), ask("i3", "export when?", day=2), ask("i4", "print how?")]
    asked.append(replace(ask("i5", "export how?", day=3), user="user of i1"))
    exporting, printing = found(*asked)
    assert (exporting.times, exporting.people, printing.times) == (4, 3, 1)
    assert (exporting.first, exporting.last) == (NOON, NOON + 3 * DAY)
    assert [(wording.question, wording.times) for wording in exporting.wordings] == [
        ("export how?", 3),
        ("export when?", 1),
    ]
    assert exporting.interaction_ids == ("i5", "i3", "i2", "i1")


def test_what_most_people_asked_comes_first_and_what_waits_for_nobody_last() -> None:
    asked = [ask("i1", "one"), *(ask(f"t{n}", "two") for n in range(2)), *(ask(f"s{n}", "six") for n in range(6))]
    order = [topic.question for topic in found(*asked, rulings=[ruling(TopicState.DISMISSED, "s0")])]
    assert order == ["two", "one", "six"]


def test_people_without_a_name_are_told_apart_by_their_conversation_and_else_by_their_question() -> None:
    nobody = [replace(ask(f"i{n}"), user=None) for n in range(4)]
    talking = [replace(nobody[0], session="s"), replace(nobody[1], session="s"), *nobody[2:]]
    assert found(*talking)[0].people == 3


@pytest.mark.parametrize(
    ("days", "trend"),
    [
        ([6, 6.5], Trend.NEW),
        ([1, *[8] * 6, *[13] * 2], Trend.RISING),
        ([1, *[2] * 6, 13], Trend.FALLING),
        ([1, *[2] * 6, *[12] * 5], Trend.STEADY),
    ],
)
def test_the_trend_compares_the_last_two_weeks(days: Sequence[float], trend: Trend) -> None:
    at = NOON + (7 if trend is Trend.NEW else 14) * DAY
    [topic] = found(*(ask(f"i{n}", day=day) for n, day in enumerate(days)), at=at)
    assert topic.trend is trend
    assert (len(topic.weeks), sum(topic.weeks)) == (12, len(days))


def test_the_finding_says_what_is_wrong_with_counts_and_the_recommendation_what_to_do() -> None:
    doubtful = replace(ask("i2"), answered=True, confidence=Confidence.LOW)
    [topic] = found(ask("i1"), doubtful)
    assert topic.finding == "No document is known to hold the answer: 1 of 2 were refused, 1 answered with doubt."
    assert topic.recommendation.startswith("Answer it here")


@pytest.mark.parametrize(("rank", "kind"), [(1, TopicKind.BAD_ANSWER), (3, TopicKind.NOT_FOUND)])
def test_a_linked_document_tells_whether_it_was_found(rank: int, kind: TopicKind) -> None:
    ranking = tuple(shown("guide" if at == rank else f"d{at}", at) for at in (1, 2, 3))
    asked = replace(ask("i1"), ranking=ranking, shown=2)
    [topic] = found(asked, rulings=[ruling(TopicState.ADDRESSED, "i1", document="guide")])
    assert topic.kind is kind
    assert ("guide" in topic.finding) is (kind is TopicKind.NOT_FOUND)


@pytest.mark.parametrize("state", [TopicState.DISMISSED, TopicState.ADDRESSED])
def test_what_was_decided_stands_until_somebody_asks_again(state: TopicState) -> None:
    rulings = [ruling(state, "i1")]
    [topic] = found(ask("i1"), rulings=rulings)
    assert (topic.state, topic.ruling) == (state, rulings[0])
    [topic] = found(ask("i1"), ask("i2", "export when?", day=2), rulings=rulings)
    assert topic.state is TopicState.BACK
    reopened = ruling(TopicState.OPEN, "i1", "i2", name="r2", day=3)
    [topic] = found(ask("i1"), ask("i2", day=2), rulings=[*rulings, reopened])
    assert topic.state is TopicState.OPEN


def test_a_topic_keeps_its_id_while_questions_come_and_go_and_a_ruling_keeps_it_for_good() -> None:
    [before] = found(ask("i1"), ask("i2", day=1))
    [after] = found(ask("i1"), ask("i2", day=1), ask("i3", "export when?", day=2))
    assert before.topic_id == after.topic_id
    [other] = found(ask("i2", day=1))  # the oldest one is forgotten
    assert other.topic_id != before.topic_id
    [ruled] = found(ask("i2", day=1), rulings=[ruling(TopicState.OPEN, "i1", "i2", topic=before.topic_id)])
    assert ruled.topic_id == before.topic_id


def test_a_topic_that_falls_apart_leaves_its_id_and_state_to_the_part_with_most_of_its_questions() -> None:
    asked = [ask("i1", "export"), ask("i2", "print"), ask("i3", "print")]
    whole = ruling(TopicState.DISMISSED, "i1", "i2", "i3")
    [exporting, printing] = found(*asked, rulings=[whole])
    assert (printing.topic_id, printing.state) == ("0a1b", TopicState.DISMISSED)
    assert (exporting.question, exporting.state) == ("export", TopicState.OPEN)
    assert exporting.topic_id != printing.topic_id


def test_a_question_that_leaves_its_topic_does_not_take_the_id_along_that_it_gave_to_it() -> None:
    [before] = found(ask("i1", "export"), ask("i2", "export", day=1), ask("i3", "export", day=1))
    whole = ruling(TopicState.DISMISSED, "i1", "i2", "i3", topic=before.topic_id)
    exporting, printing = found(ask("i1", "print"), ask("i2", "export"), ask("i3", "export"), rulings=[whole])
    assert {exporting.question, printing.question} == {"export", "print"}
    ids = {topic.question: topic.topic_id for topic in (exporting, printing)}
    assert ids["export"] == before.topic_id != ids["print"]


def test_of_topics_that_grow_together_what_was_decided_last_counts() -> None:
    rulings = [
        ruling(TopicState.DISMISSED, "i1", name="r1", topic="aa"),
        ruling(TopicState.ADDRESSED, "i2", name="r2", topic="bb", day=2),
    ]
    [topic] = found(ask("i1"), ask("i2"), rulings=rulings)
    assert (topic.topic_id, topic.state) == ("bb", TopicState.ADDRESSED)


def test_a_reason_is_shown_to_those_alone_who_may_read_all_that_it_was_about() -> None:
    [topic] = found(ask("i1"), rulings=[ruling(TopicState.DISMISSED, "i1", "not for the reader")])
    assert (topic.state, topic.ruling) == (TopicState.DISMISSED, None)


# --- corrections ----------------------------------------------------------------------------------------------------


def handed_in(verdict: Verdict | None, *, day: float = 1) -> ReviewedCorrection:
    made = replace(correction("c1", of="i1"), submitted=NOON + day * DAY)
    return ReviewedCorrection(correction=made, review=None if verdict is None else review("c1", verdict))


@pytest.mark.parametrize(
    ("verdict", "state", "told"),
    [
        (None, TopicState.ADDRESSED, "waits for review"),
        (Verdict.HOLD, TopicState.ADDRESSED, "waits for review"),
        (Verdict.ACCEPT, TopicState.ADDRESSED, "next reindex"),
        (Verdict.REJECT, TopicState.OPEN, "Answer it here"),
    ],
)
def test_an_answer_that_was_handed_in_addresses_a_topic_unless_it_is_rejected(
    verdict: Verdict | None, state: TopicState, told: str
) -> None:
    later = ask("i2", day=2)  # asked before the answer can be live
    [topic] = found(ask("i1"), later, corrections=[handed_in(verdict)])
    assert topic.state is state
    assert told in topic.recommendation
    assert [of.correction_id for of in topic.corrections] == [CorrectionId("c1")]


def test_a_topic_is_back_when_a_version_that_holds_the_answer_does_not_give_it() -> None:
    live = {"corrections": [handed_in(Verdict.ACCEPT)], "live": "v2"}
    [topic] = found(ask("i1"), ask("i2", day=2), **live)  # type: ignore[arg-type]
    assert (topic.state, topic.corrections[0].state) == (TopicState.ADDRESSED, CorrectionState.LIVE)
    [topic] = found(ask("i1"), ask("i2", day=3, version="v2"), **live)  # type: ignore[arg-type]
    assert topic.state is TopicState.BACK
    assert "still not answered surely" in topic.recommendation


def test_a_topic_that_was_dismissed_is_addressed_by_an_answer_that_comes_later_and_not_by_an_earlier_one() -> None:
    dismissed = ruling(TopicState.DISMISSED, "i1", day=2)
    assert found(ask("i1"), rulings=[dismissed], corrections=[handed_in(None)])[0].state is TopicState.DISMISSED
    later = [handed_in(None, day=3)]
    assert found(ask("i1"), rulings=[dismissed], corrections=later)[0].state is TopicState.ADDRESSED
