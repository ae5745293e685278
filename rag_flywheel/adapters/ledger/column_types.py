"""How instants and values of the domain are kept in columns."""

from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import JSON, DateTime, Dialect, TypeDecorator

from rag_flywheel.adapters.ledger.forms import present
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


class Value(TypeDecorator[Any]):
    """A frozen dataclass of the domain as JSON. Reading checks it; raises Damaged when it is not what was written.

    Rows are never rewritten: `forms` brings those of an older form to the present one, a field that is added to the
    domain later needs a default for the rows before it, and one that is no longer in the domain is passed over.
    JSON rather than JSONB on PostgreSQL: it keeps the text as it was given, so numbers, the order of keys and the
    character NUL come back the same on both databases.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def process_bind_param(self, value: object, dialect: Dialect) -> Any:
        return self._adapter.dump_python(value, mode="json")

    def process_result_value(self, value: object, dialect: Dialect) -> Any:
        if value is None:  # an outer join that found no row
            return None
        try:
            return self._adapter.validate_python(present(self.kind, value))
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, found["loc"])) or "all of it" for found in error.errors())
            # Without its cause: pydantic's message quotes what it found, and that can be a person's text.
            raise Damaged(
                f"a stored {self.kind.__name__} is not what was written (wrong: {wrong}): restore the ledger from a "
                "backup"
            ) from None
