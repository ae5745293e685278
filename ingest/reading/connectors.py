"""Sources that are readers of LlamaIndex: wikis, tickets, web pages, databases.

At the beginning of a run each is fetched into a file of JSON lines below the data folder, which is then a file of the
corpus as any other. A reader is other people's code that talks to a network, so it runs in a process of its own, and
whatever happens there, the documents of the last good fetch stay.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.reading.raw import Skipped
from rag_flywheel.config import Config, Source

FOLDER = "connectors"
CHECK_SECONDS = 60.0  # that a reader may take to be imported
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What the process of a reader says."""

    failed: str  # why it failed; empty where it did not
    unread: int = 0  # documents that hold no text or cannot be read


def fetched_file(source: Source, config: Config) -> Path:
    """Where the documents of the last good fetch are."""
    return config.data / FOLDER / f"{source.label}.jsonl"


def fetch(config: Config, on_step: Callable[[int, int], None]) -> tuple[Skipped, ...]:
    """Fetch every reader's documents anew. Returns those that failed, with what is kept instead, or gave less."""
    readers = [source for source in config.sources if source.reader]
    folder = config.data / FOLDER
    if not readers and not folder.exists():
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {fetched_file(source, config).name for source in readers}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()  # of a reader that is no source any more, or of a run that was killed
    skipped = []
    for done, source in enumerate(readers):
        on_step(done, len(readers))
        path = fetched_file(source, config)
        answer = _fetch(source, path, config.folder)
        if answer.failed:
            skipped.append(Skipped(name=source.label, reason=f"could not be fetched: {answer.failed}; {_kept(path)}"))
        elif answer.unread:
            reason = f"gave documents that hold no text or cannot be read: {answer.unread}"
            skipped.append(Skipped(name=source.label, reason=reason))
    if readers:
        on_step(len(readers), len(readers))
    return tuple(skipped)


def _kept(path: Path) -> str:
    try:
        fetched = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return "there are no documents of an earlier fetch to keep"
    return f"its documents of {fetched:%Y-%m-%d %H:%M} UTC are kept"


def check(source: Source, config: Config) -> str:
    """Why its reader cannot be fetched from, as far as that can be told without fetching, or nothing."""
    return _ask(source, config.folder, seconds=min(source.timeout, CHECK_SECONDS), path=None).failed


def _fetch(source: Source, path: Path, folder: Path) -> _Answer:
    """Put the documents into `path`, unless it fails. Paths in the reader's arguments are relative to `folder`."""
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        answer = _ask(source, folder, seconds=source.timeout, path=unfinished)
        if not answer.failed:
            os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return answer


def _ask(source: Source, folder: Path, *, seconds: float, path: Path | None) -> _Answer:
    """What the reader's process says. With a path it writes the documents there."""
    request = {
        "reader": source.reader,
        "name": source.label,
        "args": source.args,
        "path": None if path is None else str(path),
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ingest.reading.fetching"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where a reader may say what it reads, or a secret
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(json.dumps(request).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return _Answer(failed=f"it took longer than {seconds:g} seconds")
    finally:
        _end(process)
    if not said:
        return _Answer(failed=f"its process ended by itself ({process.returncode})")
    answer = json.loads(said)
    return _Answer(failed=answer["failed"], unread=answer["unread"])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process with all that it has started, such as a browser."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
