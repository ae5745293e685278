"""What runs in a process of its own: one file after the other is read and cleaned, within limits.

Tasks come in on standard input, results go out on standard output, a line of JSON each. What a reader prints or warns
of leads nowhere, since it may be text of a document.
"""

import contextlib
import hashlib
import math
import os
import pickle
import resource
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter

from ingest.cleaning.screening import Cleaned, clean
from ingest.reading.raw import Part, RawDocument, Removal, Skipped, Unreadable
from ingest.reading.sources import SourceFile, fingerprint, read
from rag_flywheel.config import Ingest

READY = b"ready\n"
LISTED = 20
"""What is left out of one file is named one by one as often as this."""
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A file to read, or a part of it, and its digest as it was listed."""

    file: SourceFile
    part: Part | None
    digest: str
    settings: Ingest


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a task came to. The texts are not masked yet: they are neither stored nor logged."""

    kept: list[Cleaned]
    skipped: list[Skipped]
    unlisted: int = 0  # left out too, and not named one by one
    lasting: bool = True  # false where another run may come to something else, though the file is the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    result: Result
    last: bool  # the process ends itself after this one


REPLY = TypeAdapter(Reply)


def failed(task: Task, reason: str, *, lasting: bool) -> Result:
    """That nothing of the task could be read."""
    name = task.file.name if task.part is None else f"{task.file.name}:{task.part.lines}"
    return Result(kept=[], skipped=[Skipped(name=name, reason=reason)], lasting=lasting)


def main() -> None:
    """Read what comes in, until nothing comes any more."""
    tasks, results = os.fdopen(_taken(0), "rb"), os.fdopen(_taken(1), "wb")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the document
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory, the system ends this one, not its parent
    at_rest = _mapped()
    results.write(READY)
    results.flush()
    while task := _next(tasks):
        _limit(task.settings)
        try:
            result, last = perform(task), False
        except MemoryError:
            limit = f"needs more memory than ingest.file_memory_mb ({task.settings.file_memory_mb})"
            result, last = failed(task, limit, lasting=False), True
        _unlimit()
        last = last or _mapped() > at_rest + task.settings.file_memory_mb * MEGABYTE
        results.write(REPLY.dump_json(Reply(result=result, last=last)) + b"\n")
        results.flush()
        if last:
            return


def perform(task: Task) -> Result:
    """What the task comes to. Raises MemoryError; nothing else that a file holds gets through."""
    limit = task.settings.file_unpacked_mb
    try:
        if _unpacked(task.file.path) > limit * MEGABYTE:
            return failed(task, f"unpacks to more than ingest.file_unpacked_mb ({limit})", lasting=False)
        documents, skipped = read(task.file, task.part)
    except MemoryError:
        raise
    except OSError as error:
        return failed(task, f"cannot be opened: {error.strerror or type(error).__name__}", lasting=False)
    except Exception as error:  # noqa: BLE001 - whatever a reader stumbles over is the fault of this file alone
        return failed(task, _reason(error), lasting=True)
    cleaned = [_cleaned(document) for document in documents]
    left_out = [*skipped, *(document for document in cleaned if isinstance(document, Skipped))]
    return Result(
        kept=[document for document in cleaned if isinstance(document, Cleaned)],
        skipped=left_out[:LISTED],
        unlisted=max(0, len(left_out) - LISTED),
        lasting=_is_as_listed(task),
    )


def _cleaned(document: RawDocument) -> Cleaned | Skipped:
    try:
        cleaned = clean(document)
        # A reader may make halves of characters, which cannot be stored. The text is rid of them already.
        return cleaned if isinstance(cleaned, Skipped) else replace(cleaned, removed=_storable(cleaned.removed))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the fault of this document alone
        return Skipped(name=document.document_id, reason=_reason(error))


def _storable(removed: Sequence[Removal]) -> tuple[Removal, ...]:
    return tuple(
        replace(removal, lines=tuple(line.encode("utf-8", "replace").decode() for line in removal.lines))
        for removal in removed
    )


def _reason(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    return "is nested too deep" if isinstance(error, RecursionError) else f"cannot be read ({type(error).__name__})"


def _is_as_listed(task: Task) -> bool:
    """Whether the file still is what it was when it was listed, so that its digest stands for what was read."""
    if task.part is None:
        return task.digest != "" and fingerprint([task.file])[task.file.name] == task.digest
    with contextlib.suppress(OSError), task.file.path.open("rb") as stream:
        stream.seek(task.part.start)
        return hashlib.sha256(stream.read(task.part.end - task.part.start)).hexdigest() == task.part.digest
    return False


def _unpacked(path: Path) -> int:
    """Bytes that a ZIP archive, as office files are, says that it holds. A reader gets no more than that out of it."""
    if not zipfile.is_zipfile(path):
        return 0
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0  # its reader says what is wrong with it


def _taken(descriptor: int) -> int:
    """A descriptor of the same stream, out of the readers' reach: they find nothing there."""
    taken, nothing = os.dup(descriptor), os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, descriptor)
    os.close(nothing)
    return taken


def _next(tasks: BinaryIO) -> Task | None:
    try:
        task = pickle.load(tasks)  # noqa: S301  # from the parent, by a pipe that nobody else has
    except EOFError:
        return None
    assert isinstance(task, Task)
    return task


def _limit(settings: Ingest) -> None:
    """Bound what the next task may map, where the system tells what is mapped already (Linux), and its processor time:
    the system ends what needs more.
    """
    if mapped := _mapped():
        _soft(resource.RLIMIT_AS, mapped + settings.file_memory_mb * MEGABYTE)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + settings.file_seconds))


def _unlimit() -> None:
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_CPU):
        _soft(limit, resource.RLIM_INFINITY)


def _soft(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = hard if value == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, hard))


def _mapped() -> int:
    """Bytes of memory that the process has mapped; 0 where the system does not say, as macOS."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()
