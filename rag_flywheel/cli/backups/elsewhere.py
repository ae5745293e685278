"""A backup at a URL: one archive, made of a folder that is there for a while."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rag_flywheel.errors import Conflict
from rag_flywheel.wiring import archives

PREFIX = "rag-flywheel-backup-"


def is_url(place: str) -> bool:
    return "://" in place


@contextlib.contextmanager
def written(place: str, *, replaces: bool) -> Iterator[Path]:
    """Where to write a backup for `place`; for a URL its archive is sent there at the end of the block.

    Raises Conflict where something is there that is not to be replaced, and what `archives` raises.
    """
    if not is_url(place):
        yield Path(place)
        return
    if not replaces and archives.exists(place):
        raise Conflict(f"{place} is there already: name another place, or say --yes to have it replaced")
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made:
        folder = Path(made) / "backup"
        yield folder
        archives.send(folder, place)


@contextlib.contextmanager
def read(place: str) -> Iterator[Path]:
    """Where to read the backup at `place`. Raises what `archives` raises."""
    if not is_url(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made:
        folder = Path(made) / "backup"
        folder.mkdir()
        archives.fetch(place, folder)
        yield folder
