"""What can be counted of answers without reading them: rows of a few short columns beside each interaction."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import CORRECTION_PREFIX, CorrectionId, DocumentId, Interaction, Stage, VersionId
from rag_flywheel.domain.conversation import IMPORTED
from rag_flywheel.domain.insights import Answers, Chosen, Cited, Judged, Trait, TraitKind, answer_state, traits
from rag_flywheel.domain.topics import AnswerState
from rag_flywheel.ports.ledger import Insights

_FACTS, _TRAITS, _HAVE = tables.answer_facts.c, tables.traits.c, tables.answer_traits.c
_GIVEN = tables.feedback.c
_OURS = _FACTS.state != IMPORTED
"""How another service answered says nothing of a version."""
FEW = timedelta(days=14)


def add_facts(connection: Connection, asked: Interaction) -> None:
    """Beside the interaction that was just added."""
    state = answer_state(answered=asked.answered, confidence=asked.confidence).value
    facts = {
        "interaction_id": asked.interaction_id,
        "day": asked.asked.astimezone(UTC).date().isoformat(),
        "version_id": asked.version_id,
        "state": IMPORTED if asked.arm == IMPORTED else state,
        "asker_group": asked.group,
    }
    answer = connection.scalars(insert(tables.answer_facts).values(facts).returning(_FACTS.sequence)).one()
    found = traits(asked)
    numbers = _numbers(connection, list(found))
    rows = [
        {"answer": answer, "trait": numbers[trait], "cited": cited, "day": facts["day"]}
        for trait, cited in found.items()
    ]
    connection.execute(insert(tables.answer_traits), rows)


def _numbers(connection: Connection, wanted: Sequence[Trait]) -> dict[Trait, int]:
    keys = [(trait.kind.value, trait.name, trait.key) for trait in wanted]
    known = known_traits(connection, keys)
    missing = [key for key in keys if key not in known]
    if missing:
        new = (
            postgresql.insert(tables.traits)
            if connection.dialect.name == "postgresql"
            else sqlite.insert(tables.traits)
        )
        rows = [{"kind": kind, "name": name, "groups": groups} for kind, name, groups in missing]
        connection.execute(new.on_conflict_do_nothing(), rows)
        known = known_traits(connection, keys)
    return {trait: known[key] for trait, key in zip(wanted, keys, strict=True)}


def known_traits(connection: Connection, keys: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], int]:
    """The numbers of those that there are, by kind, name and groups. Each column by itself: so the index is used."""
    columns = (_TRAITS.kind, _TRAITS.name, _TRAITS.groups)
    those = [column.in_(sorted(set(values))) for column, values in zip(columns, zip(*keys, strict=True), strict=True)]
    found = connection.execute(select(*columns, _TRAITS.sequence).where(*those))
    return {(kind, name, groups): number for kind, name, groups, number in found}


def forgotten(names: Select[tuple[str]] | Sequence[str]) -> list[Delete]:
    """What is deleted before interactions are."""
    of = select(_FACTS.sequence).where(_FACTS.interaction_id.in_(names))
    return [
        delete(tables.answer_traits).where(_HAVE.answer.in_(of)),
        delete(tables.answer_facts).where(_FACTS.interaction_id.in_(names)),
    ]


class SqlInsights(InDatabase, Insights):
    def traits(self) -> frozenset[Trait]:
        with self._database.read() as connection:
            found = connection.execute(select(_TRAITS.kind, _TRAITS.name, _TRAITS.groups)).all()
        return frozenset(
            Trait(kind=TraitKind(kind), name=name, groups=None if groups == "null" else tuple(json.loads(groups)))
            for kind, name, groups in found
        )

    def asker_groups(self, chosen: Chosen) -> list[str]:
        named = select(_FACTS.asker_group).where(_FACTS.asker_group.is_not(None)).distinct()
        with self._database.read() as connection:
            wanted = named.where(*_chosen(connection, chosen))
            return sorted(name for name in connection.scalars(wanted) if name is not None)

    def answers(self, chosen: Chosen) -> list[Answers]:
        by = (_FACTS.day, _FACTS.version_id, _FACTS.state)
        with self._database.read() as connection:
            wanted = select(*by, func.count()).where(_OURS, *_chosen(connection, chosen)).group_by(*by).order_by(*by)
            found = connection.execute(wanted).all()
        return [
            Answers(day=date.fromisoformat(day), version_id=VersionId(version), state=AnswerState(state), count=count)
            for day, version, state, count in found
        ]

    def judged(self, chosen: Chosen) -> list[Judged]:
        said, by = _said(chosen), (_FACTS.day, _FACTS.version_id)
        with self._database.read() as connection:
            wanted = (
                select(*by, func.count().filter(~said.c.bad), func.count().filter(said.c.bad))
                .join(said, said.c.interaction_id == _FACTS.interaction_id)
                .where(_OURS, *_chosen(connection, chosen))
                .group_by(*by)
                .order_by(*by)
            )
            found = connection.execute(wanted).all()
        return [
            Judged(day=date.fromisoformat(day), version_id=VersionId(version), good=good, bad=bad)
            for day, version, good, bad in found
        ]

    def failed_stages(self, chosen: Chosen) -> dict[Stage, int]:
        staged = and_(_GIVEN.stage.is_not(None), *_of_few_days(chosen))
        place = func.row_number().over(
            partition_by=_GIVEN.interaction_id, order_by=(_GIVEN.given.desc(), _GIVEN.sequence.desc())
        )
        latest = select(_GIVEN.interaction_id, _GIVEN.stage, place.label("place")).where(staged).subquery()
        with self._database.read() as connection:
            wanted = (
                select(latest.c.stage, func.count())
                .join(tables.answer_facts, _FACTS.interaction_id == latest.c.interaction_id)
                .where(latest.c.place == 1, _OURS, *_chosen(connection, chosen))
                .group_by(latest.c.stage)
            )
            return {Stage(stage): count for stage, count in connection.execute(wanted)}

    def cited(self, chosen: Chosen) -> list[Cited]:
        said, cited = _said(chosen), _HAVE.cited.is_(True)
        with self._database.read() as connection:
            those = _chosen(connection, chosen)
            every = select(_HAVE.trait, func.count()).where(cited).group_by(_HAVE.trait)
            if chosen.group is None and not chosen.without_groups:
                every = every.where(*_chosen(connection, chosen, day=_HAVE.day, answer=_HAVE.answer))
            else:
                every = every.join(tables.answer_facts, _FACTS.sequence == _HAVE.answer).where(*those)
            judged = (
                select(_HAVE.trait, func.count().filter(~said.c.bad), func.count().filter(said.c.bad))
                .select_from(said)
                .join(tables.answer_facts, _FACTS.interaction_id == said.c.interaction_id)
                .join(tables.answer_traits, _HAVE.answer == _FACTS.sequence)
                # Not by the index of what is cited: few answers were judged, and each is looked up.
                .where(case((cited, 1), else_=0) == 1, *those)
                .group_by(_HAVE.trait)
            )
            counts = {row[0]: row[1] for row in connection.execute(every)}
            words = {number: (good, bad) for number, good, bad in connection.execute(judged)}
            named = select(_TRAITS.sequence, _TRAITS.name).where(_TRAITS.kind == TraitKind.DOCUMENT.value)
            names = {row[0]: row[1] for row in connection.execute(named)}
        found: dict[str, list[int]] = {}  # a document that was for others once has several traits
        for number, count in counts.items():
            good, bad = words.get(number, (0, 0))
            if number in names:
                sums = found.setdefault(names[number], [0, 0, 0])
                sums[:] = (sums[0] + count, sums[1] + good, sums[2] + bad)
        made = [
            Cited(document_id=DocumentId(name), answers=answers, good=good, bad=bad)
            for name, (answers, good, bad) in found.items()
        ]
        return sorted(made, key=lambda each: (-each.answers, each.document_id))

    def answers_by_corrections(self, chosen: Chosen) -> int:
        corrections = select(_TRAITS.sequence).where(_TRAITS.name.startswith(CORRECTION_PREFIX, autoescape=True))
        with self._database.read() as connection:
            wanted = (
                select(func.count(_HAVE.answer.distinct()))
                .join(tables.answer_facts, _FACTS.sequence == _HAVE.answer)
                .where(_HAVE.trait.in_(corrections), _HAVE.cited.is_(True), *_chosen(connection, chosen))
            )
            return connection.scalars(wanted).one()

    def corrected(self, chosen: Chosen) -> frozenset[CorrectionId]:
        rows = tables.corrections.c
        with self._database.read() as connection:
            wanted = (
                select(rows.correction_id)
                .join(tables.answer_facts, _FACTS.interaction_id == rows.interaction_id)
                .where(*_chosen(connection, chosen))
            )
            return frozenset(map(CorrectionId, connection.scalars(wanted)))

    def first_touched(self, since: Mapping[str, tuple[int, int]], until: Mapping[str, tuple[int, int]]) -> date | None:
        days: list[str] = []
        with self._database.read() as connection:
            for table in (tables.interactions, tables.feedback, tables.corrections):
                (last, count), (end, all_of) = since[table.name], until[table.name]
                new = and_(table.c.sequence > last, table.c.sequence <= end)
                if all_of != count + connection.scalars(select(func.count()).select_from(table).where(new)).one():
                    return date.min
                # Not the least of them by SQL: for that SQLite goes through all answers by their days.
                of = select(table.c.interaction_id).where(new)
                days += connection.scalars(select(_FACTS.day).where(_FACTS.interaction_id.in_(of)))
        return min(map(date.fromisoformat, days), default=None)


def _of_few_days(chosen: Chosen) -> list[ColumnElement[bool]]:
    """What was said of the answers of a few days is looked up for each of them; of many days all that was said is read.
    The day of an answer is asked for again where it is counted.
    """
    if chosen.first is None or chosen.last is None or chosen.last - chosen.first > FEW:
        return []
    days = _FACTS.day.between(chosen.first.isoformat(), chosen.last.isoformat())
    return [_GIVEN.interaction_id.in_(select(_FACTS.interaction_id).where(days))]


def _said(chosen: Chosen) -> Subquery:
    """Answers of which somebody said that they are good or bad, and whether anybody called them bad."""
    bad = func.max(case((_GIVEN.good.is_(False), 1), else_=0)) == 1
    judged = select(_GIVEN.interaction_id, bad.label("bad")).where(_GIVEN.good.is_not(None), *_of_few_days(chosen))
    return judged.group_by(_GIVEN.interaction_id).subquery()


def _chosen(
    connection: Connection, chosen: Chosen, *, day: Column[str] = _FACTS.day, answer: Column[int] = _FACTS.sequence
) -> list[ColumnElement[bool]]:
    those: list[ColumnElement[bool]] = []
    if chosen.first is not None:
        those.append(day >= chosen.first.isoformat())
    if chosen.last is not None:
        those.append(day <= chosen.last.isoformat())
    if chosen.group is not None:
        those.append(_FACTS.asker_group == chosen.group)
    if chosen.without_groups:
        those.append(or_(_FACTS.asker_group.is_(None), _FACTS.asker_group.not_in(sorted(chosen.without_groups))))
    if chosen.without:
        keys = [(trait.kind.value, trait.name, trait.key) for trait in chosen.without]
        wanted = select(_TRAITS.kind, _TRAITS.name, _TRAITS.groups, _TRAITS.sequence)
        known = {(kind, name, groups): number for kind, name, groups, number in connection.execute(wanted)}
        numbers = [known[key] for key in keys if key in known]
        # Numbers of our own, written out: there may be more than a statement takes as parameters.
        having: BindParameter[list[int]] = bindparam("without", numbers, expanding=True, literal_execute=True)
        # Cited or not, and of these days: so the index is used that begins with both.
        found = select(_HAVE.answer).where(_HAVE.cited.in_([True, False]), _HAVE.trait.in_(having))
        if chosen.first is not None:
            found = found.where(_HAVE.day >= chosen.first.isoformat())
        if chosen.last is not None:
            found = found.where(_HAVE.day <= chosen.last.isoformat())
        those.append(answer.not_in(found))
    return those
