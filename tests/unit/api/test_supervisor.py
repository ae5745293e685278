"""Workers that hang, in real processes: an app so small that a worker starts in a second."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stops processes and looks at /proc")

SERVER = """
import asyncio, os, socket, time
import uvicorn
from rag_flywheel.api import supervisor

supervisor.BEAT, supervisor.HUNG, supervisor.WARM = 0.1, 20, 1200  # beats: two seconds, and two minutes

async def answer(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.startup":
                supervisor.end_when_stuck(asyncio.get_running_loop())
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    if scope["path"] == "/hang":
        time.sleep(600)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

def app():
    return answer

if __name__ == "__main__":
    bound = socket.create_server(("127.0.0.1", 0))
    print(bound.getsockname()[1], flush=True)
    settings = uvicorn.Config(app, factory=True, workers=2, lifespan="on", log_level="error", access_log=False,
                              timeout_graceful_shutdown=1)
    supervisor.Supervisor(settings, sockets=[bound]).run()
"""
SECONDS = 60.0  # for what happens within a few, on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    url: str
    process: "subprocess.Popen[str]"
    said: Path  # what it says on standard error

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()}

    def both(self) -> set[int]:
        """The two workers, once both of them answer."""
        seen: set[int] = set()
        while len(seen & self.workers()) < 2:
            seen.add(int(httpx.get(self.url, timeout=SECONDS).text))
        return seen & self.workers()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "tiny.py").write_text(SERVER, encoding="utf-8")
    with (
        (tmp_path / "said").open("w", encoding="utf-8") as said,
        subprocess.Popen(
            [sys.executable, str(tmp_path / "tiny.py")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield Running(
                url=f"http://127.0.0.1:{int(process.stdout.readline())}", process=process, said=tmp_path / "said"
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def soon(met: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_worker_that_is_stopped_is_killed_and_replaced_while_the_other_one_answers(running: Running) -> None:
    stopped = min(running.both())
    os.kill(stopped, signal.SIGSTOP)
    soon(lambda: stopped not in running.workers())
    assert stopped not in running.both()
    assert "gave no sign of life" in running.said.read_text()


def test_a_worker_whose_loop_is_stuck_ends_says_where_it_was_and_is_replaced(running: Running) -> None:
    running.both()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{running.url}/hang", timeout=SECONDS)
    running.both()
    assert "nothing has run in this worker's loop" in running.said.read_text()
    assert "in answer" in running.said.read_text()


def test_a_dead_worker_is_replaced_although_another_one_is_stopped(running: Running) -> None:
    stopped, killed = running.both()
    os.kill(stopped, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    assert int(httpx.get(running.url, timeout=SECONDS).text) not in (stopped, killed)


def test_a_server_that_is_told_to_end_does_so_although_a_worker_is_stopped(running: Running) -> None:
    os.kill(min(running.both()), signal.SIGSTOP)
    running.process.terminate()
    assert running.process.wait(timeout=SECONDS) == 0


def test_no_worker_is_killed_because_all_processes_were_stopped_for_a_while(running: Running) -> None:
    before = running.both()
    os.killpg(running.process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(running.process.pid, signal.SIGCONT)
    time.sleep(1)
    assert running.both() == before
