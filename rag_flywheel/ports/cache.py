"""What was made once."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Cache(Protocol):
    """Results by the digest of what they were made from. Losing it costs time, never data."""

    def get(self, keys: Sequence[str]) -> dict[str, bytes]: ...

    def put(self, values: Mapping[str, bytes]) -> None: ...

    def close(self) -> None: ...
