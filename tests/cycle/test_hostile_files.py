"""A whole cycle over good files, with hostile ones among them."""

from pathlib import Path

from ingest.reading.formats import SUFFIXES
from tests.cycle.project import Project
from tests.fakes import hostile, sound


def test_good_files_go_live_and_hostile_ones_are_named(tmp_path: Path) -> None:
    project = Project(folder=tmp_path)
    pages = tmp_path / "pages"
    pages.mkdir()
    harmful = {name: make() for name, make in hostile.MUST_BE_NAMED.items() if Path(name).suffix in SUFFIXES}
    for name, data in {**harmful, **sound.files()}.items():
        (pages / name).write_bytes(data)
    project.write(
        "config.yaml",
        "sources: [pages]\ngolden: ''\ningest: {file_seconds: 6, file_memory_mb: 512, file_unpacked_mb: 50}\n",
    )
    result = project.run("reindex")
    assert result["decision"] == "promoted", result["reasons"]
    assert result["counts"]["documents"] == len(sound.files()) >= 30
    named = {left_out["name"].removeprefix("pages/").partition(":")[0] for left_out in result["skipped"]}
    assert len(harmful) >= 50
    assert harmful.keys() - named == set()
    assert not any(hostile.MARK in left_out["reason"] for left_out in result["skipped"])
    again = project.run("reindex")
    assert again["decision"] == "unchanged"
