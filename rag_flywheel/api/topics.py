"""Topics of gaps as somebody may see them, not made anew for every page."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rag_flywheel.api.state import State
from rag_flywheel.domain import Person
from rag_flywheel.domain.topics import TopicKind
from rag_flywheel.feedback import gaps as gap_case
from rag_flywheel.feedback import topics as topic_case
from rag_flywheel.feedback.topics import Standing, Topic

FRESH = timedelta(minutes=1)
"""How long topics are taken for those of now where nothing has changed: their weeks end now."""
SLOW = 1.0  # seconds of making them, from which they may be older than the latest question
TIMES = 20
"""Older, at most, by as many times what making them takes: a twentieth of a busy server's work goes there."""
ADDED = ("interactions", "feedback")
"""What comes with every question. Whatever else is added, and all that is deleted, is seen at once."""
Marks = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Topics, what they rested on, when making them ended, and how many seconds that took."""

    topics: list[Topic]
    marks: Marks
    at: datetime
    seconds: float

    def holds(self, marks: Marks, at: datetime) -> bool:
        """Whether they do for a page now."""
        age = at - self.at
        if marks == self.marks:
            return age <= FRESH
        grown = all(
            marks[table][1] >= of[1] if table in ADDED else marks[table] == of for table, of in self.marks.items()
        )
        return grown and self.seconds > SLOW and age <= timedelta(seconds=TIMES * self.seconds)


def topics(state: State, asking: Person) -> list[Topic]:
    """Of what who asks may read. What is off topic is not put together with anything else."""
    services, started = state.services, time.perf_counter()
    key, marks = (services.index.live(), asking.groups), services.ledger.marks()
    with state.lock:
        known = state.topics_of.get(key)
    if isinstance(known, Made) and known.holds(marks, services.now()):
        return known.topics
    made = _made(state, asking, services.now())
    with state.lock:
        state.topics_of[key] = Made(topics=made, marks=marks, at=services.now(), seconds=time.perf_counter() - started)
    return made


def _made(state: State, asking: Person, at: datetime) -> list[Topic]:
    services, reader = state.services, state.reader(asking)
    ledger, rulings = services.ledger, services.ledger.topic_rulings()
    found = gap_case.gaps(
        ledger=ledger,
        near=services.config.generator.on_topic,
        reader=reader,
        but=state.sensitive().hidden,
        also=frozenset(name for ruling in rulings for name in ruling.members),
        recent=state.recent,
    )
    standing = Standing(
        rulings=rulings,
        corrections=[entry for entry in ledger.corrections() if reader.reads_correction(entry.correction)],
        held={record.manifest.version_id: frozenset(record.manifest.corrections) for record in ledger.versions()},
        live=services.index.live(),
        salt=ledger.salt(),
    )
    parts = [[gap for gap in found if (gap.kind is TopicKind.OFF_TOPIC) is part] for part in (False, True)]
    clusters = [cluster for part in parts for cluster in topic_case.clustered(part, state.alike)]
    return topic_case.topics(clusters, standing, at=at)
