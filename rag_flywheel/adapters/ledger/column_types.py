"""The types of the ledger's columns: instants, values of the domain as JSON, and pseudonyms under their keys."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import JSON, Column, DateTime, Dialect, Text, TypeDecorator, type_coerce

from rag_flywheel.adapters.ledger.forms import present
from rag_flywheel.domain import Correction, Feedback, Interaction, Review, Session
from rag_flywheel.domain.consent import ConsentEvent
from rag_flywheel.domain.erasures import ErasureEntry
from rag_flywheel.errors import Damaged


class Instant(TypeDecorator[datetime]):
    """A timezone-aware instant, kept in UTC: SQLite compares text, and text in one zone orders by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Seal(Protocol):
    """What is stored of a pseudonym, and back."""

    def sealed(self, words: str) -> str: ...

    def opened(self, words: str) -> str: ...


class Pseudonym(TypeDecorator[str]):
    """Words that are, or hold, pseudonyms of people, conversations or requests, stored under the newest key. What they
    are compared with has several forms: `Database.is_one` knows them.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _seal(dialect).sealed(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _seal(dialect).opened(value)


def _seal(dialect: Dialect) -> Seal:
    """That of the ledger whose engine this dialect belongs to; each engine has its own."""
    seal: Seal = dialect.pseudonyms  # type: ignore[attr-defined]  # `Database` puts it there
    return seal


PEOPLE: Mapping[type, tuple[str, ...]] = {
    Interaction: ("user", "session", "masked", "stand_ins"),
    Feedback: ("user", "stand_ins"),
    Correction: ("user", "sender", "masked", "stand_ins"),
    Review: ("stand_ins",),
    Session: ("pseudonym",),
    ConsentEvent: ("user", "session"),
    ErasureEntry: ("scope",),
}
"""The fields of stored values that are pseudonyms, or hold such and keyed digests among what is none."""
BLOCK = 32  # hexadecimal digits of a pseudonym, and of what is sealed
DIGESTS: Mapping[str, int] = {"masked": 24, "words": 16}
"""The fields that are keyed digests, with their hexadecimal digits. They are sealed with zeros, up to a block."""


def turned(body: Any, kind: type, turn: Callable[[str], str]) -> Any:
    """A stored value with its pseudonyms and keyed digests turned."""
    fields = PEOPLE.get(kind, ())
    if not fields or not isinstance(body, dict):
        return body
    return {name: _each(name, value, turn) if name in fields else value for name, value in body.items()}


def _each(name: str, value: Any, turn: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {below: _each(below, each, turn) for below, each in value.items()}
    if isinstance(value, list):
        return [_each(name, each, turn) for each in value]
    if not isinstance(value, str):
        return value
    return _digest(value, DIGESTS[name], turn) if name in DIGESTS else turn(value)


def _digest(stored: str, length: int, turn: Callable[[str], str]) -> str:
    """Of so many digits, as it is or as it is stored; what is neither stays."""
    if "." not in stored and len(stored) != length:
        return stored
    new = turn(stored.ljust(BLOCK, "0"))
    return new if "." in new else new[:length]


class Value(TypeDecorator[Any]):
    """A frozen dataclass of the domain as JSON. Reading checks it; raises Damaged when it is not what was written.

    Its pseudonyms are stored under the newest key. Otherwise rows are rewritten to erase alone: `forms` brings those of
    an older form to the present one, a field that is added to the domain later needs a default for the rows before it,
    and one that is no longer in the domain is passed over. JSON rather than JSONB on PostgreSQL: it keeps the text as
    it was given, so numbers, the order of keys and the character NUL come back the same on both databases.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: object, dialect: Dialect) -> Any:
        body = self._adapter.dump_python(value, mode="json")
        return turned(body, self.kind, _seal(dialect).sealed) if self.kind in PEOPLE else body

    def process_result_value(self, value: object, dialect: Dialect) -> Any:
        if value is None:  # an outer join that found no row
            return None
        if self.kind in PEOPLE:
            value = turned(value, self.kind, _seal(dialect).opened)
        try:
            return self._adapter.validate_python(present(self.kind, value))
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, found["loc"])) or "all of it" for found in error.errors())
            # Without its cause: pydantic's message quotes what it found, and that can be a person's text.
            raise Damaged(
                f"a stored {self.kind.__name__} is not what was written (wrong: {wrong}): restore the ledger from a "
                "backup"
            ) from None


def as_stored(column: Column[Any]) -> Any:
    """The column with what is in the database, pseudonyms under their keys."""
    if isinstance(column.type, Pseudonym):
        return type_coerce(column, Text)
    return type_coerce(column, JSON) if isinstance(column.type, Value) else column
