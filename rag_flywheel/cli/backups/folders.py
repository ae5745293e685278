"""A backup as a folder: it is there whole or not at all, and a list of digests says what is in it."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from rag_flywheel.errors import Conflict, Damaged, InvalidInput, Unavailable, on_disk

LIST = "backup.json"
EMBEDDED, QDRANT, LEFT_OUT = "embedded", "qdrant", "left out"
PARTIAL = ".partial"
FORM = 1
LARGEST = 64_000_000  # bytes of a list that is read
BLOCK = 1 << 20
TRIES = 20  # to copy a file while nobody changes it
PAUSE = 0.25  # seconds between them
QUIET = 50_000_000  # nanoseconds since the last change, from which on a file is taken to be whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the list says of a backup."""

    made: datetime
    software: str
    kind: str  # of the ledger's database; "" where there is none in it
    revision: str | None  # of the ledger's schema
    key: str  # the fingerprint of the first key of the pseudonyms
    store: str  # of the versions: EMBEDDED, QDRANT, LEFT_OUT; "" where there is none in it
    live: str | None
    schema: str = ""  # of PostgreSQL that the ledger is in
    files: dict[str, str] = field(default_factory=dict)  # SHA-256 by path


def copy(source: Path, target: Path) -> str:
    """Copy a file, zeros as holes, and return its digest. What is written to meanwhile is copied again. The copy is for
    its owner alone, and on the disk. Raises Unavailable for a file that changes all the time.
    """
    for _ in range(TRIES):
        before, begun = _stamp(source), time.time_ns()
        digest = _copied(source, target)
        # A file may be emptied and written again at what the file system calls one time: a few milliseconds.
        if _stamp(source) == before and not 0 <= begun - before[2] < QUIET:
            return digest
        target.unlink()
        time.sleep(PAUSE)
    raise Unavailable(f"{source} changes all the time, so it cannot be copied: try again when less is written")


def _copied(source: Path, target: Path) -> str:
    digest = hashlib.sha256()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as read, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
        while block := read.read(BLOCK):
            digest.update(block)
            if block == bytes(len(block)):
                to.seek(len(block), os.SEEK_CUR)  # a version's files are mostly holes
            else:
                to.write(block)
        to.truncate()
        to.flush()
        os.fsync(to.fileno())
    return digest.hexdigest()


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def written(place: Path, *, replace: bool) -> Iterator[Path]:
    """A folder beside `place` to write into, which takes its place at the end of the block; after an error it is gone.
    What a run left that was killed is cleared first.

    Raises Conflict where there is something already, unless it is a backup that may be replaced.
    """
    check_free(place, replace=replace)
    beside, old = _beside(place)
    with on_disk(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)
        beside.mkdir(mode=0o700)
        try:
            yield beside
            for folder in (beside, *(path for path in beside.rglob("*") if path.is_dir())):
                sync(folder)
            if place.exists():
                place.rename(old)
            beside.rename(place)
            sync(place.parent)
        except BaseException:
            put_back(place)
            shutil.rmtree(beside, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)


def put_back(place: Path) -> None:
    """What a run that was killed in the middle of replacing a backup left beside `place`: the new one, which was whole
    by then, or the one before.
    """
    beside, old = _beside(place)
    if old.exists() and not place.exists():
        (beside if (beside / LIST).is_file() else old).rename(place)


def _beside(place: Path) -> tuple[Path, Path]:
    """Where a backup is written, and where the one before it is for a moment."""
    return place.with_name(f"{place.name}{PARTIAL}"), place.with_name(f"{place.name}.replaced")


def check_free(place: Path, *, replace: bool) -> None:
    """Raises Conflict where something is at `place` that is not to be replaced, or is no backup."""
    put_back(place)
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not (place / LIST).is_file():
        raise Conflict(f"{place} is there, and is no backup: name a folder that is not there yet")
    if not replace:
        raise Conflict(f"{place} holds a backup already: name another folder, or say --yes to have it replaced")


def write_list(folder: Path, contents: Contents) -> None:
    said = {"form": FORM, **asdict(contents), "made": contents.made.isoformat()}
    with (folder / LIST).open("x", encoding="utf-8") as opened:
        opened.write(json.dumps(said, indent=1, sort_keys=True) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def read_list(place: Path) -> Contents:
    """Raises InvalidInput where there is no backup, Damaged where its list cannot be read or is of a newer release."""
    file = place / LIST
    if not file.is_file():
        raise InvalidInput(f"{place} is no backup: it has no {LIST}; name the folder that `rag-flywheel backup` wrote")
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(LARGEST))
        form, made = said.pop("form"), datetime.fromisoformat(said.pop("made"))
        if form != FORM:
            raise Damaged(f"{file} has the form {form}, and this release reads {FORM}: use the release that wrote it")
        contents = Contents(**said, made=made)
        outside = [name for name in contents.files if Path(name).is_absolute() or ".." in Path(name).parts]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{file} is not the list of a backup: take another backup") from error
    if outside:
        raise Damaged(f"{file} names files outside the backup: take another backup")
    return contents


def taken_out(place: Path, contents: Contents, name: str, to: Path) -> None:
    """Put a file of a backup at `to`, whole or not at all. Raises Damaged unless it is what was put in."""
    beside = to.with_name(f"{to.name}.restored")
    beside.unlink(missing_ok=True)
    try:
        same = copy(place / name, beside) == contents.files[name]
    except FileNotFoundError:
        same = False
    if not same:
        beside.unlink(missing_ok=True)
        raise Damaged(f"{place / name} is not what the backup wrote there: take another backup; nothing was replaced")
    beside.replace(to)


def sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
