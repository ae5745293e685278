"""The ledger in SQLite or PostgreSQL, through SQLAlchemy Core. Rows are appended; erasure and retention delete some."""

import contextlib
from pathlib import Path

from rag_flywheel.adapters.ledger.asides import SqlAsides
from rag_flywheel.adapters.ledger.consents import SqlConsents
from rag_flywheel.adapters.ledger.conversations import SqlConversations
from rag_flywheel.adapters.ledger.corrections import SqlCorrections
from rag_flywheel.adapters.ledger.database import Database
from rag_flywheel.adapters.ledger.engine import migrate, open_engine, translated
from rag_flywheel.adapters.ledger.expiry import SqlExpiry
from rag_flywheel.adapters.ledger.golden_cases import SqlGoldenCases
from rag_flywheel.adapters.ledger.insights import SqlInsights
from rag_flywheel.adapters.ledger.keys import SqlKeys
from rag_flywheel.adapters.ledger.operations import SqlOperations
from rag_flywheel.adapters.ledger.outbox import SqlOutbox
from rag_flywheel.adapters.ledger.pseudonym_keys import KeyPlace
from rag_flywheel.adapters.ledger.rekeying import SqlRekeying
from rag_flywheel.adapters.ledger.releases import SqlReleases
from rag_flywheel.adapters.ledger.replies import SqlReplies
from rag_flywheel.adapters.ledger.rollouts import SqlRollouts
from rag_flywheel.adapters.ledger.sealing import adopt
from rag_flywheel.adapters.ledger.sessions import SqlSessions
from rag_flywheel.adapters.ledger.topics import SqlTopics
from rag_flywheel.adapters.ledger.versions import SqlVersions
from rag_flywheel.ports.ledger import Ledger


def open_ledger(url: str, *, timeout: float, lock_folder: Path, keys: KeyPlace) -> "SqlLedger":
    """The ledger at `url` (`sqlite:///FILE` or `postgresql+psycopg://...`), migrated to the newest schema.

    `timeout`: seconds to wait for a connection or a lock. `lock_folder`: where SQLite's named locks are files. `keys`:
    where those of the pseudonyms are; a new ledger's are made. Raises ConfigError for another kind of URL, WrongKey
    where its keys are not there, LedgerUnavailable, and Damaged when a newer release wrote it.
    """
    with contextlib.ExitStack() as undo:
        engine = open_engine(url, timeout=timeout)
        undo.callback(engine.dispose)
        migrate(engine, timeout=timeout, lock_folder=lock_folder)
        with translated(engine.url):
            sealing, moved = adopt(engine, keys)
        ledger = SqlLedger(Database(engine, timeout=timeout, sealing=sealing), lock_folder=lock_folder)
        if moved:
            ledger.overwrite()
        undo.pop_all()
    return ledger


class SqlLedger(
    SqlOperations,
    SqlConversations,
    SqlCorrections,
    SqlVersions,
    SqlGoldenCases,
    SqlAsides,
    SqlRollouts,
    SqlOutbox,
    SqlKeys,
    SqlSessions,
    SqlConsents,
    SqlReplies,
    SqlReleases,
    SqlInsights,
    SqlTopics,
    SqlRekeying,
    SqlExpiry,
    Ledger,
):
    """A `Ledger` in a migrated database, safe under threads and processes."""

    def close(self) -> None:
        self._database.close()
