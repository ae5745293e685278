"""Other processes, on this machine or on others, that do the heavy work of a build before it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from rag_flywheel.ports.index import Vectors
from rag_flywheel.ports.models import Encoder
from rag_flywheel.ports.privacy import Redactor

Item = TypeVar("Item")
Made = TypeVar("Made")
Policy = Literal["full", "dangerous", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a worker works with, made where it runs."""

    encoder: Encoder
    redactor: Callable[[Policy], Redactor]  # of documents, by what their source says


class Workers(Protocol):
    """A pool of them."""

    def each(self, work: Callable[[Tools, Item], Made], items: Sequence[Item]) -> Iterator[tuple[int, Made]]:
        """What the work makes of each item, with the item's place, in the order in which they are done.

        `work` is a function at the top of a module, and its result depends on its arguments alone: what was lost with
        a worker is made again by another. Nothing comes twice. Raises Unavailable when the work cannot be done.
        """


class Remembering(Protocol):
    """An encoder whose vectors of documents may be made elsewhere, as `Encoder` makes them."""

    def unmade(self, texts: Sequence[str], *, by_token: bool) -> list[str]:
        """Those, each once, whose vectors it does not know yet."""

    def keep(self, texts: Sequence[str], vectors: Vectors, tokens: Sequence[Vectors] | None) -> None:
        """What an encoder of the same model made of the texts; `tokens` where it was asked by token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Where the heavy work of a build is done, and what keeps the vectors that come from there."""

    workers: Workers
    vectors: Remembering
