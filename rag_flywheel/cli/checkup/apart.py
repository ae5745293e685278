"""The checks, one after the other, in a process of their own: whatever one does to it, it is one finding, and the rest
is looked at in a new process.
"""

import contextlib
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import Signals

from rag_flywheel.cli.checkup.finding import Finding, Level, Skip, wrong
from rag_flywheel.config import Config, Secrets
from rag_flywheel.config.hiding import hidden, known_secrets
from rag_flywheel.errors import FlywheelError

Check = Callable[[Config, Secrets], list[Finding]]
START = 120.0
"""Seconds in which the process has to be ready: what it imports takes long on a busy machine."""
END = 5.0
PROCESSES = multiprocessing.get_context("spawn")


def run(
    names: Sequence[str], every: Mapping[str, Check], config: Config, secrets: Secrets, *, seconds: float
) -> Iterator[Finding]:
    """What each of these checks finds, as it is found, within `seconds` for each."""
    left = list(names)
    while left:
        ours, theirs = PROCESSES.Pipe()
        work = (theirs, [(name, every[name]) for name in left], config, secrets)
        process = PROCESSES.Process(target=_work, args=work, daemon=True)
        process.start()
        theirs.close()
        try:
            with contextlib.closing(ours):
                yield from _found(ours, process, left, seconds)
        finally:
            process.kill()
            process.join(END)


def _found(ours: Connection, process: BaseProcess, left: list[str], seconds: float) -> Iterator[Finding]:
    """What the process finds, until it is done or has to be ended; what was looked at is taken from `left`."""
    if not _said(ours, START):
        yield wrong(left.pop(0), "the checks could not be started", expected="a process", do="try again")
        return
    while left:
        found = _said(ours, seconds)
        name = left.pop(0)
        if not found:
            yield _lost(name, process, seconds)
            return
        yield from found


def _said(ours: Connection, seconds: float) -> list[Finding] | None:
    """What comes within so many seconds; None where nothing does, or the process ends."""
    try:
        return list(ours.recv()) if ours.poll(seconds) else None
    except (EOFError, OSError):
        return None


def _lost(name: str, process: BaseProcess, seconds: float) -> Finding:
    """What to say of a check that gave no answer."""
    process.join(0.5)
    if process.exitcode is None:
        do = "see whether a disk, a network share or a server hangs; `--seconds` gives more time"
        return wrong(name, f"no answer within {seconds:g} seconds", expected="an answer", do=do)
    how = Signals(-process.exitcode).name if process.exitcode < 0 else f"exit code {process.exitcode}"
    do = "files may be damaged or the disk full; `rag-flywheel reindex --force` builds what versions hold anew"
    return wrong(name, f"looking ended the process that looked ({how})", expected="an answer", do=do)


def _work(theirs: Connection, checks: Sequence[tuple[str, Check]], config: Config, secrets: Secrets) -> None:
    """In the process of its own. What vendors print is nobody's business here."""
    with Path(os.devnull).open("w") as nothing:
        for stream in (1, 2):
            os.dup2(nothing.fileno(), stream)
    known = known_secrets(config)
    theirs.send([Finding(check="ready", level=Level.OK, found="")])
    for name, check in checks:
        theirs.send([_without_secrets(found, known) for found in looked(name, check, config, secrets)])


def looked(name: str, check: Check, config: Config, secrets: Secrets) -> list[Finding]:
    try:
        return check(config, secrets)
    except Skip as reason:
        return [Finding(check=name, level=Level.SKIPPED, found=str(reason))]
    except FlywheelError as error:
        return [wrong(name, str(error), expected="", do="")]  # it says what was expected and what to do
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding, and the others go on
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}"
        return [wrong(name, said, expected="a check that ends", do="report it, with this line")]


def _without_secrets(found: Finding, known: frozenset[str]) -> Finding:
    texts = (hidden(text, known) for text in (found.found, found.expected, found.do))
    said, expected, do = texts
    return Finding(check=found.check, level=found.level, found=said, expected=expected, do=do)
