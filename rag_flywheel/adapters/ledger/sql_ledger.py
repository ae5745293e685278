"""The ledger in SQLite or PostgreSQL, through SQLAlchemy Core. Rows are appended, and deleted by `erase_user` alone."""

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, Text, and_, cast, delete, exists, func, or_, select, union_all

from rag_flywheel.adapters.ledger import rollouts as deployment
from rag_flywheel.adapters.ledger import tables as tables
from rag_flywheel.adapters.ledger.database import Database, insert_once
from rag_flywheel.adapters.ledger.engine import is_sqlite, migrate, open_engine
from rag_flywheel.adapters.ledger.locks import advisory_lock, file_lock
from rag_flywheel.domain import (
    AuditEntry,
    Canary,
    CanaryId,
    Correction,
    CorrectionId,
    Decision,
    Delivery,
    Exposure,
    Feedback,
    Freeze,
    GoldenCase,
    HoldOut,
    Interaction,
    InteractionId,
    Json,
    Manifest,
    Notice,
    Retirement,
    Review,
    ReviewedCorrection,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.errors import NotFound

SALT = "salt"
SALT_BYTES = 32


def open_ledger(url: str, *, timeout: float, lock_folder: Path) -> "SqlLedger":
    """The ledger at `url` (`sqlite:///FILE` or `postgresql+psycopg://...`), migrated to the newest schema.

    `timeout`: seconds to wait for a connection or a lock. `lock_folder`: where SQLite's named locks are files.
    Raises ConfigError for another kind of URL, LedgerUnavailable, and Damaged when a newer release wrote it.
    """
    with contextlib.ExitStack() as undo:
        engine = open_engine(url, timeout=timeout)
        undo.callback(engine.dispose)
        migrate(engine, timeout=timeout, lock_folder=lock_folder)
        ledger = SqlLedger(Database(engine, timeout=timeout), lock_folder=lock_folder)
        undo.pop_all()
    return ledger


class SqlLedger:
    """A `Ledger` in a migrated database, safe under threads and processes."""

    def __init__(self, database: Database, *, lock_folder: Path) -> None:
        self._database = database
        self._lock_folder = lock_folder
        # Now, in a transaction of its own: one made inside a caller's transaction would be lost with it.
        self._salt = bytes.fromhex(_made_once(database, SALT, secrets.token_hex(SALT_BYTES)))

    def salt(self) -> bytes:
        return self._salt

    def lock(self, name: str) -> AbstractContextManager[None]:
        if is_sqlite(self._database.url):
            return file_lock(name, folder=self._lock_folder)
        return self._advisory_lock(name)

    @contextlib.contextmanager
    def _advisory_lock(self, name: str) -> Iterator[None]:
        with self._database.alone() as connection, advisory_lock(name, connection=connection):
            yield

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self._database.write():
            yield

    def add_interaction(self, interaction: Interaction) -> None:
        self._database.append(
            tables.interactions,
            {
                "interaction_id": interaction.interaction_id,
                "asked": interaction.asked,
                "pseudonym": interaction.user,
                "answered": interaction.answered,
                "asker_group": interaction.group,
                "body": interaction,
            },
            what=f"interaction {interaction.interaction_id}",
        )

    def interaction(self, interaction_id: InteractionId) -> Interaction:
        wanted = select(tables.interactions.c.body).where(tables.interactions.c.interaction_id == interaction_id)
        with self._database.read() as connection:
            found: Interaction | None = connection.scalar(wanted)
        if found is None:
            raise NotFound(f"no interaction {interaction_id}: its id is in the reply to the question")
        return found

    def interactions(
        self, *, since: datetime | None = None, answered: bool | None = None, limit: int
    ) -> list[Interaction]:
        rows = tables.interactions.c
        wanted = select(rows.body).order_by(rows.asked.desc(), rows.sequence.desc()).limit(limit)
        if since is not None:
            wanted = wanted.where(rows.asked >= since)
        if answered is not None:
            wanted = wanted.where(rows.answered == answered)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def add_feedback(self, feedback: Feedback) -> None:
        self._database.append(
            tables.feedback,
            {
                "feedback_id": feedback.feedback_id,
                "interaction_id": feedback.interaction_id,
                "given": feedback.given,
                "pseudonym": feedback.user,
                "body": feedback,
                "rank": feedback.rank,
                "propensity": feedback.propensity,
            },
            what=f"feedback {feedback.feedback_id}",
            parent=f"interaction {feedback.interaction_id}",
        )

    def feedback(
        self,
        *,
        interaction_id: InteractionId | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Feedback]:
        rows = tables.feedback.c
        wanted = select(rows.body).order_by(rows.given, rows.sequence)
        if interaction_id is not None:
            wanted = wanted.where(rows.interaction_id == interaction_id)
        if since is not None:
            wanted = wanted.where(rows.given >= since)
        if until is not None:
            wanted = wanted.where(rows.given <= until)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

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
            raise NotFound(f"no correction {correction_id}: its id is in the reply to the correction")
        return ReviewedCorrection(correction=row.correction, review=row.review)

    def corrections(self, *, until: datetime | None = None) -> list[ReviewedCorrection]:
        with self._database.read() as connection:
            rows = connection.execute(_reviewed(until=until)).all()
        return [ReviewedCorrection(correction=row.correction, review=row.review) for row in rows]

    def add_review(self, review: Review) -> None:
        self._database.append(
            tables.reviews,
            {
                "review_id": review.review_id,
                "correction_id": review.correction_id,
                "reviewed": review.reviewed,
                "body": review,
            },
            what=f"review {review.review_id}",
            parent=f"correction {review.correction_id}",
        )

    def add_version(self, manifest: Manifest) -> None:
        with self.transaction():
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
        return [VersionRecord(manifest=one, states=tuple(states[one.version_id])) for one in manifests]

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

    def add_exposure(self, exposure: Exposure) -> None:
        deployment.add_exposure(self._database, exposure)

    def exposures(
        self, *, canary_id: CanaryId | None = None, step: int | None = None, since: datetime | None = None
    ) -> list[Exposure]:
        return deployment.exposures(self._database, canary_id=canary_id, step=step, since=since)

    def add_canary(self, canary: Canary) -> None:
        deployment.add_canary(self._database, canary)

    def canary(self) -> Canary | None:
        return deployment.newest(self._database, tables.canaries)

    def canaries(self) -> list[Canary]:
        return deployment.canaries(self._database)

    def add_holdout(self, holdout: HoldOut) -> None:
        deployment.add_holdout(self._database, holdout)

    def holdout(self) -> HoldOut | None:
        return deployment.newest(self._database, tables.holdouts)

    def add_freeze(self, freeze: Freeze) -> None:
        deployment.add_freeze(self._database, freeze)

    def freeze(self) -> Freeze | None:
        return deployment.newest(self._database, tables.freezes)

    def add_notice(self, notice: Notice) -> None:
        deployment.add_notice(self._database, notice)

    def undelivered(self, receiver: str, *, attempts: int) -> list[tuple[Notice, tuple[Delivery, ...]]]:
        return deployment.undelivered(self._database, receiver, attempts=attempts)

    def add_delivery(self, delivery: Delivery) -> None:
        deployment.add_delivery(self._database, delivery)

    def add_audit(self, entry: AuditEntry) -> None:
        self._database.append(tables.audit, {"at": entry.at, "body": entry}, what="audit entry")

    def audit(self, *, limit: int) -> list[AuditEntry]:
        rows = tables.audit.c
        with self._database.read() as connection:
            return list(connection.scalars(select(rows.body).order_by(rows.sequence.desc()).limit(limit)))

    def remembered(self, key: str) -> tuple[str, Json] | None:
        rows = tables.replies.c
        with self._database.read() as connection:
            row = connection.execute(select(rows.digest, rows.reply).where(rows.key == key)).one_or_none()
        return None if row is None else (row.digest, row.reply)

    def remember(self, key: str, *, digest: str, reply: Json, at: datetime) -> bool:
        with self._database.write() as connection:
            return insert_once(connection, tables.replies, {"key": key, "digest": digest, "reply": reply, "at": at})

    def erase_user(self, user: str) -> dict[str, int]:
        """Feedback and corrections that others gave on the person's interactions go with those. Counts exposures too,
        and remembered replies: those that name an erased row.
        """
        asked, given, corrected = tables.interactions.c, tables.feedback.c, tables.corrections.c
        exposed = tables.exposures.c
        theirs = select(asked.interaction_id).where(asked.pseudonym == user)
        of_feedback = or_(given.pseudonym == user, given.interaction_id.in_(theirs))
        of_corrections = or_(corrected.pseudonym == user, corrected.interaction_id.in_(theirs))
        of_exposures = or_(exposed.unit == user, exposed.interaction_id.in_(theirs))
        corrections = select(corrected.correction_id).where(of_corrections)
        names = union_all(theirs, select(given.feedback_id).where(of_feedback), corrections).subquery().c[0]
        named = exists().where(cast(tables.replies.c.reply, Text).contains('"' + names + '"'))
        # A row goes before the one it refers to, and a row that finds others after them.
        steps = {
            "replies": delete(tables.replies).where(named),
            "reviews": delete(tables.reviews).where(tables.reviews.c.correction_id.in_(corrections)),
            "corrections": delete(tables.corrections).where(of_corrections),
            "feedback": delete(tables.feedback).where(of_feedback),
            "exposures": delete(tables.exposures).where(of_exposures),
            "interactions": delete(tables.interactions).where(asked.pseudonym == user),
        }
        with self._database.write() as connection:
            # On PostgreSQL others write meanwhile: who refers to these rows from now on waits, and finds them gone.
            connection.execute(theirs.with_for_update())
            connection.execute(corrections.with_for_update())
            return {table: connection.execute(step).rowcount for table, step in steps.items()}

    def close(self) -> None:
        self._database.close()


def _made_once(database: Database, name: str, value: str) -> str:
    """The setting's value, which is `value` only if no process made it before."""
    wanted = select(tables.settings.c.value).where(tables.settings.c.name == name)
    with database.read() as connection:
        found: str | None = connection.scalar(wanted)
    if found is not None:
        return found
    with database.write() as connection:
        insert_once(connection, tables.settings, {"name": name, "value": value})
        return str(connection.scalar(wanted))


def _reviewed(
    *, until: datetime | None = None, correction_id: CorrectionId | None = None
) -> Select[Correction, Review]:
    """Corrections, oldest first, each with its latest review; both up to and including `until`."""
    rows, reviews = tables.corrections.c, tables.reviews.c
    newest_first = (reviews.reviewed.desc(), reviews.sequence.desc())
    place = func.row_number().over(partition_by=reviews.correction_id, order_by=newest_first).label("place")
    ranked = select(reviews.correction_id, reviews.body, place)
    wanted = select(rows.body.label("correction")).order_by(rows.submitted, rows.sequence)
    if until is not None:
        ranked = ranked.where(reviews.reviewed <= until)
        wanted = wanted.where(rows.submitted <= until)
    if correction_id is not None:
        ranked = ranked.where(reviews.correction_id == correction_id)
        wanted = wanted.where(rows.correction_id == correction_id)
    latest = ranked.subquery()
    return wanted.add_columns(latest.c.body.label("review")).outerjoin_from(
        tables.corrections, latest, and_(latest.c.correction_id == rows.correction_id, latest.c.place == 1)
    )
