"""What the doctor finds of this machine, with each thing broken for real."""

import contextlib
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_flywheel.cli.checkup import machine
from rag_flywheel.config import Config, Secrets
from tests.unit.cli.checkup.conftest import Look, settings


@pytest.mark.parametrize("name", ["disk", "port", "sources"])
def test_nothing_is_found_of_a_machine_in_order(look: Look, name: str) -> None:
    assert look(name).level == "ok"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB, which is next to what a version needs."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", place], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_disk_without_room_for_the_next_version_is_wrong_and_one_for_a_single_version_is_told(
    tmp_path: Path, small: Path
) -> None:
    (small / "data").mkdir()
    config = settings(tmp_path, f"data_dir: {small}/data\n")
    (found,) = machine.disk(config, Secrets())
    assert (found.level, found.expected) == ("warning", "twice 96.0 MB for the next version")
    (small / "filler").write_bytes(b"1" * 50_000_000)
    (found,) = machine.disk(config, Secrets())
    assert (found.level, found.expected) == ("wrong", "96.0 MB for the next version")
    with contextlib.suppress(OSError):
        (small / "more").write_bytes(b"1" * 100_000_000)
    (found,) = machine.disk(config, Secrets())
    assert (found.level, "nothing can be written" in found.found) == ("wrong", True)


def _at(number: int, folder: Path, host: str = "127.0.0.1") -> Config:
    config = settings(folder)
    return config.model_copy(update={"api": config.api.model_copy(update={"host": host, "port": number})})


def test_a_port_that_something_else_has_is_wrong(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        (found,) = machine.port(_at(number, tmp_path), Secrets())
    assert (found.level, str(number) in found.found) == ("wrong", True)
    assert "api.port" in found.do


def test_a_port_where_a_server_of_ours_answers_is_in_order(tmp_path: Path, url: str) -> None:
    number = int(url.rpartition(":")[2])
    (found,) = machine.port(_at(number, tmp_path), Secrets())
    assert (found.level, found.found) == ("ok", f"a rag-flywheel server answers at {url}")


def test_an_address_of_another_machine_is_wrong(tmp_path: Path) -> None:
    (found,) = machine.port(_at(8000, tmp_path, host="192.0.2.1"), Secrets())
    assert (found.level, "192.0.2.1:8000 cannot be used" in found.found) == ("wrong", True)


def test_a_source_that_is_gone_is_wrong(folder: Path, look: Look) -> None:
    (folder / "docs" / "page.md").unlink()
    assert (look("sources").level, "no file" in look("sources").found) == ("wrong", True)


def test_files_of_a_source_that_this_account_may_not_read_are_named() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        _look_as_nobody(Path(place))


def _look_as_nobody(folder: Path) -> None:
    with _as_nobody():
        (folder / "docs").mkdir()
        for name in ("open.md", "closed.md"):
            (folder / "docs" / name).write_text("# Reset\n\nHold the button.\n")
        (folder / "docs" / "closed.md").chmod(0)
        (found,) = machine.sources(settings(folder), Secrets())
        assert found.level == "wrong"
        assert found.found == "docs: of 2 files cannot be opened: docs/closed.md"
        assert "chmod" in found.do


@contextlib.contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may read everything, so the block is somebody else's."""
    before, root = Path.cwd(), os.geteuid() == 0
    if root:
        os.chdir("/")
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
            os.chdir(before)
