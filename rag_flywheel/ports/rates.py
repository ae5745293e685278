"""How often somebody has come."""

from typing import Protocol


class Rates(Protocol):
    """Counts who comes, by a key such as `user:ada`, in all processes that share it. Safe under threads."""

    in_memory: bool  # whether it counts at once, and never waits for a database

    def wait(self, key: str, *, per_minute: int) -> int:
        """Count once more. Seconds until that is allowed again, and 0 where it is allowed now.

        Raises LedgerUnavailable where the counts are kept in a database that does not answer.
        """

    def close(self) -> None:
        """Let go of what it holds."""
