"""Judged questions and their retirements, as rows."""

from datetime import datetime

from sqlalchemy import select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import GoldenCase, Retirement
from rag_flywheel.ports.ledger import GoldenCases


class SqlGoldenCases(InDatabase, GoldenCases):
    def add_golden_case(self, case: GoldenCase) -> None:
        self._database.append(
            tables.golden_cases,
            {"case_id": case.case_id, "added": case.added, "body": case},
            what=f"golden case {case.case_id}",
        )

    def golden_cases(self, *, until: datetime | None = None) -> list[GoldenCase]:
        rows = tables.golden_cases.c
        wanted = select(rows.body).order_by(rows.added, rows.sequence)
        if until is not None:
            wanted = wanted.where(rows.added <= until)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def add_retirement(self, retirement: Retirement) -> None:
        self._database.append(
            tables.retirements,
            {"case_id": retirement.case_id, "retired": retirement.retired, "body": retirement},
            what=f"retirement of case {retirement.case_id}",
        )

    def retirements(self, *, until: datetime | None = None) -> list[Retirement]:
        rows = tables.retirements.c
        wanted = select(rows.body).order_by(rows.retired, rows.sequence)
        if until is not None:
            wanted = wanted.where(rows.retired <= until)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))
