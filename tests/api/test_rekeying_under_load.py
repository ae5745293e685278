"""New keys for the pseudonyms while two servers answer: people ask, rate, correct, withdraw and are forgotten."""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from rag_flywheel.adapters.ledger import rekeying, tables
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import CorrectionId, FeedbackId, InteractionId
from rag_flywheel.ports import Ledger
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.privacy.rekeying import rekey
from tests.fakes.doors import door, key
from tests.fakes.keys import keys_in
from tests.fakes.samples import NOON, canary, interaction
from tests.fakes.services import publish, services

QUESTION = "How do I put the previous version back?"
THREADS = 4
ROUNDS = 3  # of each thread at least, and until the new keys are in use


@dataclass(kw_only=True)
class Person:
    """What a person was told that is kept of them."""

    name: str
    asked: list[str] = field(default_factory=list)
    rated: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)
    arms: set[str] = field(default_factory=set)
    forgotten: bool = False
    withdrawn: bool = False


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "data" / "ledger.sqlite")
    return str(request.getfixturevalue("postgres_url"))


@contextlib.contextmanager
def opened(url: str, folder: Path) -> Iterator[Ledger]:
    ledger = open_ledger(url, timeout=60, lock_folder=folder / "locks", keys=keys_in(folder))
    with contextlib.closing(ledger):
        yield ledger


def live(number: int, server: int, doors: Sequence[TestClient], headers: dict[str, str]) -> Person:
    """A person asks, rates and corrects at one server and then at the other; every third is forgotten, every third
    withdraws.
    """
    person = Person(name=f"person {number}")
    for turn in range(3):
        http = doors[(server + turn) % len(doors)]
        body = {"question": QUESTION, "user_id": person.name, "session_id": f"session {number}"}
        answer = http.post("/chat", json=body, headers=headers).json()
        person.asked.append(answer["interaction_id"])
        person.arms.add(answer["arm"])
        said = {"interaction_id": answer["interaction_id"], "user_id": person.name, "kind": "thumb", "value": "up"}
        person.rated.append(http.post("/feedback", json=said, headers=headers).json()["id"])
    better = {"interaction_id": person.asked[0], "user_id": person.name, "answer": "Run rag-flywheel rollback at once."}
    once = headers | {"Idempotency-Key": f"the key of {number}"}
    sent = [doors[each].post("/corrections", json=better, headers=once) for each in (0, 1)]
    assert [reply.status_code for reply in sent] == [202, 202], [reply.text for reply in sent]
    assert sent[0].json() == sent[1].json()
    person.corrected.append(sent[0].json()["id"])
    where = doors[number % len(doors)]
    if number % 3 == 0:
        reply = where.delete(f"/users/{person.name}/data", headers=headers)
        assert reply.status_code == 200, reply.text
        person.forgotten = True
    if number % 3 == 1:
        said = {"purposes": {"answer": False}}
        assert where.put(f"/users/{person.name}/consent", json=said, headers=headers).status_code == 200
        person.withdrawn = True
        body = {"question": QUESTION, "user_id": person.name}
        later = doors[(number + 1) % len(doors)].post("/chat", json=body, headers=headers)
        assert later.status_code == 200
    return person


def test_nobody_is_lost_nor_double_and_no_pseudonym_of_before_stays_when_keys_are_changed_under_load(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeying, "BATCH", 5)
    with opened(url, tmp_path) as first, opened(url, tmp_path) as second, opened(url, tmp_path) as third:
        made = services(tmp_path, ledger=first, text="limits: {address_per_minute: 1000000, key_per_minute: 1000000}")
        publish(made, "v1")
        publish(made, "v2", live=False)
        first.add_canary(canary(shares=(0.5,)))
        of_old = [pseudonym(f"old {number}", first.salt()) for number in range(60)]
        for number, user in enumerate(of_old):
            first.add_interaction(interaction(f"old-{number}", question=QUESTION, user=user))
        headers = key(made, "rita")
        over, done = threading.Event(), threading.Semaphore(0)

        doors = [door(replace(made, ledger=ledger)) for ledger in (first, second)]

        def people(thread: int) -> list[Person]:
            met, turn = [], 0
            while turn < ROUNDS or not over.is_set():
                met.append(live(turn * THREADS + thread, thread % 2, doors, headers))
                turn += 1
                done.release()
            return met

        with ThreadPoolExecutor(THREADS) as pool:
            runs = [pool.submit(people, thread) for thread in range(THREADS)]
            try:
                rows = []
                for _ in range(3):
                    for _ in range(THREADS):
                        assert done.acquire(timeout=120)
                    rows.append(rekey(ledger=third, by="olga", now=NOON))
            finally:
                over.set()
            met = [person for run in runs for person in run.result()]
        assert min(rows) > 60
        for person in met:
            check(person, second)
        known = [pseudonym(person.name, first.salt()) or "" for person in met if not person.forgotten]
        assert {asked.user for asked in second.interactions(limit=100_000) if asked.user} == {*known, *of_old}
        assert [len(second.interactions_of(user or "")) for user in of_old] == [1] * len(of_old)
        rekey(ledger=third, by="olga", now=NOON)
    written = stored(url)
    talks = (person.name.replace("person", "session") for person in met)
    sessions = [pseudonym(talk, first.salt(), of="session") or "" for talk in talks]
    assert [one for one in [*known, *of_old, *sessions] if one in written] == []
    assert not [before for before in ("1.", "2.", "3.") if f'"{before}' in written or f"'{before}" in written]


def check(person: Person, ledger: Ledger) -> None:
    """All that they were told is there, and theirs; nothing of who is forgotten; of who withdrew their word."""
    user = pseudonym(person.name, ledger.salt()) or ""
    asked = ledger.interactions_of(user)
    assert {met.unit for met in ledger.exposures() if met.interaction_id in person.asked} <= {user}
    assert len(person.arms) == 1
    if person.forgotten:
        assert asked == []
        assert not [said for said in ledger.feedback() if said.user == user]
        assert not [entry for entry in ledger.corrections() if entry.correction.user == user]
        return
    assert [each.interaction_id for each in asked] == person.asked
    assert [ledger.interaction(InteractionId(name)).user for name in person.asked] == [user] * len(person.asked)
    theirs = {said.feedback_id for said in ledger.feedback() if said.user == user}
    assert theirs == {FeedbackId(name) for name in person.rated}
    assert [ledger.correction(CorrectionId(name)).correction.user for name in person.corrected] == [user]
    assert bool(ledger.consents_of(user, None)) is person.withdrawn


def stored(url: str) -> str:
    """Every row of every table, as it is stored."""
    engine = create_engine(url)
    with contextlib.closing(engine.raw_connection()) as connection:
        cursor, rows = connection.cursor(), []
        for name in tables.metadata.tables:
            cursor.execute(f"SELECT * FROM {name}")
            rows += [json.dumps(row, default=str) for row in cursor.fetchall()]
    engine.dispose()
    return "\n".join(rows)
