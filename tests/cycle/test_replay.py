"""The replay as a command, with real models, on a small data set of its own."""

from pathlib import Path

import pytest

from tests.cycle.project import Project
from tests.fakes import beir

SETTINGS = """
sources: [pages]
golden: ""
reranker: {minimum_groups: 100}
gate: {minimum_cases: 1, resamples: 200}
generator: {minimum_similarity: 0.2}
"""


@pytest.fixture
def project(indexed: Project, tmp_path: Path) -> Project:
    """The pages are the user's own, which a replay has nothing to do with."""
    made = indexed.copy(tmp_path)
    made.write("config.yaml", SETTINGS)
    beir.write(tmp_path / "things")
    return made


def test_a_replay_that_was_killed_is_run_again_and_leaves_the_user_s_data_alone(project: Project) -> None:
    [live] = project.run("versions", "list")
    kept = _contents(project.folder / "data")
    words = ("replay", str(project.folder / "things"), "--mode", "gap", "--seeds", "1", "--methods", "flywheel,append")
    project.kill_at("probing flywheel", *words)
    page = project.folder / "page.html"
    result = project.run(*words, "--html", str(page))
    for method in ("flywheel", "append"):
        corrected = result["methods"][method]["corrected"]
        assert corrected["hit@1"]["before"] == 0.0  # the documents are gone
        assert corrected["hit@1"]["difference"] > 0.0
        assert corrected["semantic_similarity"]["after"] > corrected["semantic_similarity"]["before"]
        assert result["methods"][method]["untouched"]["hit@1"]["n"] > 0
    assert "6 corrections" in result["decisions"]["0"][0]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert _contents(project.folder / "data") == kept
    assert project.run("versions", "list") == [live]


def _contents(folder: Path) -> dict[str, bytes]:
    """Every file of the user's data by its name, but the ledger's log, which any reading may fold in."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix not in (".db-wal", ".db-shm"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
