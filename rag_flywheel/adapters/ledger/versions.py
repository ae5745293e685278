"""Index versions with their states, and the gate's decisions, as rows."""

from datetime import datetime

from sqlalchemy import Select, func, select

from rag_flywheel.adapters.ledger import tables
from rag_flywheel.adapters.ledger.database import InDatabase
from rag_flywheel.domain import Decision, Manifest, VersionId, VersionRecord, VersionState
from rag_flywheel.errors import NotFound
from rag_flywheel.ports.ledger import Versions


class SqlVersions(InDatabase, Versions):
    def add_version(self, manifest: Manifest) -> None:
        with self._database.write():
            self._database.append(
                tables.versions,
                {"version_id": manifest.version_id, "created": manifest.created, "body": manifest},
                what=f"version {manifest.version_id}",
            )
            self.set_state(manifest.version_id, VersionState.BUILT, at=manifest.created)

    def set_state(self, version_id: VersionId, state: VersionState, *, at: datetime) -> None:
        self._database.append(
            tables.version_states,
            {"version_id": version_id, "at": at, "state": state.value},
            what=f"state of version {version_id}",
            parent=f"version {version_id}",
        )

    def version(self, version_id: VersionId) -> VersionRecord:
        found = self._versions(select(tables.versions.c.body).where(tables.versions.c.version_id == version_id))
        if not found:
            raise NotFound(f"no version {version_id}: `rag-flywheel versions list` shows those that are known")
        return found[0]

    def versions(self) -> list[VersionRecord]:
        rows = tables.versions.c
        return self._versions(select(rows.body).order_by(rows.created, rows.sequence))

    def _versions(self, wanted: Select[Manifest]) -> list[VersionRecord]:
        states: dict[VersionId, list[tuple[datetime, VersionState]]] = {}
        with self._database.read() as connection:
            manifests = list(connection.scalars(wanted))
            rows = tables.version_states.c
            # By order of appending, not by time: the last one appended is what counts, whatever a host's clock says.
            appended = select(rows.version_id, rows.at, rows.state).order_by(rows.sequence)
            names = [manifest.version_id for manifest in manifests]
            for row in connection.execute(appended.where(rows.version_id.in_(names))):
                states.setdefault(row.version_id, []).append((row.at, VersionState(row.state)))
        return [VersionRecord(manifest=manifest, states=tuple(states[manifest.version_id])) for manifest in manifests]

    def add_decision(self, decision: Decision) -> None:
        self._database.append(
            tables.decisions,
            {"version_id": decision.version_id, "decided": decision.decided, "body": decision},
            what=f"decision on version {decision.version_id}",
            parent=f"version {decision.version_id}",
        )

    def decision(self, version_id: VersionId) -> Decision | None:
        rows = tables.decisions.c
        wanted = select(rows.body).where(rows.version_id == version_id)
        with self._database.read() as connection:
            return connection.scalar(wanted.order_by(rows.decided.desc(), rows.sequence.desc()).limit(1))

    def count_decisions(self) -> int:
        with self._database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(tables.decisions)) or 0)
