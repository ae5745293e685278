"""A project folder of its own, driven by the program's commands, each in a process of its own.

The processes are forked from one that has imported everything, since the imports take longer than what most commands do
on a small corpus. `Project.command` is for tests that want the program as a shell starts it.
"""

import contextlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TextIO

import httpx

from rag_flywheel.cli import app

SECONDS = 300  # for one command, on a busy machine
LESS = {"RAG_FLYWHEEL_GATE__KNOWN_ITEMS": "80", "RAG_FLYWHEEL_GATE__NEIGHBOURS": "10"}  # questions, to save time

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.cycle.project",
        "rag_flywheel.cycle.reindex",
        "rag_flywheel.replay.replay",
        "rag_flywheel.api.server",
        "rag_flywheel.adapters.privacy.recognizers",
        "llama_index.core.node_parser",
        "ragas.metrics.collections",
        "sentence_transformers",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A signal that a process gets as soon as it says on standard error that `stage` begins."""

    stage: str
    number: signal.Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of the program that was started, and what it says."""

    process: ForkServerProcess
    out: TextIO
    err: TextIO

    def ended(self) -> tuple[int, str, str]:
        """Its exit code, its output and its messages; it is killed where it takes too long."""
        with contextlib.closing(self.out), contextlib.closing(self.err):
            late = threading.Timer(SECONDS, self.process.kill)
            late.start()
            out, err = self.out.read(), self.err.read()
            self.process.join()
            late.cancel()
        assert self.process.exitcode is not None
        return self.process.exitcode, out, err

    def go_on(self) -> None:
        """After SIGSTOP."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`folder` holds config.yaml; `variables` are the environment's part of the settings."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def copy(self, folder: Path) -> "Project":
        """The same project, with all that it has indexed, in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Project(folder=folder, variables=dict(self.variables))

    def arguments(self, *words: str) -> list[str]:
        return ["--config", str(self.folder / "config.yaml"), *words]

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "rag_flywheel", *self.arguments(*words)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HF_HUB_OFFLINE": "1", **LESS, **self.variables}

    def start(self, *words: str, at: Signal | None = None) -> Command:
        """Start a command, which gets a signal when it comes to a stage."""
        out, written_out = FORKS.Pipe(duplex=False)
        err, written_err = FORKS.Pipe(duplex=False)
        process = FORKS.Process(
            target=_run, args=(self.arguments(*words), self.environment, written_out, written_err, at)
        )
        process.start()
        written_out.close()
        written_err.close()
        return Command(process=process, out=_text(out), err=_text(err))

    def run(self, *words: str, code: int = 0) -> Any:
        """Run a command with --json; returns its one document. The exit code must be `code`."""
        ended, out, err = self.start(*words, "--json").ended()
        assert ended == code, f"{words}: exit code {ended}\n{out}\n{err}"
        return json.loads(out)

    def kill_at(self, stage: str, *words: str) -> None:
        """Run a command, and kill -9 it as soon as it says on standard error that `stage` begins."""
        ended, _, err = self.start(*words, "--json", at=Signal(stage=stage, number=signal.SIGKILL)).ended()
        assert ended == -signal.SIGKILL, f"{words} came to {stage!r} never, and ended with {ended}\n{err}"

    @contextlib.contextmanager
    def stopped_at(self, stage: str, *words: str) -> Iterator[Command]:
        """A command that has come to a stage and does not go on before it is told to."""
        command = self.start(*words, "--json", at=Signal(stage=stage, number=signal.SIGSTOP))
        try:
            assert any(line.startswith(stage) for line in command.err), f"the stage {stage!r} never came"
            yield command
        finally:
            command.process.kill()

    @contextlib.contextmanager
    def server(self) -> Iterator["Server"]:
        """A server process on a free loopback port, and its admin."""
        key = self.run("keys", "create", "root", "--role", "admin", "--for-others")["key"]
        command = self.start("serve", "--port", "0")
        try:
            line = command.out.readline()
            assert "http://" in line, f"the server did not start: {line!r}"
            url = "http://" + line.rpartition("http://")[2].strip()
            with httpx.Client(base_url=url, timeout=120, headers={"Authorization": f"Bearer {key}"}) as client:
                yield Server(client=client)
        finally:
            command.process.terminate()
            command.ended()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    client: httpx.Client

    @property
    def url(self) -> str:
        return str(self.client.base_url).rstrip("/")

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def post(self, path: str, body: Mapping[str, Any], *, by: str = "") -> Any:
        """By the admin, or with another key."""
        reply = self.client.post(path, json=body, headers={"Authorization": f"Bearer {by}"} if by else None)
        assert reply.is_success, f"{path}: {reply.status_code} {reply.text}"
        return reply.json()

    def ask(self, question: str) -> Any:
        return self.post("/chat", {"question": question, "user_id": "ada"})

    def accept(self, correction_id: str) -> None:
        """By one reviewer, and by a second one where it gives reason to look twice."""
        for name in ("grace", "edsger"):
            reviewer = self.post("/keys", {"name": name, "roles": ["reviewer"]})["key"]
            decided = self.post(f"/review/{correction_id}", {"verdict": "accept"}, by=reviewer)
            if decided["status"] == "accepted":
                return
        raise AssertionError(decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterKill:
    """What a run that was killed left, and what the next one made of it."""

    same_live: bool  # whether the version that was live still answers
    decision: str  # of the next run
    went_live: bool  # whether its version is the live one
    cleared: bool  # whether the index holds the versions that are listed, and nothing else


AS_PROMISED = AfterKill(same_live=True, decision="promoted", went_live=True, cleared=True)


def killed_at(stages: Sequence[str], project: Project) -> dict[str, AfterKill]:
    """Kill a run at each of these stages, and run it again; by stage, what there was to see.

    `project` has the pages of `tests.cycle.pages`, indexed.
    """
    seen = {}
    with project.server() as server:
        for number, stage in enumerate(stages):
            live = server.get("/health")["live"]
            text = f"# Extra {number}\n\nPart number {number} needs {number} new screws.\n"
            project.write(f"pages/extra{number}.md", text)
            project.kill_at(stage, "reindex")
            reply = server.ask("How do I clean the filter?")
            result = project.run("reindex")
            kept = {version["version"] for version in server.get("/versions")}
            seen[stage] = AfterKill(
                same_live=reply["version"] == live and "rinse it under cold water" in reply["answer"],
                decision=result["decision"],
                went_live=server.get("/health")["live"] == result["version"],
                cleared={path.name for path in (project.folder / "data/index").glob("v*")} == kept,
            )
    return seen


def _text(reader: Connection) -> TextIO:
    """What comes out of a pipe, line by line."""
    with reader:
        return os.fdopen(os.dup(reader.fileno()), encoding="utf-8")


def _run(
    arguments: list[str], environment: dict[str, str], out: Connection, err: Connection, at: Signal | None
) -> None:
    """In the new process: be the program."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    out.close()
    err.close()
    os.environ.clear()
    os.environ.update(environment)
    if at is not None:
        sys.stderr = _Signalling(at)
    sys.argv = ["rag-flywheel", *arguments]
    app.main()


class _Signalling(io.TextIOWrapper):
    """Standard error that sends its own process a signal, once: a long stage says more than once how far it is."""

    def __init__(self, at: Signal) -> None:
        super().__init__(io.FileIO(2, "w"), encoding="utf-8", write_through=True)
        self.at: Signal | None = at

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.at is not None and text.startswith(self.at.stage):
            number, self.at = self.at.number, None
            os.kill(os.getpid(), number)
        return written
