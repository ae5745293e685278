"""A disk that is really full: a small file system in a file, where the machine lets one be mounted."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_flywheel.adapters.index.edge_index import ROOM, EdgeIndex
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.locks import file_lock
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import DiskUnavailable, free
from tests.fakes.doors import door
from tests.fakes.encoder import HashingEncoder
from tests.fakes.keys import keys_in
from tests.fakes.samples import chunk
from tests.fakes.services import DIMENSION, entries, publish, services

SIZE = ROOM + 46_000_000  # bytes


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty ext4 file system of about SIZE bytes. Not tmpfs, which stores a hole as soon as it is read."""
    place, image = tmp_path / "disk", tmp_path / "image"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    steps = (["mkfs.ext4", "-q", "-m", "0", image], ["mount", "-o", "loop", image, place])
    try:
        done = all(subprocess.run(step, capture_output=True).returncode == 0 for step in steps)
    except FileNotFoundError:
        done = False
    if not done:
        pytest.skip("no file system can be made and mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextlib.contextmanager
def filled(disk: Path, *, but: int = 0) -> Iterator[None]:
    """Nothing is left of the disk but `but` bytes, until the end of the block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for _ in range(3):
            os.sync()  # what is still to be written takes its blocks, and what is gone gives its own back
            with contextlib.suppress(OSError):
                while free(disk) > but:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), min(free(disk) - but, 1_000_000))
                while but == 0:
                    file.write(b"0")
    try:
        yield
    finally:
        filler.unlink()


def build(index: EdgeIndex, name: str, count: int) -> None:
    encoder = HashingEncoder(DIMENSION)
    chunks = [chunk(f"d{number}", f"Page {number} says how the pump {number} is put back.") for number in range(count)]
    batches = (entries(chunks[at : at + 100], encoder) for at in range(0, count, 100))
    index.build(VersionId(name), dimension=DIMENSION, batches=batches)


def test_a_build_without_room_says_so_leaves_nothing_and_succeeds_when_there_is_room(disk: Path) -> None:
    index = EdgeIndex(disk / "index")
    build(index, "v1", 10)
    with filled(disk, but=ROOM // 2), pytest.raises(DiskUnavailable, match=r"needs 64\.0 MB; 3\d\.\d MB are free"):
        build(index, "v2", 10)
    assert index.versions() == ["v1"]
    assert index.discard_partial() == []
    assert len(list(index.chunks(VersionId("v1")))) == 10
    build(index, "v2", 10)
    assert index.versions() == ["v1", "v2"]


def test_a_build_that_fills_the_disk_ends_with_an_error_and_not_with_its_process(disk: Path) -> None:
    index = EdgeIndex(disk / "index")
    with filled(disk, but=ROOM + 3_000_000), pytest.raises(DiskUnavailable, match="MB are free"):
        build(index, "v1", 2_000)
    assert index.versions() == []
    assert index.discard_partial() == []


def test_a_full_disk_is_named_by_whoever_asks_and_the_server_goes_on_when_there_is_room(disk: Path) -> None:
    ledger = open_ledger(
        sqlite_url(disk / "ledger.db"), timeout=1.0, lock_folder=disk / "locks", keys=keys_in(disk / "locks")
    )
    made = services(disk, ledger=ledger)
    publish(made, "v1")
    http = door(made)
    asked = {"question": "How do I put the previous version back? " + "Please tell me. " * 500}
    assert http.post("/chat", json=asked).status_code == 200
    with filled(disk):
        replies = [http.post("/chat", json=asked) for _ in range(5)]
        assert replies[-1].status_code == 503
        assert replies[-1].json()["error"] == "DiskUnavailable"
        assert str(disk) in replies[-1].json()["detail"]
        assert "ledger.url" not in replies[-1].text
        assert http.get("/health").status_code == 200
    assert http.post("/chat", json=asked).status_code == 200
    ledger.close()


def test_a_lock_and_an_index_on_a_full_disk_name_it(disk: Path) -> None:
    index = EdgeIndex(disk / "index")
    build(index, "v1", 1)
    (disk / "locks").mkdir()
    with filled(disk), file_lock("reindex", folder=disk / "locks"):
        pass  # the lock holds, although nobody could note who has it
    with filled(disk), pytest.raises(DiskUnavailable, match="is full"):
        index.move_live(VersionId("v1"), expected=None)
    assert index.live() is None
    with filled(disk):  # what is there can be opened and read
        assert len(list(EdgeIndex(disk / "index").chunks(VersionId("v1")))) == 1
    index.move_live(VersionId("v1"), expected=None)
    assert index.live() == "v1"
