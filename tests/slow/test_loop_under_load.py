"""The loop where it is hardest: killed at every stage, and asked by many people while the alias moves all the time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.cycle.pages import ANSWER, ASKED, REWORDED
from tests.cycle.project import AS_PROMISED, Project, killed_at

STAGES = ("reading files", "embedding passages", "learning", "answering", "scoring", "deciding", "deploying")


def test_a_run_killed_at_any_stage_leaves_the_live_version_and_the_next_run_succeeds(project: Project) -> None:
    assert killed_at(STAGES, project) == dict.fromkeys(STAGES, AS_PROMISED)


def test_no_request_fails_and_no_answer_mixes_versions_while_the_alias_moves(project: Project) -> None:
    """200 questions while the alias moves 20 times: each answer is wholly of the version that it names."""
    with project.server() as server:
        first = server.get("/health")["live"]
        asked = server.ask(ASKED)
        receipt = server.post("/corrections", {"interaction_id": asked["interaction_id"], "answer": ANSWER})
        server.accept(receipt["id"])
        second = project.run("reindex")["version"]
        done = threading.Event()
        moves = 0

        def move() -> int:
            nonlocal moves
            while not done.is_set() or moves < 20:
                server.post("/promote", {"version": first if moves % 2 == 0 else second})
                moves += 1
            return moves

        with ThreadPoolExecutor(max_workers=21) as pool:
            mover = pool.submit(move)
            replies: list[Any] = list(pool.map(lambda _: server.ask(REWORDED), range(200)))
            done.set()
            assert mover.result() >= 20
    versions = {reply["version"] for reply in replies}
    assert versions == {first, second}
    for reply in replies:
        corrected = reply["answer"] == ANSWER
        assert corrected == (reply["version"] == second)
        cites_correction = any(citation["document_id"].startswith("correction:") for citation in reply["citations"])
        assert cites_correction == corrected
