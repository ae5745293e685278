"""Several workers behind one port: real processes, real models, versions that are switched and deleted meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from rag_flywheel import config, wiring
from rag_flywheel.domain import VersionId
from rag_flywheel.rollout import promotion
from rag_flywheel.services import Services
from tests.cycle.project import Project
from tests.fakes.samples import chunk, decision, manifest
from tests.fakes.services import entries
from tests.paths import ROOT

PAGES = {
    "boiler": "Turn the gas tap to the left, and hold the ignition button for ten seconds until the flame stays lit.",
    "pump": "The outdoor unit defrosts by itself every ninety minutes in frosty weather.",
}
QUESTION = {"question": "How do I light the boiler with the gas tap?", "user_id": "ada"}
PEOPLE = 2  # at a time
SECONDS = 60.0  # for what happens within a few, on a busy machine


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A version of two pages, `v1`, which is live; every passage names its version."""
    made = Project(folder=tmp_path_factory.mktemp("workers"), variables={"OMP_NUM_THREADS": "1"})
    made.write("config.yaml", "sources: []\ngolden: ''\nprivacy: {redact: false}\napi: {workers: 2, threads: 3}\n")
    with services(made) as opened:
        build("v1", opened)
        switch("v1", opened)
    return made


@contextlib.contextmanager
def services(project: Project) -> Iterator[Services]:
    with wiring.services(config.load(project.folder / "config.yaml"), config.secrets()) as opened:
        yield opened


def build(version: str, opened: Services) -> None:
    encoder = opened.encoders(opened.config.embedder)
    chunks = [chunk(f"{version}-{name}", f"{text} So says {version}.") for name, text in PAGES.items()]
    opened.index.build(VersionId(version), dimension=encoder.dimension, batches=[entries(chunks, encoder)])
    made = replace(manifest(version), created=opened.now())
    opened.ledger.add_version(made)
    opened.ledger.add_decision(decision(version))


def switch(to: str, opened: Services) -> None:
    promotion.promote(
        VersionId(to),
        expected=opened.index.live(),
        index=opened.index,
        ledger=opened.ledger,
        act=promotion.act_of("test", "test", at=opened.now()),
    )


@contextlib.contextmanager
def serving(project: Project, *options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The URL and the supervisor of a server, which is killed at the end with all that is left of it."""
    process = subprocess.Popen(
        project.command("serve", "--port", "0", *options),
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert "http://" in line, process.stderr.read()
        yield "http://" + line.rpartition("http://")[2].strip(), process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()


def workers(process: "subprocess.Popen[str]") -> set[int]:
    """The process ids of the supervisor's workers."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()}


def soon(met: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def ask(url: str) -> tuple[str, set[str]]:
    """A question over a connection of its own: the version that answered, and the versions that its citations name."""
    reply = httpx.post(f"{url}/chat", json=QUESTION, timeout=SECONDS).raise_for_status().json()
    assert reply["answered"], reply
    return reply["version"], {citation["text"].rpartition(" ")[2].rstrip(".") for citation in reply["citations"]}


@contextlib.contextmanager
def asking(url: str, seen: list[tuple[str, set[str]]], lost: list[str]) -> Iterator[None]:
    """People who ask all the time until the block ends. Answers go to `seen`, connections that broke to `lost`."""
    done = threading.Event()

    def one_by_one() -> None:
        while not done.is_set():
            try:
                seen.append(ask(url))
            except httpx.TransportError as error:
                lost.append(type(error).__name__)
            time.sleep(0.05)

    with ThreadPoolExecutor(PEOPLE) as threads:
        people = [threads.submit(one_by_one) for _ in range(PEOPLE)]
        try:
            yield
        finally:
            done.set()
    for person in people:
        person.result()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers through /proc")
def test_workers_go_on_while_a_version_is_built_switched_to_and_deleted_and_while_one_of_them_dies(
    project: Project,
) -> None:
    """Only the connections of the killed worker break; it is replaced; no answer mixes versions; SIGTERM ends all."""
    seen: list[tuple[str, set[str]]] = []
    lost: list[str] = []
    with services(project) as opened, serving(project) as (url, process):
        assert ask(url) == ("v1", {"v1"})
        soon(lambda: len(workers(process)) == 2)
        first = workers(process)
        with asking(url, seen, lost):
            soon(lambda: len(seen) > 4)
            build("v2", opened)
            switch("v2", opened)
            moved = len(seen)
            opened.index.delete(VersionId("v1"))
            soon(lambda: len(seen) > moved + 10)
            os.kill(min(first), signal.SIGKILL)
            soon(lambda: min(first) not in workers(process) and len(workers(process)) == 2)
            killed = len(seen)
            soon(lambda: len(seen) > killed + 4)
        assert len(lost) <= PEOPLE
        assert all(cited == {version} for version, cited in seen)
        assert {version for version, _ in seen[moved + PEOPLE :]} == {"v2"}  # as many were under way
        left = workers(process)
        process.terminate()
        assert process.wait(timeout=SECONDS) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
        assert not any(Path(f"/proc/{pid}").exists() for pid in left)


ORPHAN = """
import multiprocessing, sys, time
from rag_flywheel.api.supervisor import end_with_the_parent

def worker():
    end_with_the_parent()
    print("up", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=worker)
    child.start()
    print(child.pid, flush=True)
    child.join()
"""


def test_a_worker_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    """Nobody would look after it, and it would keep the port."""
    (tmp_path / "orphan.py").write_text(ORPHAN, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "orphan.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            child = int(process.stdout.readline())
            assert process.stdout.readline() == "up\n"
            process.kill()
            process.wait()
            soon(lambda: not running(child))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
