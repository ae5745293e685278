"""Who met which version, as rows: exposures, canaries, the hold-out, the freeze."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import Arm, Canary, CanaryId, Exposure, Freeze, HoldOut
from rag_flywheel.ports.ledger import Rollouts

_ARMS = {arm.value: arm for arm in Arm}
_NO_ARM = "interleaved"
"""Of people who saw both versions' passages by turns, in releases that had this: they compare no versions."""


class SqlRollouts(InDatabase, Rollouts):
    def add_exposure(self, exposure: Exposure) -> None:
        self._database.append(
            tables.exposures,
            {
                "at": exposure.at,
                "unit": exposure.unit,
                "arm": exposure.arm.value,
                "canary_id": exposure.canary_id,
                "step": exposure.step,
                "interaction_id": exposure.interaction_id,
                "answered": exposure.answered,
                "failed": exposure.failed,
                "seconds": exposure.seconds,
            },
            what="exposure",
            parent=f"interaction {exposure.interaction_id}",
        )

    def exposures(
        self, *, canary_id: CanaryId | None = None, step: int | None = None, since: datetime | None = None
    ) -> list[Exposure]:
        rows = tables.exposures.c
        wanted = select(
            rows.at,
            rows.unit,
            rows.arm,
            rows.canary_id,
            rows.step,
            rows.interaction_id,
            rows.answered,
            rows.failed,
            rows.seconds,
        )
        wanted = wanted.where(rows.arm != _NO_ARM).order_by(rows.at, rows.sequence)
        if canary_id is not None:
            wanted = wanted.where(rows.canary_id == canary_id)
        if step is not None:
            wanted = wanted.where(rows.step == step)
        if since is not None:
            wanted = wanted.where(rows.at >= since)
        with self._database.read() as connection:
            # By place and not by name: there can be a million of them.
            return [
                Exposure(
                    at=at,
                    unit=unit,
                    arm=_ARMS[arm],
                    canary_id=canary,
                    step=of_step,
                    interaction_id=interaction,
                    answered=answered,
                    failed=failed,
                    seconds=seconds,
                )
                for at, unit, arm, canary, of_step, interaction, answered, failed, seconds in connection.execute(wanted)
            ]

    def add_canary(self, canary: Canary) -> None:
        self._database.append(
            tables.canaries,
            {"canary_id": canary.canary_id, "state": canary.state.value, "body": canary},
            what=f"canary {canary.canary_id}",
        )

    def canary(self) -> Canary | None:
        return self._newest(tables.canaries)

    def canaries(self) -> list[Canary]:
        rows = tables.canaries.c
        ends = select(func.min(rows.sequence).label("first"), func.max(rows.sequence).label("last"))
        spans = ends.group_by(rows.canary_id).subquery()
        wanted = select(rows.body).join(spans, spans.c.last == rows.sequence).order_by(spans.c.first)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def add_holdout(self, holdout: HoldOut) -> None:
        self._database.append(
            tables.holdouts,
            {"since": holdout.since, "version_id": holdout.version_id, "body": holdout},
            what="hold-out",
        )

    def holdout(self) -> HoldOut | None:
        return self._newest(tables.holdouts)

    def add_freeze(self, freeze: Freeze) -> None:
        self._database.append(tables.freezes, {"at": freeze.at, "frozen": freeze.frozen, "body": freeze}, what="freeze")

    def freeze(self) -> Freeze | None:
        return self._newest(tables.freezes)

    def _newest(self, table: Table) -> Any | None:
        """The value appended last, whatever the clocks of the hosts say; None where there is none."""
        wanted = select(table.c.body).order_by(table.c.sequence.desc()).limit(1)
        with self._database.read() as connection:
            return connection.scalar(wanted)
