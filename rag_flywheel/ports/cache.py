"""What was made once."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from rag_flywheel.domain import VersionId

ANSWERS = "answers:"
"""What the keys of answers of language models begin with."""


class Cache(Protocol):
    """Results by the digest of what they were made from. Losing it costs time, never data."""

    def get(self, keys: Sequence[str]) -> dict[str, bytes]: ...

    def put(self, values: Mapping[str, bytes]) -> None: ...

    def forget(self, prefix: str, *, but: Sequence[str]) -> None:
        """Delete for good what is kept under keys that begin with `prefix`, but with none of `but`."""

    def close(self) -> None: ...


def answers_of(version: VersionId) -> str:
    """What the keys of a version's answers begin with. They go when the version goes."""
    return f"{ANSWERS}{version}:"
