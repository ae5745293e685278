"""Versions: listed, compared, put back, and the report on one."""

import json
from pathlib import Path

from rag_flywheel.cli.invocation import DEMO
from rag_flywheel.services import Services
from tests.unit.cli.conftest import Run

QUESTION = "How do I put the previous version back?"


def test_versions_are_listed_shown_and_compared(run: Run, url: str) -> None:
    listed = json.loads(run("--url", url, "--json", "versions", "list")[1])
    assert [version["version"] for version in listed] == ["v1", "v2"]
    assert {"version", "state", "created", "counts"} <= set(listed[0])
    assert json.loads(run("--url", url, "--json", "versions", "show", "v1")[1])["version"] == "v1"
    assert json.loads(run("--url", url, "--json", "versions", "diff", "v1", "v2")[1])["to"] == "v2"
    assert "Index versions" in run("--url", url, "versions", "list")[1]


def test_a_roll_back_prints_what_is_live_and_what_was(run: Run, url: str) -> None:
    live = json.loads(run("--url", url, "--json", "ask", QUESTION)[1])["version"]
    assert json.loads(run("--url", url, "rollback", "--to", "v1", "--json")[1]) == {"live": "v1", "was": live}
    assert json.loads(run("--url", url, "promote", "v2", "--json")[1]) == {"live": "v2", "was": "v1"}
    assert json.loads(run("--url", url, "rollback", "--json")[1]) == {"live": "v1", "was": "v2"}


def test_a_roll_back_says_that_the_next_reindex_takes_corrections_in_again_and_how_not(run: Run, url: str) -> None:
    said = run("--url", url, "rollback", "--to", "v1")[1]
    run("--url", url, "promote", "v2")
    for told in (
        "next version that is built takes all accepted corrections in again",
        "--verdict reject",
        "rag-flywheel freeze",
    ):
        assert told in said


def test_who_builds_on_a_server_is_told_at_once_that_it_takes_time_and_where(run: Run, url: str) -> None:
    _, _, complaint = run("--url", url, "reindex", "--json")
    assert f"{url} builds and scores a version, which takes minutes" in complaint


def test_who_has_no_version_is_told_where_those_of_the_demo_are(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{sources: [docs], privacy: {consent: assumed}}")
    assert "RAG_FLYWHEEL_DATA_DIR" not in run("versions", "list")[1]
    left = tmp_path / "data" / "demo"
    left.mkdir(parents=True)
    (left / DEMO).touch()
    for command in (("versions", "list"), ("ask", QUESTION), ("report",), ("rollback",)):
        _, said, complaint = run(*command)
        assert f"RAG_FLYWHEEL_DATA_DIR={left}" in said + complaint, command


def test_a_report_is_written_as_a_page_and_printed_unwrapped(
    run: Run, url: str, made: Services, tmp_path: Path
) -> None:
    folder = made.reports / "v2"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text("<p>page</p>")
    (folder / "report.json").write_text('{"outcome": "passed"}')
    (folder / "report.md").write_text("| " + "x" * 150 + " | :warning: [bold]")
    assert json.loads(run("--url", url, "report", "v2", "--json")[1]) == {"outcome": "passed"}
    assert "x" * 150 + " | :warning: [bold]" in run("--url", url, "report")[1]
    assert run("--url", url, "report", "v2", "--html", "page.html")[0] == 0
    assert (tmp_path / "page.html").read_text() == "<p>page</p>"
