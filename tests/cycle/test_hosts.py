"""Two hosts with a server each, which share nothing but PostgreSQL and a Qdrant server, and a third that switches."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from rag_flywheel.domain import VersionId
from rag_flywheel.rollout import housekeeping, promotion
from rag_flywheel.services import Services
from tests.cycle.project import Project
from tests.cycle.test_workers import QUESTION, SECONDS, ask, asking, build, services, soon, switch
from tests.fakes.qdrant_server import QdrantServer
from tests.fakes.samples import canary
from tests.postgres import PostgresServer

SETTINGS = """
sources: []
golden: ''
privacy: {redact: false}
index: {timeout: 30}
canary: {minimum_people: 1000000}
"""
MOVES = 6
PEOPLE = [f"person {number}" for number in range(16)]
TIMEOUT = timedelta(seconds=30)  # of the index: no search takes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Two answer questions, `third` is where the alias is moved; `v1` and `v2` are there, the first one live."""

    first: str
    second: str
    third: Project
    qdrant: QdrantServer


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Hosts]:
    database = postgres_server.new_database()
    with QdrantServer() as qdrant:
        variables = {
            "RAG_FLYWHEEL_INDEX__URL": qdrant.url,
            "RAG_FLYWHEEL_LEDGER__URL": postgres_server.url(database),
            "RAG_FLYWHEEL_PSEUDONYM_KEYS": "0d" * 32,  # hosts of one ledger know people by one key
            "OMP_NUM_THREADS": "1",
        }
        projects = [_project(tmp_path_factory.mktemp(name), variables) for name in ("first", "second", "third")]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            with services(projects[2]) as opened:
                build("v1", opened)
                build("v2", opened)
                switch("v1", opened)
            with projects[0].server() as first, projects[1].server() as second:
                yield Hosts(first=first.url, second=second.url, third=projects[2], qdrant=qdrant)
    postgres_server.drop(database)


def _project(folder: Path, variables: dict[str, str]) -> Project:
    made = Project(folder=folder, variables=variables)
    made.write("config.yaml", SETTINGS)
    return made


def test_hosts_follow_the_alias_at_once_and_no_answer_fails_or_mixes_versions(hosts: Hosts) -> None:
    seen: list[tuple[str, set[str]]] = []
    lost: list[str] = []
    with services(hosts.third) as opened, asking(hosts.first, seen, lost), asking(hosts.second, seen, lost):
        for move in range(MOVES):
            to = ("v2", "v1")[move % 2]
            switch(to, opened)
            assert [ask(url) for url in (hosts.first, hosts.second)] == [(to, {to})] * 2
    assert lost == []
    assert all(cited == {version} for version, cited in seen)
    assert {version for version, _ in seen} == {"v1", "v2"}


def test_a_person_is_on_the_same_arm_on_every_host(hosts: Hosts) -> None:
    with services(hosts.third) as opened:
        live = opened.index.live()
        other = next(version for version in opened.index.versions() if version != live)
        made = canary("c1", control=live, treatment=other, shares=(0.5,), started=opened.now())
        promotion.start_canary(made, index=opened.index, ledger=opened.ledger, who="test")
        arms = [[_arm(url, person) for person in PEOPLE] for url in (hosts.first, hosts.second)]
        act = promotion.act_of("test", "seen", at=opened.now())
        promotion.finish(made, promoted=False, index=opened.index, ledger=opened.ledger, act=act)
    assert arms[0] == arms[1]
    assert set(arms[0]) == {("control", live), ("treatment", other)}


def _arm(url: str, person: str) -> tuple[str, str]:
    asked = {**QUESTION, "user_id": person}
    reply = httpx.post(f"{url}/chat", json=asked, timeout=SECONDS).raise_for_status().json()
    return reply["arm"], reply["version"]


def test_a_version_is_not_deleted_on_the_server_while_a_host_may_still_read_it(hosts: Hosts) -> None:
    """One that asked before the switch and whose search is slow is answered from the version it began with."""
    with services(hosts.third) as opened, ThreadPoolExecutor(1) as thread:
        switch("v1", opened)
        begun = hosts.qdrant.searches
        with hosts.qdrant.hold():
            slow = thread.submit(ask, hosts.first)
            soon(lambda: hosts.qdrant.searches > begun)
            switch("v2", opened)
            assert _retired(opened, after=TIMEOUT) == []
        assert slow.result() == ("v1", {"v1"})
        assert _retired(opened, after=2 * TIMEOUT) == [VersionId("v1")]
        assert [ask(url) for url in (hosts.first, hosts.second)] == [("v2", {"v2"})] * 2


def _retired(opened: Services, *, after: timedelta) -> list[VersionId]:
    """The versions that the third host deletes so long after now."""
    return housekeeping.retire(
        index=opened.index,
        ledger=opened.ledger,
        keep=1,
        unread_after=2 * TIMEOUT,
        at=opened.now() + after,
    )
