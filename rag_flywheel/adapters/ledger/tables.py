"""The ledger's tables, as the newest migration leaves them.

A row is an event: `body` holds the whole domain value, and the columns beside it are the parts of it that queries,
foreign keys, erasure and an analyst's SQL need. They are written together once and change together, when pseudonyms
are stored anew, so they cannot come apart. A table without a `body` holds the whole value in its columns.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

from rag_flywheel.adapters.ledger.column_types import Instant, Pseudonym, Value
from rag_flywheel.domain import (
    AccessKey,
    Aside,
    AuditEntry,
    Canary,
    Correction,
    Decision,
    Feedback,
    Freeze,
    GoldenCase,
    HoldOut,
    Interaction,
    Manifest,
    Notice,
    Retirement,
    Review,
    Session,
)
from rag_flywheel.domain.consent import ConsentEvent
from rag_flywheel.domain.erasures import ErasureEntry
from rag_flywheel.domain.releases import Release
from rag_flywheel.domain.reviewing import Assignment, SecondReview
from rag_flywheel.domain.topics import TopicRuling


def _sequence() -> Column[int]:
    """The order in which rows were appended; SQLite numbers only a plain INTEGER by itself."""
    return Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

interactions = Table(
    "interactions",
    metadata,
    _sequence(),
    Column("interaction_id", Text, nullable=False, unique=True),
    Column("asked", Instant, nullable=False, index=True),
    Column("pseudonym", Pseudonym, index=True),
    Column("answered", Boolean, nullable=False),
    Column("body", Value(Interaction), nullable=False),
    Column("asker_group", Text),
    Column("session", Pseudonym, index=True),  # of rows before 0015 it is in the body alone
)

feedback = Table(
    "feedback",
    metadata,
    _sequence(),
    Column("feedback_id", Text, nullable=False, unique=True),
    Column("interaction_id", Text, ForeignKey("interactions.interaction_id"), nullable=False, index=True),
    Column("given", Instant, nullable=False, index=True),
    Column("pseudonym", Pseudonym, index=True),
    Column("body", Value(Feedback), nullable=False),
    Column("rank", Integer),
    Column("propensity", Double),
    Column("good", Boolean),  # what it says of the answer; null: neither good nor bad
    Column("stage", Text),
    Index(None, "good", "interaction_id"),
    Index(None, "stage", "interaction_id"),
)

answer_facts = Table(
    "answer_facts",  # what can be counted without reading the interactions; it goes with them
    metadata,
    _sequence(),
    Column("interaction_id", Text, ForeignKey("interactions.interaction_id"), nullable=False, unique=True),
    Column("day", Text, nullable=False),  # in UTC, as 2026-11-30
    Column("version_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asker_group", Text),
    Index(None, "day", "version_id", "state", "asker_group"),
)

traits = Table(
    "traits",
    metadata,
    _sequence(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("groups", Text, nullable=False),  # as JSON
    Index(None, "name", "kind", "groups", unique=True),
)

answer_traits = Table(
    "answer_traits",
    metadata,
    Column("answer", BigInteger, ForeignKey("answer_facts.sequence"), primary_key=True, autoincrement=False),
    Column("trait", BigInteger, primary_key=True, autoincrement=False),  # no foreign key: it may be erased just now
    Column("cited", Boolean, nullable=False),
    Column("day", Text, nullable=False),  # of the answer
    Index(None, "cited", "trait", "day", "answer"),
)

corrections = Table(
    "corrections",
    metadata,
    _sequence(),
    Column("correction_id", Text, nullable=False, unique=True),
    Column("interaction_id", Text, ForeignKey("interactions.interaction_id"), nullable=False, index=True),
    Column("submitted", Instant, nullable=False, index=True),
    Column("pseudonym", Pseudonym, index=True),
    Column("body", Value(Correction), nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    _sequence(),
    Column("review_id", Text, nullable=False, unique=True),
    Column("correction_id", Text, ForeignKey("corrections.correction_id"), nullable=False, index=True),
    Column("reviewed", Instant, nullable=False),
    Column("body", Value(Review), nullable=False),
    Column("undoes", Text),
)

assignments = Table(
    "assignments",
    metadata,
    _sequence(),
    Column("correction_id", Text, ForeignKey("corrections.correction_id"), nullable=False, index=True),
    Column("reviewer", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", Value(Assignment), nullable=False),
)

second_reviews = Table(
    "second_reviews",
    metadata,
    _sequence(),
    Column("second_id", Text, nullable=False, unique=True),
    Column("correction_id", Text, ForeignKey("corrections.correction_id"), nullable=False, index=True),
    Column("reviewed", Instant, nullable=False),
    Column("body", Value(SecondReview), nullable=False),
)

versions = Table(
    "versions",
    metadata,
    _sequence(),
    Column("version_id", Text, nullable=False, unique=True),
    Column("created", Instant, nullable=False),
    Column("body", Value(Manifest), nullable=False),
)

version_states = Table(
    "version_states",
    metadata,
    _sequence(),
    Column("version_id", Text, ForeignKey("versions.version_id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    _sequence(),
    Column("version_id", Text, ForeignKey("versions.version_id"), nullable=False, index=True),
    Column("decided", Instant, nullable=False),
    Column("body", Value(Decision), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _sequence(),
    Column("at", Instant, nullable=False, index=True),
    Column("body", Value(AuditEntry), nullable=False),
)

golden_cases = Table(
    "golden_cases",
    metadata,
    _sequence(),
    Column("case_id", Text, nullable=False, unique=True),
    Column("added", Instant, nullable=False, index=True),
    Column("body", Value(GoldenCase), nullable=False),
)

retirements = Table(
    "retirements",
    metadata,
    _sequence(),
    # Of any origin: the id may name a row of another table, or a line of a file.
    Column("case_id", Text, nullable=False, unique=True),
    Column("retired", Instant, nullable=False, index=True),
    Column("body", Value(Retirement), nullable=False),
)

asides = Table(
    "asides",
    metadata,
    _sequence(),
    Column("aside_id", Text, nullable=False, index=True),  # once for each change of what became of it
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("item", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("body", Value(Aside), nullable=False),
)

exposures = Table(
    "exposures",
    metadata,
    _sequence(),
    Column("at", Instant, nullable=False, index=True),
    Column("unit", Pseudonym, nullable=False, index=True),  # what erasure finds them by
    Column("arm", Text, nullable=False),
    Column("canary_id", Text),
    Column("step", Integer, nullable=False),
    Column("interaction_id", Text, ForeignKey("interactions.interaction_id"), index=True),
    Column("answered", Boolean, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("seconds", Double, nullable=False),
    Index(None, "canary_id", "step"),
)

canaries = Table(
    "canaries",
    metadata,
    _sequence(),
    Column("canary_id", Text, nullable=False, index=True),  # once for each change of the canary
    Column("state", Text, nullable=False),
    Column("body", Value(Canary), nullable=False),
)

holdouts = Table(
    "holdouts",
    metadata,
    _sequence(),
    Column("since", Instant, nullable=False),
    Column("version_id", Text),
    Column("body", Value(HoldOut), nullable=False),
)

freezes = Table(
    "freezes",
    metadata,
    _sequence(),
    Column("at", Instant, nullable=False),
    Column("frozen", Boolean, nullable=False),
    Column("body", Value(Freeze), nullable=False),
)

notices = Table(
    "notices",
    metadata,
    _sequence(),
    Column("notice_id", Text, nullable=False, unique=True),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("body", Value(Notice), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    _sequence(),
    Column("notice_id", Text, ForeignKey("notices.notice_id"), nullable=False),
    Column("receiver", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("delivered", Boolean, nullable=False),
    Column("status", Integer),
    Index(None, "notice_id", "receiver"),
)

access_keys = Table(
    "access_keys",
    metadata,
    _sequence(),
    Column("key_id", Text, nullable=False, index=True),  # once for each change of the key
    Column("body", Value(AccessKey), nullable=False),
)

key_uses = Table(
    "key_uses",
    metadata,
    Column("hour", Text, primary_key=True),  # the key's id and the hour: a row for each hour in which it was used
    Column("key_id", Text, nullable=False, index=True),
    Column("at", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("pseudonym", Pseudonym, nullable=False, index=True),
    Column("body", Value(Session), nullable=False),
)

session_uses = Table(
    "session_uses",
    metadata,
    Column("quarter", Text, primary_key=True),  # the session's digest and the quarter of an hour in which it was used
    Column("digest", Text, nullable=False, index=True),
    Column("at", Instant, nullable=False),
)

session_ends = Table(
    "session_ends",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

erasures = Table(
    "erasures",
    metadata,
    _sequence(),
    Column("erasure_id", Text, nullable=False, index=True),  # once for each change of how far it is, until it is done
    Column("state", Text, nullable=False),
    Column("body", Value(ErasureEntry), nullable=False),
)

consents = Table(
    "consents",
    metadata,
    _sequence(),
    Column("event_id", Text, nullable=False, unique=True),
    Column("at", Instant, nullable=False, index=True),
    Column("pseudonym", Pseudonym, index=True),
    Column("session", Pseudonym, index=True),
    Column("state", Text, nullable=False),
    Column("body", Value(ConsentEvent), nullable=False),
)

releases = Table(
    "releases",
    metadata,
    _sequence(),
    Column("month", Text, nullable=False),
    Column("measure", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", Value(Release), nullable=False),
    Index(None, "month", "measure", unique=True),
)

topic_rulings = Table(
    "topic_rulings",
    metadata,
    _sequence(),
    Column("ruling_id", Text, nullable=False, unique=True),
    Column("at", Instant, nullable=False),
    Column("body", Value(TopicRuling), nullable=False),  # without its members
)

topic_members = Table(
    "topic_members",
    metadata,
    _sequence(),
    Column("ruling_id", Text, ForeignKey("topic_rulings.ruling_id"), nullable=False, index=True),
    Column("interaction_id", Text, ForeignKey("interactions.interaction_id"), nullable=False, index=True),
)

replies = Table(
    "replies",
    metadata,
    Column("key", Pseudonym, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("reply", JSON, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
