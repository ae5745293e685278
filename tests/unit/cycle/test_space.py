"""Whether the disk has room for another version, asked before anything is built."""

from pathlib import Path

import pytest

from ingest.reading.sources import SourceFile
from rag_flywheel import errors
from rag_flywheel.config import Source
from rag_flywheel.cycle import space
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import DiskUnavailable
from tests.fakes.services import services


def file_of(folder: Path, size: int) -> SourceFile:
    path = folder / "page.md"
    with path.open("wb") as file:
        file.truncate(size)
    return SourceFile(name=path.name, path=path, source=Source(path="page.md"))


def test_a_first_version_needs_room_for_what_it_is_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, file = services(tmp_path), file_of(tmp_path, 10_000_000)
    monkeypatch.setattr(errors, "free", lambda place: 120_000_000)
    space.check([file], made, live=None)
    with pytest.raises(DiskUnavailable, match=r"needs 136\.0 MB; 120\.0 MB are free"):
        space.check([file, file], made, live=None)


def test_a_later_version_needs_what_the_live_one_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, file = services(tmp_path), file_of(tmp_path, 10**9)
    folder = made.config.data / "index" / "v1"
    folder.mkdir(parents=True)
    (folder / "vectors").write_bytes(b"1" * 8_192_000)
    with (folder / "hole").open("wb") as hole:
        hole.truncate(10**9)
    monkeypatch.setattr(errors, "free", lambda place: 120_000_000)
    space.check([file], made, live=VersionId("v1"))
    monkeypatch.setattr(errors, "free", lambda place: 112_000_000)
    with pytest.raises(DiskUnavailable, match=r"needs 112\.4 MB"):
        space.check([file], made, live=VersionId("v1"))


def test_with_a_server_for_the_index_only_the_rest_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, file = services(tmp_path, text="index: {url: 'http://localhost:6333'}"), file_of(tmp_path, 10**9)
    monkeypatch.setattr(errors, "free", lambda place: 97_000_000)
    space.check([file], made, live=None)


def test_what_will_be_needed_is_told_without_knowing_which_version_is_live(tmp_path: Path) -> None:
    made = services(tmp_path, text="sources: [page.md]")
    file_of(tmp_path, 10_000_000)
    assert space.needed(made.config) == space.SPARE + 20_000_000
    folder = made.config.data / "index" / "v1"
    folder.mkdir(parents=True)
    (folder / "vectors").write_bytes(b"1" * 8_192_000)
    assert space.needed(made.config) == space.SPARE + 16_384_000
