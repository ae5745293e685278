"""Workers that are looked after: one that is dead, or hangs, is replaced, and none outlives who looks after it."""

import asyncio
import contextlib
import faulthandler
import logging
import multiprocessing
import os
import signal
import threading
import time

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

WARM = 120  # seconds, or beats, in which a worker must be warm
BEAT = 1.0  # seconds between two looks at whether a worker lives
HUNG = 30  # beats without a sign of life after which a worker that was once up is ended

logger = logging.getLogger("rag_flywheel.server")


class Supervisor(Multiprocess):
    """uvicorn's, but a worker is waited for beside the work, and never while another one has to be replaced.

    uvicorn (0.54) asks each worker for a sign of life, and waits for it as long as it lets a successor warm up. One
    that is ending gives none: measured, a worker that SIGTERM ended was replaced after 110 s, and after 1 s like this.
    Here a thread asks, and kills a worker that hangs, also one that was told to end and does not. Beats are counted and
    not seconds: when this process itself was stopped for a while, all workers would seem to have been silent.
    """

    def run(self) -> None:
        threading.Thread(target=self._listen, name="signs of life", daemon=True).start()
        super().run()

    def keep_subprocess_alive(self) -> None:
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if worker.exitcode is None:
                continue
            worker.kill()  # it is dead, and this closes what it was asked through
            if worker.exitcode == STARTUP_FAILURE:  # so would the next one
                self.should_exit.set()
                return
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()

    def _listen(self) -> None:
        silent: dict[int | None, int] = {}  # beats since the last sign of life, by process
        up: set[int | None] = set()
        asked: set[int | None] = set()
        while True:
            time.sleep(BEAT)
            for worker in tuple(self.processes):
                pid = worker.pid
                silent[pid] = silent.get(pid, 0) + 1
                with contextlib.suppress(OSError, EOFError, TypeError):  # closed: it was told to end
                    if pid in asked and worker.parent_conn.poll():
                        worker.parent_conn.recv()
                        asked.discard(pid)
                        up.add(pid)
                        silent[pid] = 0
                    if pid not in asked:
                        worker.parent_conn.send(b"ping")
                        asked.add(pid)
                if silent[pid] >= (HUNG if pid in up or self.should_exit.is_set() else WARM):
                    logger.error("a worker gave no sign of life for %d seconds and is killed", silent[pid] * BEAT)
                    silent[pid] = 0
                    worker.process.kill()


def end_when_stuck(loop: asyncio.AbstractEventLoop) -> None:
    """End this process, saying where it is, when nothing has run in the loop for `HUNG` beats.

    It answers nobody then, and its supervisor cannot know: another thread of it gives the sign of life.
    """

    def watch() -> None:
        silent, ran = 0, threading.Event()
        ran.set()
        while not loop.is_closed():
            silent = 0 if ran.is_set() else silent + 1
            if silent >= HUNG:
                logger.error("nothing has run in this worker's loop for %d seconds, so it ends", silent * BEAT)
                faulthandler.dump_traceback()  # names of functions, and no value
                os.kill(os.getpid(), signal.SIGKILL)
            if ran.is_set():
                ran.clear()
                with contextlib.suppress(RuntimeError):  # it was closed just now
                    loop.call_soon_threadsafe(ran.set)
            time.sleep(BEAT)

    threading.Thread(target=watch, name="the loop's sign of life", daemon=True).start()


def end_with_the_parent() -> None:
    """End this process when the one that started it dies: nobody would look after it, and it would keep the port.

    uvicorn's workers do not notice: each holds both ends of the pipe to its supervisor.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
