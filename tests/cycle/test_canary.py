"""Two candidates on trial with real commands, a real server and real models: people dislike one, and like the other."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cycle.pages import ANSWER, ASKED, REWORDED
from tests.cycle.project import Project, Server

PEOPLE = 240  # at most; the verdict comes after about 80
SETTINGS = """
sources: [pages]
golden: ''
canary:
  strategy: canary
  shares: [0.5]
  minimum_hours: 0
  minimum_people: 5
  seconds_between_looks: 0.2
"""


@pytest.fixture
def project(indexed: Project, tmp_path: Path) -> Project:
    made = indexed.copy(tmp_path)
    made.write("config.yaml", SETTINGS)
    return made


def state(server: Server) -> str:
    return str(server.get("/canary")["canary"]["state"])


def judged(server: Server, likes: Callable[[Any], bool], *, round: str) -> dict[str, list[Any]]:
    """People ask one after the other and say what they think, until the server has come to a verdict. Their replies by
    arm; whoever asks twice is on the same arm twice.
    """
    replies: dict[str, list[Any]] = {"control": [], "treatment": []}

    def meet(number: int) -> None:
        if number % 20 == 0 and state(server) != "running":
            return
        asked = {"question": REWORDED, "user_id": f"{round} {number}"}
        reply = server.post("/chat", asked)
        thumb = "up" if likes(reply) else "down"
        said = {"interaction_id": reply["interaction_id"], "kind": "thumb", "value": thumb, "user_id": asked["user_id"]}
        server.post("/feedback", said)
        if reply["canary"] is not None:
            replies[reply["arm"]].append(reply)
        if number < 10:
            again = server.post("/chat", {**asked, "session_id": "another"})
            if again["canary"] == reply["canary"]:
                assert (again["arm"], again["version"]) == (reply["arm"], reply["version"])

    with ThreadPoolExecutor(max_workers=4) as pool:
        for start in range(0, PEOPLE, 20):
            list(pool.map(meet, range(start, start + 20)))
            if state(server) != "running":
                break
    end = time.monotonic() + 20
    while state(server) == "running":
        assert time.monotonic() < end, server.get("/canary")
        time.sleep(0.1)
    return replies


def test_a_server_rolls_back_the_candidate_that_people_dislike_and_promotes_the_one_they_like(project: Project) -> None:
    with project.server() as server:
        first = server.get("/health")["live"]
        correct(server, ASKED, ANSWER)
        second = project.run("reindex")
        assert second["decision"] == "canary", second["reasons"]
        assert server.get("/health")["live"] == first

        met = judged(server, lambda reply: reply["arm"] == "control", round="first")
        assert {reply["version"] for reply in met["control"]} == {first}
        assert {reply["version"] for reply in met["treatment"]} == {second["version"]}
        assert {reply["answer"] for reply in met["treatment"]} == {ANSWER}
        assert ANSWER not in {reply["answer"] for reply in met["control"]}
        ended = server.get("/canary")["canary"]
        assert ended["state"] == "rolled_back"
        assert "the candidate is worse" in ended["reasons"][0]
        assert server.ask(REWORDED)["version"] == first

        correct(server, "Who may open the boiler?", "Only a certified fitter may open it.")
        third = project.run("reindex")
        assert third["decision"] == "canary", third["reasons"]
        with ThreadPoolExecutor() as pool:
            ticks = [pool.submit(project.run, "canary", "tick") for _ in range(2)]
            judged(server, lambda reply: reply["arm"] == "treatment", round="second")
            assert {tick.result()["action"] for tick in ticks} <= {"none", "hold", "promote"}
        assert server.get("/canary")["canary"]["state"] == "promoted"
        reply = server.ask(REWORDED)
        assert (reply["version"], reply["answer"], reply["arm"], reply["canary"]) == (
            third["version"],
            ANSWER,
            "control",
            None,
        )
    states = {version["version"]: version["state"] for version in project.run("versions", "list")}
    assert states == {first: "retired", second["version"]: "rolled_back", third["version"]: "live"}


def correct(server: Server, question: str, answer: str) -> None:
    """A correction that is accepted at once."""
    asked = server.ask(question)
    receipt = server.post("/corrections", {"interaction_id": asked["interaction_id"], "answer": answer})
    server.accept(receipt["id"])
