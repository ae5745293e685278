"""The loop with real commands, a real server and real models, on a small corpus."""

from tests.cycle.pages import ANSWER, ASKED, PAGES, REWORDED
from tests.cycle.project import AS_PROMISED, Project, killed_at


def test_a_correction_goes_through_review_and_gate_to_an_answer_and_back(project: Project) -> None:
    """The issue's sentence, in commands: ask, correct, review, reindex, ask in other words, roll back."""
    assert project.run("reindex")["decision"] == "unchanged"
    with project.server() as server:
        first = server.get("/health")["live"]
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
        assert [correction["id"] for correction in project.run("review", "list")] == [receipt["id"]]
        assert project.run("reindex")["decision"] == "unchanged", "a correction that nobody reviewed changes nothing"
        for reviewer in ("grace", "edsger"):  # what a new author says first is held for a second one
            project.run("review", "decide", receipt["id"], "--verdict", "accept", "--reviewer", reviewer)

        second = project.run("reindex")
        assert second["decision"] == "promoted", second["reasons"]
        after = server.ask(REWORDED)
        assert after["answer"] == ANSWER
        assert after["version"] == second["version"]
        assert server.ask("How do I clean the filter?")["answer"] == known["answer"]
        became = server.get(f"/corrections/{receipt['id']}")
        assert (became["status"], became["version"]) == ("live", second["version"])

        assert project.run("rollback") == {"live": first, "was": second["version"]}
        assert server.ask(REWORDED)["answer"] == before["answer"]
        assert project.run("reindex")["decision"] == "unchanged", "what was rolled back does not come back by itself"
        assert project.run("promote", second["version"])["live"] == second["version"]
        assert server.ask(REWORDED)["answer"] == ANSWER
    states = {version["version"]: version["state"] for version in project.run("versions", "list")}
    assert states == {first: "retired", second["version"]: "live"}


def test_a_document_that_left_its_source_leaves_the_next_version(project: Project) -> None:
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
    assert {file["name"] for file in result["skipped"]} == {"pages/empty.md", "pages/broken.pdf"}


def test_a_second_run_is_refused_while_one_is_on(project: Project) -> None:
    project.write("pages/new.md", "# Radiators\n\nBleed every radiator once a year with the square key.\n")
    with project.stopped_at("reading files", "reindex") as first:
        project.run("reindex", code=6)
        first.go_on()
        assert first.ended()[0] == 0


def test_a_run_that_is_killed_leaves_the_live_version_and_the_next_run_succeeds(project: Project) -> None:
    """While the version is written, when it is known to nobody, and when only the alias is to be moved."""
    stages = ("embedding passages", "deciding", "deploying")
    assert killed_at(stages, project) == dict.fromkeys(stages, AS_PROMISED)
