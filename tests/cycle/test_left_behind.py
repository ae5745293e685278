"""Thirty made-up people in all that the service takes, and none of them in anything that it writes or sends."""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from stdnum import luhn

from tests.cycle.project import Project
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.receiver import Receiver

FIRST = """
    Oluwaseun Ingrid Rajesh Yuki Mariam Dmitri Xiomara Callum Zanele Thibault Giulia Krzysztof Aroha Femke
    Haruto Beatriz Nomvula Lars Priyanka Joaquin Svetlana Kwame Elif Bartholomew Noor Tamsin Emeka Paloma
    Viggo Hannelore
"""
LAST = """
    Adeyemi Lindqvist Chaturvedi Tanabe Benkhalifa Volkov Quintero Drummond Khumalo Marchetti Brambilla
    Nowicki Parata Vandevelde Kobayashi Vasconcelos Dlamini Holmqvist Iyengar Etxeberria Morozova Mensah
    Yildirim Featherstone Haddad Penhaligon Okonkwo Castellanos Thorvaldsen Brandstetter
"""
STREETS = """
    Juniper Larkspur Marchmont Alder Corniche Foxglove Tamarind Vilakazi Sorrel Whitcombe
"""


class Person:
    """Somebody who does not exist, by a number."""

    def __init__(self, number: int) -> None:
        self.first, self.last = FIRST.split()[number], LAST.split()[number]
        self.name = f"{self.first} {self.last}"
        self.mail = f"{self.first}.{self.last}{number}@postmail.se".lower()
        self.phone = f"+44 7911 {233100 + number * 37}"
        digits = f"453914880{number:02d}7731"
        self.card = digits + luhn.calc_check_digit(digits)
        self.street = f"{120 + number} {STREETS.split()[number % 10]} Crescent"

    def says(self, text: str) -> str:
        return (
            f"{text} My name is {self.name}. Write to {self.mail} or call {self.phone}. My card is {self.card}. "
            f"I live at {self.street}."
        )

    @property
    def traces(self) -> tuple[str, ...]:
        return self.last, self.mail, self.phone, self.phone.replace(" ", ""), self.card, self.street


PEOPLE = tuple(map(Person, range(30)))
ASKED = "Which refrigerant does the heat pump contain?"


def traces_in(written: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Where something of somebody stands, as it was typed, in small letters, or escaped as in JSON or a URL."""
    found = []
    for place, content in written.items():
        text = content.decode("utf-8", "ignore").lower()
        text += content.decode("utf-16-le", "ignore").lower()
        for person in PEOPLE:
            for trace in person.traces:
                forms = {trace.lower(), trace.lower().replace(" ", "%20"), trace.lower().replace("@", "%40")}
                if any(form in text for form in forms):
                    found.append((place, trace))
    return found


def left(project: Project, *, apart: str) -> Iterator[tuple[str, bytes]]:
    """All files of the project but those that people gave, and every table of its databases as text."""
    for file in sorted(project.folder.rglob("*")):
        name = file.relative_to(project.folder).as_posix()
        if file.is_file() and not name.startswith(apart):
            yield name, file.read_bytes()
            if file.suffix == ".db":
                with contextlib.closing(sqlite3.connect(file)) as database:
                    yield f"{name}, dumped", "\n".join(database.iterdump()).encode()


class Visit:
    """All that people do at the doors; what they are told when it is wrong is kept."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=120, headers={"Authorization": f"Bearer {key}"})
        self.refusals: dict[str, bytes] = {}

    def send(self, path: str, body: Any, person: Person, *, fails: bool = False, key: str = "") -> Any:
        agent = f"Browser of {person.name} <{person.mail}>"
        reply = self.http.post(
            path,
            json=body,
            headers={"User-Agent": agent, "X-Forwarded-User": person.name} | ({"Idempotency-Key": key} if key else {}),
        )
        if fails:
            assert reply.status_code >= 400, f"{path}: {reply.status_code}"
            self.refusals[f"reply {len(self.refusals)} of {path}"] = reply.content
            return None
        assert reply.is_success, f"{path}: {reply.status_code} {reply.text}"
        return reply.json()

    def asks(self, person: Person, question: str, **more: object) -> str:
        body = {"question": question, "user_id": person.name, "session_id": person.mail, **more}
        return str(self.send("/chat", body, person)["interaction_id"])


def visits(visit: Visit) -> list[str]:
    """Returns the corrections that were handed in."""
    corrections = []
    for person in PEOPLE[:10]:
        name = visit.asks(person, person.says(ASKED), history=[{"role": "user", "content": person.says("Hello.")}])
        common = {"interaction_id": name, "user_id": person.name}
        for kind in ("comment",) if person is not PEOPLE[0] else ("comment", "issue", "missing_knowledge"):
            visit.send("/feedback", {**common, "kind": kind, "value": person.says("It is wrong.")}, person)
        relevance = {"document_id": person.mail, "relevant": False}
        visit.send("/feedback", {**common, "kind": "passage_relevance", "value": relevance}, person)
        if person is not PEOPLE[0]:
            continue
        visit.send("/feedback", {**common, "kind": "thumb", "value": person.mail}, person, fails=True)
        visit.send("/feedback", {**common, "kind": person.mail, "value": True}, person, fails=True)
        visit.send("/feedback", {**common, "kind": "meant", "value": person.mail}, person, fails=True)
        visit.send("/feedback", {**common, "interaction_id": person.mail, "kind": "thumb"}, person, fails=True)
    for person in PEOPLE[10:20]:
        name = visit.asks(person, person.says(ASKED))
        handed: dict[str, Any] = {
            "interaction_id": name,
            "answer": person.says("It contains R290, which is propane."),
            "user_id": person.name,
        }
        corrections.append(str(visit.send("/corrections", handed, person, key=person.mail)["id"]))
        if person is not PEOPLE[10]:
            continue
        spans = [{"document_id": person.mail, "start": 0, "end": 9}]
        visit.send("/corrections", {**handed, "evidence": spans}, person, fails=True)
        visit.send("/corrections", {**handed, person.mail: person.name}, person, fails=True)
        note = {"verdict": person.mail, "note": person.says("No.")}
        visit.send(f"/review/{corrections[-1]}", note, person, fails=True)
        visit.send(f"/review/{person.mail}", {"verdict": "accept"}, person, fails=True)
    for person in PEOPLE[20:]:
        messages = [
            {"role": "system", "content": person.says("Be brief.")},
            {"role": "user", "content": person.says("Hello."), "name": person.first},
            {"role": "assistant", "content": f"Hello {person.first} {person.last}."},
            {"role": "user", "content": person.says(ASKED)},
        ]
        body: dict[str, Any] = {"model": "rag-flywheel", "messages": messages, "user": person.name}
        visit.send("/v1/chat/completions", {**body, "metadata": {"asked_by": person.name, "mail": person.mail}}, person)
        question = {"question": person.says("How is the filter cleaned?"), "documents": ["pages/pump.md"]}
        case = {"id": person.mail, **question, "question": person.says("How loud is the pump at night?")}
        visit.send("/golden/import", {"cases": [case]}, person)
        if person is not PEOPLE[20]:
            continue
        visit.send("/v1/chat/completions", {**body, "metadata": {"user_group": person.name}}, person, fails=True)
        visit.send("/v1/chat/completions", {**body, "model": person.mail}, person, fails=True)
        visit.send(f"/{person.mail}/{person.name}", body, person, fails=True)
        visit.send("/golden", {"question": person.says(ASKED), "documents": [person.mail]}, person, fails=True)
    return corrections


@pytest.fixture
def settled(project: Project) -> Project:
    """With a forum that people write to, and a language model and a receiver of webhooks elsewhere."""
    for number, person in enumerate(PEOPLE[:3]):
        tip = person.says("The pump of our house hums at night, and a rubber mat under it helped.")
        project.write(f"forum/{number}.md", f"# {person.name}\n\n{tip}\n")
    project.write(
        "config.yaml", "sources: [pages, {path: forum, trust: public}]\ngolden: ''\naccess: {own_reviews: true}\n"
    )
    return project


def test_nothing_of_thirty_people_is_left_in_what_is_written_or_sent(settled: Project) -> None:
    with OpenAIServer(reply="It contains R290 [1].") as model, Receiver() as receiver:
        settled.variables.update(
            RAG_FLYWHEEL_GENERATOR__KIND="openai_like",
            RAG_FLYWHEEL_GENERATOR__MODEL="test-model",
            RAG_FLYWHEEL_GENERATOR__URL=model.url,
            RAG_FLYWHEEL_GENERATOR__CACHED_ANSWERS="100",
            RAG_FLYWHEEL_WEBHOOK_URLS=receiver.url,
            RAG_FLYWHEEL_WEBHOOK_SECRET="a secret of enough length to be taken",
        )
        key = settled.run("keys", "create", "root", "--role", "admin", "--for-others")["key"]
        command = settled.start("serve", "--port", "0")
        try:
            url = "http://" + re.split("http://", command.out.readline())[1].strip()
            visit = Visit(url, key)
            with visit.http:
                corrections = visits(visit)
                for correction, person in zip(corrections, PEOPLE[10:], strict=False):
                    ruling = {
                        "verdict": "reject" if correction != corrections[0] else "accept",
                        "note": person.says("Why?"),
                    }
                    visit.send(f"/review/{correction}", ruling, person)
                shown = {
                    f"GET {path}": visit.http.get(path).content
                    for path in ("/gaps", "/golden", "/review", "/audit", "/metrics")
                }
        finally:
            command.process.terminate()
            _, out, err = command.ended()
        ended, told, said = settled.start("reindex").ended()
        assert ended in (0, 3, 4), said
        sent = {
            f"asked of the model {number}": json.dumps(each.body).encode() for number, each in enumerate(model.requests)
        }
        sent |= {f"webhook {number}": each.body for number, each in enumerate(receiver.requests)}
    assert sent
    written = dict(left(settled, apart="forum/"))
    assert any(ASKED.encode() in content for content in written.values()), "the questions themselves are kept"
    logs = {"server, out": out, "server, messages": err, "reindex, out": told, "reindex, messages": said}
    everything = written | sent | visit.refusals | shown | {name: text.encode() for name, text in logs.items()}
    found = traces_in(everything)
    assert not found, "\n".join(sorted({f"{place}: {trace}" for place, trace in found}))
