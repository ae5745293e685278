"""When topics of gaps are made anew for a page, and when those of a moment ago do."""

from datetime import timedelta

import pytest

from rag_flywheel.api.topics import Made, Marks
from tests.fakes.samples import NOON

BEFORE: Marks = {"interactions": (9, 9), "feedback": (4, 4), "corrections": (2, 2), "erasures": (1, 1)}


def holds(marks: Marks, *, seconds: float = 0.1, age: float = 5) -> bool:
    made = Made(topics=[], marks=BEFORE, at=NOON, seconds=seconds)
    return made.holds(marks, NOON + timedelta(seconds=age))


def test_where_nothing_changed_they_do_for_a_minute() -> None:
    assert holds(BEFORE)
    assert not holds(BEFORE, age=61)


def test_a_new_question_is_seen_at_once_unless_making_them_takes_long() -> None:
    asked = {**BEFORE, "interactions": (10, 10), "feedback": (5, 5)}
    assert not holds(asked)
    assert holds(asked, seconds=3)
    assert not holds(asked, seconds=3, age=61)


@pytest.mark.parametrize(
    "changed",
    [
        {"interactions": (9, 8)},
        {"feedback": (4, 3)},
        {"corrections": (3, 3)},
        {"erasures": (2, 2)},
        {"interactions": (10, 10), "erasures": (2, 2)},
    ],
)
def test_what_is_deleted_decided_or_to_be_forgotten_is_seen_at_once_however_long_they_take(changed: Marks) -> None:
    assert not holds({**BEFORE, **changed}, seconds=100)
