"""The loop with real commands, a real server and real models, on a small corpus."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cycle.project import Project

PAGES = {
    "boiler.md": """# The boiler

## Lighting the boiler

Turn the gas tap to the left. Hold the ignition button for ten seconds until the flame stays lit.

## Setting the water temperature

The dial on the front sets the water temperature between 40 and 70 degrees Celsius.

## Draining the boiler

Close the inlet valve, connect a hose to the drain cock and open it until no more water comes.
""",
    "pump.md": """# The heat pump

## Defrosting

The outdoor unit defrosts by itself every ninety minutes in frosty weather. Steam is normal while it does.

## Cleaning the filter

Pull the filter out of the indoor unit, rinse it under cold water and let it dry for a day.

## Noise at night

The silent mode lowers the fan speed between ten in the evening and six in the morning.
""",
    "warranty.txt": "The warranty lasts five years from the day of purchase. Keep the receipt as a proof.\n",
}
ASKED = "Which refrigerant does the heat pump contain?"
REWORDED = "What refrigerant is inside the heat pump?"
ANSWER = "It contains R290, which is propane: 1.2 kilograms of it."


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(folder=tmp_path)
    for name, text in PAGES.items():
        made.write(f"pages/{name}", text)
    made.write("config.yaml", "sources: [pages]\ngolden: ''\n")
    return made


def test_a_correction_goes_through_review_and_gate_to_an_answer_and_back(project: Project) -> None:
    """The issue's sentence, in commands: ask, correct, review, reindex, ask in other words, roll back."""
    first = project.run("reindex")
    assert first["decision"] == "promoted"
    assert project.run("reindex")["decision"] == "unchanged"
    with project.server() as server:
        known = server.ask("How do I clean the filter?")
        assert known["answered"]
        assert "rinse it under cold water" in known["answer"]
        cited = known["citations"][0]
        page = PAGES["pump.md"]
        assert cited["document_id"] == "pages/pump.md"
        assert " ".join(page[cited["start"] : cited["end"]].split()) == " ".join(cited["text"].split())

        asked = server.ask(ASKED)
        before = server.ask(REWORDED)
        assert ANSWER not in before["answer"]
        receipt = project.run("correct", asked["interaction_id"], "--answer", ANSWER, "--user", "ada")
        assert receipt["status"] == "pending"
        assert [one["id"] for one in project.run("review", "list")] == [receipt["id"]]
        assert project.run("reindex")["decision"] == "unchanged", "a correction that nobody reviewed changes nothing"
        project.run("review", "decide", receipt["id"], "--verdict", "accept", "--url", server.url)

        second = project.run("reindex")
        assert second["decision"] == "promoted", second["reasons"]
        after = server.ask(REWORDED)
        assert after["answer"] == ANSWER
        assert after["version"] == second["version"]
        assert server.ask("How do I clean the filter?")["answer"] == known["answer"]
        became = server.get(f"/corrections/{receipt['id']}")
        assert (became["status"], became["version"]) == ("live", second["version"])

        assert project.run("rollback") == {"live": first["version"], "was": second["version"]}
        assert server.ask(REWORDED)["answer"] == before["answer"]
        assert project.run("reindex")["decision"] == "unchanged", "what was rolled back does not come back by itself"
        assert project.run("promote", second["version"])["live"] == second["version"]
        assert server.ask(REWORDED)["answer"] == ANSWER
    states = {one["version"]: one["state"] for one in project.run("versions", "list")}
    assert states == {first["version"]: "retired", second["version"]: "live"}


def test_a_document_that_left_its_source_leaves_the_next_version(project: Project) -> None:
    project.run("reindex")
    (project.folder / "pages/warranty.txt").unlink()
    project.variables["RAG_FLYWHEEL_GUARDRAILS__MAXIMUM_SHRINK"] = "0.5"
    result = project.run("reindex")
    assert (result["decision"], result["counts"]["documents"]) == ("promoted", 2)
    reply = project.run("ask", "How long does the warranty last?")
    assert all(citation["document_id"] != "pages/warranty.txt" for citation in reply["citations"])


def test_unreadable_and_empty_files_are_named_and_skipped(project: Project) -> None:
    project.write("pages/empty.md", "")
    (project.folder / "pages/broken.pdf").write_bytes(b"%PDF-1.7 this is no PDF")
    result = project.run("reindex")
    assert result["decision"] == "promoted"
    assert {one["name"] for one in result["skipped"]} == {"pages/empty.md", "pages/broken.pdf"}


def test_a_second_run_is_refused_while_one_is_on(project: Project) -> None:
    project.run("reindex")
    project.write("pages/new.md", "# Radiators\n\nBleed every radiator once a year with the square key.\n")
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(project.exit_code, "reindex") for _ in range(2)]
        ended = sorted(run.result() for run in runs)
    assert ended == [0, 6]


STAGES = ("reading files", "embedding passages", "learning", "answering", "scoring", "deciding", "deploying")


def test_a_run_killed_at_any_stage_leaves_the_live_version_and_the_next_run_succeeds(project: Project) -> None:
    project.variables["RAG_FLYWHEEL_PRIVACY__REDACT"] = "false"  # loading Presidio is half of a run as small as these
    live = project.run("reindex")["version"]
    with project.server() as server:
        for number, stage in enumerate(STAGES):
            project.write(
                f"pages/extra{number}.md", f"# Extra {number}\n\nPart number {number} needs {number} new screws.\n"
            )
            assert project.kill_at(stage, "reindex"), f"the stage {stage!r} never came"
            reply = server.ask("How do I clean the filter?")
            assert "rinse it under cold water" in reply["answer"]
            assert reply["version"] == live or stage == "deploying"
            result = project.run("reindex")
            assert result["decision"] in ("promoted", "unchanged"), (stage, result)
            live = server.get("/health")["live"]
            kept = {one["version"] for one in project.run("versions", "list")}
            assert {path.name for path in (project.folder / "data/index").glob("v*")} == kept


def test_no_request_fails_and_no_answer_mixes_versions_while_the_alias_moves(project: Project) -> None:
    """200 questions while the alias moves 20 times: each answer is wholly of the version that it names."""
    first = project.run("reindex")["version"]
    with project.server() as server:
        asked = server.ask(ASKED)
        receipt = server.post("/corrections", {"interaction_id": asked["interaction_id"], "answer": ANSWER})
        server.post(f"/review/{receipt['id']}", {"verdict": "accept"})
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
