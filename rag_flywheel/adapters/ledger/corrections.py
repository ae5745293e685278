"""Corrections and their reviews, as rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Dialect, Select, Text, and_, cast, func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.column_types import Value
from rag_flywheel.adapters.ledger.database import Database, InDatabase
from rag_flywheel.domain import Correction, CorrectionId, Review, ReviewedCorrection
from rag_flywheel.domain.reviewing import Assignment, SecondReview
from rag_flywheel.errors import no_correction
from rag_flywheel.ports.ledger import Corrections


class SqlCorrections(InDatabase, Corrections):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._read_before: Mapping[int, _Read] = {}

    def add_correction(self, correction: Correction) -> None:
        self._database.append(
            tables.corrections,
            {
                "correction_id": correction.correction_id,
                "interaction_id": correction.interaction_id,
                "submitted": correction.submitted,
                "pseudonym": correction.user,
                "body": correction,
            },
            what=f"correction {correction.correction_id}",
            parent=f"interaction {correction.interaction_id}",
        )

    def correction(self, correction_id: CorrectionId) -> ReviewedCorrection:
        wanted = _reviewed(correction_id=correction_id)
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise no_correction(correction_id)
        return ReviewedCorrection(correction=row.correction, review=row.review)

    def claim(self, correction_id: CorrectionId) -> ReviewedCorrection:
        # SQLite has one writer at a time, so there the transaction itself is the claim.
        own = select(tables.corrections.c.sequence).where(tables.corrections.c.correction_id == correction_id)
        with self._database.write() as connection:
            connection.execute(own.with_for_update())
        return self.correction(correction_id)

    def corrections(self, *, until: datetime | None = None) -> list[ReviewedCorrection]:
        if until is not None:
            return self._read(_reviewed(until=until))
        # All of them are read for many pages, and a value is checked again only where what is stored has changed.
        with self._database.read() as connection:
            rows = connection.execute(_reviewed(stored=True).add_columns(tables.corrections.c.sequence)).all()
            before, dialect = self._read_before, connection.dialect
            read = {
                number: known
                if (known := before.get(number)) is not None and known.correction == of and known.review == by
                else _renewed(str(of), by, known, dialect)
                for of, by, number in rows
            }
        self._read_before = read  # so that nothing stays here that is gone there
        return [each.entry for each in read.values()]

    def corrections_of(self, user: str) -> list[ReviewedCorrection]:
        is_one = self._database.is_one
        found = self._database.find(lambda: _reviewed(by=is_one(tables.corrections.c.pseudonym, user)))
        return [ReviewedCorrection(correction=row.correction, review=row.review) for row in found]

    def _read(self, wanted: Select[Correction, Review]) -> list[ReviewedCorrection]:
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [ReviewedCorrection(correction=row.correction, review=row.review) for row in rows]

    def add_review(self, review: Review) -> None:
        self._database.append(
            tables.reviews,
            {
                "review_id": review.review_id,
                "correction_id": review.correction_id,
                "reviewed": review.reviewed,
                "body": review,
                "undoes": review.undoes,
            },
            what=f"review {review.review_id}",
            parent=f"correction {review.correction_id}",
        )

    def reviews(self, *, since: datetime | None = None, of: CorrectionId | None = None) -> list[Review]:
        rows = tables.reviews.c
        wanted = select(rows.body).where(*_stands()).order_by(rows.reviewed, rows.sequence)
        if since is not None:
            wanted = wanted.where(rows.reviewed >= since)
        if of is not None:
            wanted = wanted.where(rows.correction_id == of)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def add_assignment(self, assignment: Assignment) -> None:
        self._database.append(
            tables.assignments,
            {
                "correction_id": assignment.correction_id,
                "reviewer": assignment.reviewer,
                "at": assignment.at,
                "state": assignment.state,
                "body": assignment,
            },
            what="assignment",
            parent=f"correction {assignment.correction_id}",
        )

    def assignments(self) -> list[Assignment]:
        rows = tables.assignments.c
        last = select(func.max(rows.sequence)).group_by(rows.correction_id, rows.reviewer)
        wanted = select(rows.body).where(rows.sequence.in_(last)).order_by(rows.sequence)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def add_second_review(self, second: SecondReview) -> None:
        self._database.append(
            tables.second_reviews,
            {
                "second_id": second.second_id,
                "correction_id": second.correction_id,
                "reviewed": second.reviewed,
                "body": second,
            },
            what=f"second review {second.second_id}",
            parent=f"correction {second.correction_id}",
        )

    def second_reviews(self) -> list[SecondReview]:
        rows = tables.second_reviews.c
        with self._database.read() as connection:
            return list(connection.scalars(select(rows.body).order_by(rows.reviewed, rows.sequence)))

    def corrections_mark(self) -> str:
        # A row that another transaction adds with a lower number later is counted.
        watched = (
            *(tables.corrections, tables.reviews, tables.version_states, tables.decisions, tables.erasures),
            tables.audit,  # which only grows: SQLite gives the numbers of erased rows anew
        )
        ends = [
            select(told).select_from(table).scalar_subquery()
            for table in watched
            for told in (func.count(), func.max(table.c.sequence))
        ]
        with self._database.read() as connection:
            return " ".join(map(str, connection.execute(select(*ends)).one()))


def _reviewed(
    *,
    until: datetime | None = None,
    correction_id: CorrectionId | None = None,
    by: ColumnElement[bool] | None = None,
    stored: bool = False,
) -> Select[Correction, Review]:
    """Corrections, oldest first, each with the latest review that stands; both up to and including `until`. `stored`:
    as their texts in the database.
    """
    rows, reviews = tables.corrections.c, tables.reviews.c
    newest_first = (reviews.reviewed.desc(), reviews.sequence.desc())
    place = func.row_number().over(partition_by=reviews.correction_id, order_by=newest_first).label("place")
    ranked = select(reviews.correction_id, reviews.body, place).where(*_stands(until))
    body = cast(rows.body, Text) if stored else rows.body
    wanted = select(body.label("correction")).order_by(rows.submitted, rows.sequence)
    if until is not None:
        ranked = ranked.where(reviews.reviewed <= until)
        wanted = wanted.where(rows.submitted <= until)
    if correction_id is not None:
        ranked = ranked.where(reviews.correction_id == correction_id)
        wanted = wanted.where(rows.correction_id == correction_id)
    if by is not None:
        own = select(rows.correction_id).where(by)
        ranked = ranked.where(reviews.correction_id.in_(own))
        wanted = wanted.where(by)
    latest = ranked.subquery()
    review = cast(latest.c.body, Text) if stored else latest.c.body
    return wanted.add_columns(review.label("review")).outerjoin_from(
        tables.corrections, latest, and_(latest.c.correction_id == rows.correction_id, latest.c.place == 1)
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """A correction with what is stored of it and of its review."""

    correction: str
    review: object  # its text; None: there is none
    entry: ReviewedCorrection


def _renewed(correction: str, review: object, before: _Read | None, dialect: Dialect) -> _Read:
    """The correction as it was read before from the same text, whatever row that was."""
    if before is not None and before.correction == correction:
        made = before.entry.correction
    else:
        made = _value(correction, tables.corrections.c.body, dialect)
    given = None if review is None else _value(str(review), tables.reviews.c.body, dialect)
    return _Read(correction, review, ReviewedCorrection(correction=made, review=given))


def _value(stored: str, column: Column[Any], dialect: Dialect) -> Any:
    kind = column.type
    assert isinstance(kind, Value)
    return kind.process_result_value(json.loads(stored), dialect)


def _stands(until: datetime | None = None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Of a review: nobody took it back up to then, and it is none by which another one was taken back."""
    later = tables.reviews.alias().c
    undone = select(later.undoes).where(later.undoes.is_not(None))
    if until is not None:
        undone = undone.where(later.reviewed <= until)
    return tables.reviews.c.review_id.not_in(undone), tables.reviews.c.undoes.is_(None)
