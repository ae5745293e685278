"""What a disk that is full, read-only or failing is told as, whoever meets it."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from rag_flywheel.errors import DiskUnavailable

FAULTS = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "has no quota left",
    errno.EFBIG: "takes no file that large",
    errno.EROFS: "can only be read",
    errno.EIO: "fails",
}
"""What `errno` says of a disk."""


@contextlib.contextmanager
def on_disk(place: Path) -> Iterator[None]:
    """Raises DiskUnavailable for what the system says of the disk that holds `place`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in FAULTS:
            raise
        at = Path(error.filename) if isinstance(error.filename, str) else place
        raise trouble(at, FAULTS[error.errno]) from error


def trouble(place: Path, what: str) -> DiskUnavailable:
    """The error to raise, with the space that is left."""
    return DiskUnavailable(
        f"the disk that holds {place} {what}; {told(free(place))} are free: see to it, then try again"
    )


def check_room(place: Path, needed: int) -> None:
    """Raises DiskUnavailable unless `needed` bytes are free on the disk that holds `place`."""
    if free(place) < needed:
        raise trouble(place, f"has no room for what is to be written, which needs {told(needed)}")


def free(place: Path) -> int:
    """Bytes that this process may still write there; 0 where the system cannot say."""
    there = next((folder for folder in (place, *place.parents) if folder.exists()), place)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0


def told(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
