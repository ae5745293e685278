"""Folders of versions on the disk."""

import contextlib
import os
import shutil
from pathlib import Path


def allocated(folder: Path) -> int:
    """Bytes that the folder's files take on the disk, holes not counted."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())


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
