"""Files read in processes of their own: whatever a file does to its reader, it is named and the others are read.

A process is started when there is work for it. One that takes too long, crashes or says too much is killed, and the
next file gets a new one. Time is that of the processor, so that a busy machine costs no file. What the parent gets is
JSON, not code, so that a reader that a file has taken over can tell lies about this file and no more.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from pydantic import ValidationError

from ingest.reading.worker import MEGABYTE, READY, REPLY, Reply, Result, Task, failed, main
from rag_flywheel.errors import Unavailable

PATIENCE = 4
"""Times its processor time that a file may take in all: on a busy machine, or where a process waits for something."""
START = 120.0
"""Seconds in which a process must be ready for its first file; that it is not is the machine's fault, not a file's."""


class Readers:
    """A pool of processes that read, as many as there are processors; a context that ends them when it is left."""

    def __init__(self, program: Callable[[], None] = main) -> None:
        """`program` is what each process runs: a function at the top of a module."""
        self._program = program
        self.at_once = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(self.at_once, "reader")
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._lock = threading.Lock()
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
            for process in self._all:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._all:
            process.close()

    def submit(self, task: Task) -> Future[Result]:
        """What the task comes to, later. Getting it raises Unavailable when no process can be started."""
        return self._threads.submit(self._read, task)

    def _read(self, task: Task) -> Result:
        try:
            return self._ask(self._idle.pop(), task)
        except IndexError:
            pass  # none has nothing to do
        except _Crashed:
            pass  # perhaps the work of a file that it read before: a new process tells
        try:
            return self._ask(self._started(), task)
        except _Crashed as crash:
            return failed(task, str(crash), lasting=False)

    def _started(self) -> "_Process":
        with self._lock:
            if self._ended:
                raise Unavailable("the run is being ended")
            process = _Process(self._program)
            self._all.add(process)
        process.wait_until_ready()
        return process

    def _ask(self, process: "_Process", task: Task) -> Result:
        try:
            reply = process.ask(task)
        except BaseException:
            self._end(process)
            raise
        if reply.last:
            self._end(process)
        else:
            self._idle.append(process)
        return reply.result

    def _end(self, process: "_Process") -> None:
        process.kill()
        with self._lock:
            self._all.discard(process)
        process.close()


class _Crashed(Exception):
    """A process is gone before it had said what a task came to; why stands in the message."""


class _Process:
    """A process that reads one file at a time. Its working directory, user and rights are its parent's."""

    def __init__(self, program: Callable[[], None]) -> None:
        self._import = f"from {program.__module__} import {program.__name__}"
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"{self._import}; {program.__name__}()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a reader's warnings may quote the document
            # Threads of number libraries would each map memory, on large machines more than a file may need.
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,  # an interrupt from the terminal is the parent's to handle
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tasks, self._replies = self._process.stdin, self._process.stdout

    def wait_until_ready(self) -> None:
        with self._killed_after(START):
            ready = self._replies.readline(len(READY)) == READY
        if not ready:
            raise Unavailable(
                f"a process that reads files cannot be started: `{sys.executable} -c '{self._import}'` shows why"
            )

    def ask(self, task: Task) -> Reply:
        """What the process says. Raises _Crashed when it ends itself; it must be ended, too, when this was its last."""
        seconds, most = task.settings.file_seconds, task.settings.file_unpacked_mb
        with self._killed_after(PATIENCE * seconds) as late:
            try:
                pickle.dump(task, self._tasks)
                self._tasks.flush()
                line = self._replies.readline(most * MEGABYTE + 1)
            except OSError:
                line = b""
        if line.endswith(b"\n"):
            try:
                return REPLY.validate_json(line)
            except ValidationError:
                raise _Crashed("crashes its reader (what it says is no result)") from None
        if line and len(line) > most * MEGABYTE:
            reason = f"comes to more text than ingest.file_unpacked_mb ({most})"
        elif late.is_set() or self._status() == -signal.SIGXCPU:
            reason = f"takes longer than ingest.file_seconds ({seconds:g})"
        else:
            raise _Crashed(f"crashes its reader ({_ending(self._status())})")
        return Reply(result=failed(task, reason, lasting=False), last=True)

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Wait for the end of a process that was killed."""
        self._process.wait()
        for stream in (self._tasks, self._replies):
            with contextlib.suppress(OSError):  # what was still to be sent has nowhere to go
                stream.close()

    @contextlib.contextmanager
    def _killed_after(self, seconds: float) -> Iterator[threading.Event]:
        """Gives what is set when the process was killed for its lateness."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _status(self) -> int:
        """How a process ended that says no more, or less than nothing for the signal that ended it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=5)
        self.kill()  # it closed its output, and lives on
        return self._process.wait()


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return "SIGKILL, as the system does where memory is short"
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
