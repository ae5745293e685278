"""The program as its entry point runs it, and a server for it to talk to."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from rag_flywheel.api.app import create_app
from rag_flywheel.cli import app
from rag_flywheel.cli.invocation import API_KEY
from rag_flywheel.services import Services
from tests.fakes.doors import key
from tests.fakes.services import publish, services
from tests.paths import ROOT

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """`rag-flywheel ARGUMENTS` as the entry point runs it; gives the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["rag-flywheel", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, said.out, said.err

    return call


@contextlib.contextmanager
def serving(server: uvicorn.Server) -> Iterator[str]:
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Services:
    made = services(tmp_path_factory.mktemp("service"))
    publish(made, "v1")
    publish(made, "v2")
    return made


@pytest.fixture(scope="module")
def url(made: Services) -> Iterator[str]:
    """Of a server whose admin calls, unless a test has another key."""
    with (
        serving(
            uvicorn.Server(uvicorn.Config(create_app(made), port=0, log_config=None, log_level="error"))
        ) as address,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setenv(API_KEY, api_key(made, "rita"))
        yield address


def api_key(made: Services, name: str) -> str:
    """A new admin's key."""
    return key(made, name)["Authorization"].removeprefix("Bearer ")


def typed_at_terminal(words: list[str], lines: list[str], folder: Path) -> str:
    """What the program says at a terminal where somebody types these lines, each when it waits for one; Ctrl-C is a
    line too.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "rag_flywheel", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "TERM": "dumb"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said, left, until = "", list(lines), time.monotonic() + 120
    try:
        while time.monotonic() < until:
            if select.select([ours], [], [], 0.3)[0]:
                try:
                    said += os.read(ours, 4096).decode()
                except OSError:  # the program has ended, and its side is closed
                    break
            elif left and said.endswith(": "):
                line = left.pop(0)
                if line == "\x03":
                    process.send_signal(signal.SIGINT)
                else:
                    os.write(ours, f"{line}\n".encode())
    finally:
        process.kill()
        process.wait(10)
        os.close(ours)
    return said.replace("\r\n", "\n")
