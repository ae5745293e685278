"""How much somebody may ask: so often a minute, and so much at a time, so that no one person holds up the others.

Whoever has a key of their own, or comes from an address without one, is one person. A key that speaks for others, and
this machine, stand for many people: of those each minute has a limit too, and how much they ask at a time has none.
"""

import asyncio
import contextlib
import functools
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import anyio.to_thread

from rag_flywheel.config import Limits
from rag_flywheel.domain import Person
from rag_flywheel.errors import TooMany
from rag_flywheel.ports import Rates

AGAIN = 1  # seconds after which a place in the queue is likely


@dataclass(slots=True, kw_only=True)
class _Queue:
    free: asyncio.Semaphore
    present: int = 0  # that are answered, or wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What each is allowed, and who is here now."""

    settings: Limits
    rates: Rates
    lookups: anyio.CapacityLimiter  # of counts that are kept in a database, beside the threads that answer
    queues: dict[str, _Queue] = field(default_factory=dict)

    async def count(self, key: str) -> None:
        """Count once more for a key as `address_key` and `person_key` make them. Raises TooMany."""
        per_minute = {
            "address": self.settings.address_per_minute,
            "user": self.settings.person_per_minute,
            "key": self.settings.key_per_minute,
        }[key.partition(":")[0]]
        look = functools.partial(self.rates.wait, key, per_minute=per_minute)
        # Without waiting where it can be: a reader who hangs up meanwhile would have asked nothing.
        seconds = look() if self.rates.in_memory else await anyio.to_thread.run_sync(look, limiter=self.lookups)
        if seconds:
            told = f"more than {per_minute} requests in a minute; ask again in {seconds} seconds"
            raise TooMany(told, seconds=seconds)

    @contextlib.asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """A place among those of the key that are answered at a time, for as long as the block lasts.

        Others wait in a queue. Raises TooMany where that is full.
        """
        at_once, waiting = self.settings.at_once, self.settings.waiting
        queue = self.queues.setdefault(key, _Queue(free=asyncio.Semaphore(at_once)))
        if queue.present >= at_once + waiting:
            told = f"{queue.present} of your requests are being answered, or wait; ask again when some are done"
            raise TooMany(told, seconds=AGAIN)
        queue.present += 1
        try:
            async with queue.free:
                yield
        finally:
            queue.present -= 1
            if not queue.present:
                self.queues.pop(key, None)


def address_key(address: str | None) -> str:
    """By whom requests without a name are counted: of IPv6 a person has a whole network of 2**64 addresses."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:  # a path, of a Unix socket
        return "address:local"
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return f"address:{ipaddress.ip_network((known, 64), strict=False).network_address}"
    return f"address:{getattr(known, 'ipv4_mapped', None) or known}"


def person_key(person: Person) -> str | None:
    """By whom a person's requests are counted; None for who has said no name, who is counted by address."""
    if person.name is None:
        return None
    return f"{'key' if person.speaks_for_others else 'user'}:{person.tenant or ''}/{person.name}"
