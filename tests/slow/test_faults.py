"""Faults of every part, on a real server with two workers and real models: what people see, and that it ends by itself.

What nobody may see: a text of theirs in the log, or a rating that was taken and is not there.
"""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from rag_flywheel.adapters.breaker import FAILURES
from tests.cycle.project import Project
from tests.cycle.test_workers import SECONDS, build, services, switch, workers
from tests.fakes.line import Line
from tests.fakes.openai_server import Broken, Die, Fail, OpenAIServer, Reply, Stall
from tests.fakes.qdrant_server import QdrantServer
from tests.postgres import PostgresServer

WORD = "zanzibarium"  # of people, which no log may hold
QUESTION = f"How do I light the boiler with the gas tap of the {WORD}?"
SETTINGS = """
privacy: {consent: assumed}
sources: []
golden: ""
api: {workers: 2}
ledger: {timeout: 2}
"""
REPLACED = 240.0  # seconds for two workers that start one after the other, on a busy machine
GOOD = {"ask": "200", "stream": "200 done", "rate": "201", "correct": "202", "look": "200", "health": "200"}


@dataclass(slots=True, kw_only=True)
class Door:
    """A server as people meet it; `rated` counts the ratings that it said to have taken."""

    project: Project
    url: str
    process: "subprocess.Popen[str]"
    key: str
    interaction: str = ""
    rated: int = 0
    asked: int = field(default=0)
    fallback: bool = False  # whether the last answer stood in for the language model's

    def sees(self, *what: str) -> dict[str, str]:
        """The status of each of these, with the name of the error, or the last event of a stream."""
        return {each: self._one(each) for each in what or GOOD}

    def recovers(self) -> bool:
        soon(lambda: all(self.sees() == GOOD for _ in range(3)))  # of the workers one may leave a service alone longer
        return True

    def _one(self, what: str) -> str:
        self.asked += 1
        chat = {"question": f"{QUESTION} It is number {self.asked}.", "user_id": "ada"}
        about = {"interaction_id": self.interaction, "user_id": "ada"}
        sent: dict[str, tuple[str, str, dict[str, object]]] = {
            "ask": ("POST", "/chat", {**chat}),
            "stream": ("POST", "/chat", {**chat, "stream": True}),
            "rate": ("POST", "/feedback", {**about, "kind": "thumb", "value": "up"}),
            "correct": ("POST", "/corrections", {**about, "answer": f"Press the {WORD} {self.asked} times."}),
            "look": ("POST", "/canary/tick", {}),
            "health": ("GET", "/health", {}),
        }
        method, path, body = sent[what]
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            reply = httpx.request(method, self.url + path, json=body or None, headers=headers, timeout=SECONDS)
        except httpx.TransportError as error:
            return type(error).__name__
        if not reply.is_success:
            return f"{reply.status_code} {reply.json()['error']}"
        if what == "ask":
            self.interaction, self.fallback = reply.json()["interaction_id"], reply.json()["fallback"]
        self.rated += what == "rate"
        events = [line.removeprefix("event: ") for line in reply.text.splitlines() if line.startswith("event: ")]
        return f"{reply.status_code} {events[-1]}" if what == "stream" else str(reply.status_code)


@contextlib.contextmanager
def door(folder: Path, settings: str = "", **variables: str) -> Iterator[Door]:
    """A server with a live version, which has answered; at the end its log and its ratings are looked at."""
    project = Project(folder=folder, variables={"OMP_NUM_THREADS": "1", **variables})
    project.write("config.yaml", SETTINGS + settings)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        with services(project) as opened:
            build("v1", opened)
            switch("v1", opened)
        key = project.run("keys", "create", "root", "--role", "admin", "--for-others")["key"]
        log = folder / "log"
        with (
            log.open("w", encoding="utf-8") as said,
            subprocess.Popen(
                project.command("serve", "--port", "0"),
                env=project.environment,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert "http://" in line, log.read_text(encoding="utf-8")
                url = "http://" + line.rpartition("http://")[2].strip()
                made = Door(project=project, url=url, process=process, key=key)
                soon(lambda: made.sees("ask") == {"ask": "200"})
                soon(lambda: len(workers(process)) == 2)
                yield made
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        with services(project) as opened:
            assert len(opened.ledger.feedback()) >= made.rated
    written = log.read_text(encoding="utf-8")
    assert WORD not in written
    assert "Traceback" not in written


def soon(met: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + REPLACED
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_faults_of_the_local_files_cost_what_they_touch_and_nothing_when_they_are_mended(tmp_path: Path) -> None:
    with door(tmp_path) as met:
        database = sqlite3.connect(tmp_path / "data/ledger.db", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        locked = dict.fromkeys(("ask", "rate", "correct"), "503 LedgerUnavailable")
        assert met.sees("ask", "rate", "correct", "health") == {**locked, "health": "200"}
        database.close()
        assert met.recovers()

        alias = tmp_path / "data/index/live"
        for held in (b"", b"v"):
            alias.write_bytes(held)
            damaged = dict.fromkeys(("ask", "correct"), "500 Damaged")
            assert met.sees("ask", "rate", "correct", "look") == {**damaged, "rate": "201", "look": "200"}
        alias.write_bytes(b"v1\n")
        assert met.recovers()

        version = tmp_path / "data/index/v1"
        version.rename(tmp_path / "away")
        assert met.sees("ask", "rate", "health") == {"ask": "500 Damaged", "rate": "201", "health": "200"}
        (tmp_path / "away").rename(version)
        assert met.recovers()


def test_what_is_damaged_is_told_by_new_workers_and_a_rollback_leads_away_from_it(tmp_path: Path) -> None:
    with door(tmp_path) as met:
        with services(met.project) as opened:
            build("v2", opened)
            switch("v2", opened)
        assert met.recovers()
        for file in (tmp_path / "data/index/v2").rglob("*.json"):
            file.write_bytes(file.read_bytes()[:10])
        before = workers(met.process)
        os.kill(met.process.pid, signal.SIGHUP)
        soon(lambda: not before & workers(met.process) and len(workers(met.process)) == 2)
        assert met.sees("ask", "rate") == {"ask": "500 Damaged", "rate": "201"}
        met.project.run("rollback", "--to", "v1")
        assert met.recovers()


def test_workers_that_are_stopped_or_killed_are_replaced(tmp_path: Path) -> None:
    with door(tmp_path) as met:
        stopped = min(workers(met.process))
        os.kill(stopped, signal.SIGSTOP)
        soon(lambda: stopped not in workers(met.process))
        assert met.recovers()
        for worker in workers(met.process):
            os.kill(worker, signal.SIGKILL)
        assert met.recovers()


def test_a_qdrant_server_and_a_language_model_that_fail_cost_answers_and_no_rating(tmp_path: Path) -> None:
    settings = "index: {timeout: 2}\ngenerator: {kind: openai_like, model: test-model, timeout: 2, retries: 1}\n"
    with (
        QdrantServer() as qdrant,
        Line(qdrant.url) as index,
        OpenAIServer(reply="Hold the button [1].") as model,
        Line(model.url) as speaker,
        door(tmp_path, settings, RAG_FLYWHEEL_INDEX__URL=index.url, RAG_FLYWHEEL_GENERATOR__URL=speaker.url) as met,
    ):
        away = dict.fromkeys(("ask", "stream"), "503 IndexUnavailable")
        for fault in (index.cut, index.silent):
            with fault():
                assert met.sees("ask", "stream", "rate", "correct", "look") == {
                    **away,
                    "rate": "201",
                    "correct": "202",
                    "look": "200",
                }
            assert met.recovers()
        with index.silent():
            for _ in range(2 * FAILURES):  # enough for both workers to leave it alone
                met.sees("ask")
            took = []
            for _ in range(5):
                started = time.monotonic()
                assert met.sees("ask") == {"ask": "503 IndexUnavailable"}
                took.append(time.monotonic() - started)
            assert min(took) < 2  # who is sent on to the server waits for its time-out, however quick the machine is
            assert met.sees("correct") == {"correct": "202"}
        assert met.recovers()
        with index.slow(0.1):
            assert met.sees() == GOOD
        with index.cut():
            code, out, _ = met.project.start("reindex", "--json").ended()
            assert code == 7, out
        assert met.recovers()

        replies: list[Reply] = [Die(text="Hold"), Broken(), Fail(status=500), Stall(text="Hold")]
        for fault in (speaker.cut, speaker.silent):
            with fault():
                assert met.sees() == GOOD
                assert met.fallback
            soon(lambda: met.sees() == GOOD and not met.fallback)
        for reply in replies:  # of which nothing was shown
            model.reply = reply
            assert met.sees() == GOOD
            assert met.fallback
        model.reply = "\x00 <script> garbage"
        soon(lambda: met.sees() == GOOD and not met.fallback)
        model.reply = "Hold the button [1]."
        assert met.recovers()


def test_postgresql_may_close_its_connections_and_crash(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    lasting = f"{postgres_url}&options=-csynchronous_commit%3Don"  # which the server of the tests is without
    with door(tmp_path, RAG_FLYWHEEL_LEDGER__URL=lasting) as met:
        postgres_server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'")
        assert met.sees() == GOOD
        postmaster = int((postgres_server.folder / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        backend = next(pid for pid in children if "flywheel" in Path(f"/proc/{pid}/cmdline").read_text())
        os.kill(int(backend), signal.SIGKILL)  # the server ends all others, and looks through its log
        assert met.recovers()
