"""Other systems."""

from datetime import datetime
from typing import Protocol

from rag_flywheel.domain import Notice


class Webhooks(Protocol):
    """Tells other systems."""

    @property
    def receivers(self) -> tuple[str, ...]:
        """Digests of their URLs."""

    def send(self, notice: Notice, *, receiver: str, at: datetime) -> int | None:
        """The HTTP status of the reply, None where there was none. `at` is the time of this attempt."""
