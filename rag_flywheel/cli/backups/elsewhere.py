"""A backup at a URL: one archive, made of a folder that is there for a while."""

import contextlib
import fcntl
import os
import shutil
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
    with _for_a_while() as made:
        folder = made / "backup"
        yield folder
        archives.send(folder, place)


@contextlib.contextmanager
def read(place: str) -> Iterator[Path]:
    """Where to read the backup at `place`. Raises what `archives` raises."""
    if not is_url(place):
        yield Path(place)
        return
    with _for_a_while() as made:
        folder = made / "backup"
        folder.mkdir()
        archives.fetch(place, folder)
        yield folder


@contextlib.contextmanager
def _for_a_while() -> Iterator[Path]:
    """A folder that is gone at the end of the block. What a run left that was killed is cleared first: it holds all
    that people said.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _held(left, operation=fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(left, ignore_errors=True)
    while True:
        with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as made, _held(Path(made)):
            if Path(made).exists():  # else another run took it for one that is left, before it was held
                yield Path(made)
                return


@contextlib.contextmanager
def _held(folder: Path, *, operation: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Raises OSError where it is no folder, or, if `operation` says not to wait, where another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)
