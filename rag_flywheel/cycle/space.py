"""Whether the disk has room for another version, asked before anything is built."""

from collections.abc import Sequence
from pathlib import Path

from ingest.reading.sources import SourceFile, list_files
from rag_flywheel.config import Config
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import check_room
from rag_flywheel.services import Services

SPARE = 96_000_000  # bytes for reports, caches and what is under way, and what the embedded store wants to have free
TWICE = 2  # what is optimised is written anew


def check(files: Sequence[SourceFile], services: Services, *, live: VersionId | None) -> None:
    """Raises DiskUnavailable, which says what is needed and what is free.

    A version takes about what the live one takes; before the first one, as much as the files it is made of. The build
    looks again at each of its steps, so an estimate that is too low costs time only.
    """
    data = services.config.data
    check_room(data, _needed(files, services.config, live=live))


def needed(config: Config) -> int:
    """Bytes that the next version may need, without asking the index which one is live: the largest one is taken."""
    folders = (config.data / "index").glob("*/")
    largest = max(folders, key=_taken, default=None)
    return _needed(list_files(config).files, config, live=None if largest is None else VersionId(largest.name))


def _needed(files: Sequence[SourceFile], config: Config, *, live: VersionId | None) -> int:
    if config.index.url:
        return SPARE
    last = 0 if live is None else _taken(config.data / "index" / live)
    return SPARE + TWICE * (last or sum(_size(file.path) for file in files))


def _taken(folder: Path) -> int:
    """Bytes on the disk; the files have holes."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it is gone, which is told where it is read
        return 0
