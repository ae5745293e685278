"""Folders of versions on the disk."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

BLOCK = 65_536  # bytes
PASSING = ".atomicwrite"  # how folders begin that the vendor makes for a moment whenever a process opens a version


def allocated(folder: Path) -> int:
    """Bytes that the folder's files take on the disk, holes not counted."""
    return sum(512 * Path(path, name).stat().st_blocks for path, files in _lasting(folder) for name in files)


def lengths(folder: Path, *, suffix: str) -> dict[str, int]:
    """The length in bytes of each file of that kind, by its path within the folder."""
    found = (Path(path, name) for path, files in _lasting(folder) for name in files if name.endswith(suffix))
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in found}


def copy(source: Path, target: Path) -> None:
    """Copy a folder, which other processes may open meanwhile; what is zero in its files becomes a hole."""
    for path, files in _lasting(source):
        beside = target / Path(path).relative_to(source)
        beside.mkdir()
        for name in files:
            with Path(path, name).open("rb") as read, (beside / name).open("wb") as write:
                while block := read.read(BLOCK):
                    if block.strip(b"\0"):
                        write.write(block)
                    else:
                        write.seek(len(block), os.SEEK_CUR)
                write.truncate()


def _lasting(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each folder in it, itself first, with the names of its files."""
    for path, within, files in os.walk(folder):
        within[:] = [name for name in within if not name.startswith(PASSING)]
        yield path, files


def remove(folder: Path) -> None:
    """Remove a folder that another process may be removing too."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def sync_tree(folder: Path) -> None:
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            sync(Path(path, name))
        sync(Path(path))


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
