"""Folders as archives at URLs: they come back as they were, and are there whole or not at all."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_flywheel.adapters import archive
from rag_flywheel.errors import ConfigError, Damaged, InvalidInput, Unavailable
from tests.s3 import bucket


@pytest.fixture(params=["file", "s3"])
def base(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty folder or bucket."""
    if request.param == "file":
        (tmp_path / "there").mkdir()
        yield f"file://{tmp_path}/there"
        return
    with bucket() as made:
        for name, value in made.variables.items():
            monkeypatch.setenv(name, value)
        yield made.url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backup"
    (made / "index/v1").mkdir(parents=True)
    (made / "backup.json").write_text("{}")
    with (made / "index/v1/shard").open("wb") as file:
        file.write(os.urandom(6_000_000))  # more than one part of an upload
        file.seek(50_000_000, os.SEEK_CUR)
        file.write(b"end")
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_comes_back_as_it_was_with_its_holes(base: str, folder: Path, tmp_path: Path) -> None:
    url = f"{base}/monday.tar.gz"
    assert not archive.exists(url)
    archive.send(folder, url)
    assert archive.exists(url)
    archive.fetch(url, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)
    shard = tmp_path / "back/index/v1/shard"
    assert 512 * shard.stat().st_blocks < 8_000_000
    assert shard.stat().st_mode & 0o777 == 0o600


def test_what_is_sent_again_takes_the_place_of_what_was(base: str, folder: Path, tmp_path: Path) -> None:
    url = f"{base}/monday.tar.gz"
    archive.send(folder, url)
    (folder / "backup.json").write_text('{"newer": true}')
    archive.send(folder, url)
    archive.fetch(url, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


def test_an_archive_that_breaks_off_while_it_is_sent_is_not_there_in_part(base: str, folder: Path) -> None:
    unread = folder / "zzz"  # the last one
    unread.write_text("changes")
    os.truncate(unread, 20_000_000)

    class Shrinking(tarfile.TarFile):
        """Somebody cuts the file once its length was written down."""

        def addfile(self, tarinfo: tarfile.TarInfo, fileobj: Any = None) -> None:
            if tarinfo.name == "zzz":
                os.truncate(unread, 10)
            super().addfile(tarinfo, fileobj)

    url = f"{base}/monday.tar.gz"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag_flywheel.adapters.archive.tarfile.open", Shrinking.open)
        with pytest.raises(Unavailable):
            archive.send(folder, url)
    assert not archive.exists(url)


def test_an_archive_that_was_cut_is_damaged(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "monday.tar.gz"
    url = f"file://{file}"
    archive.send(folder, url)
    for size in (file.stat().st_size - 4, 100):
        os.truncate(file, size)
        with pytest.raises(Damaged, match="no whole archive"):
            archive.fetch(url, tmp_path / f"back{size}")


def test_an_archive_on_this_machine_is_for_its_owner_alone(folder: Path, tmp_path: Path) -> None:
    archive.send(folder, f"file://{tmp_path}/monday.tar.gz")
    assert (tmp_path / "monday.tar.gz").stat().st_mode & 0o777 == 0o600


def test_a_signature_in_a_url_is_told_to_nobody(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing at .*/sunday.tar.gz: ") as raised:
        archive.fetch(f"file://{tmp_path}/sunday.tar.gz?signature=secret", tmp_path / "back")
    assert "secret" not in str(raised.value)


def test_what_is_not_there_is_named(base: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing at"):
        archive.fetch(f"{base}/sunday.tar.gz", tmp_path / "back")


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("s3://key:secret@bucket/monday.tar.gz", InvalidInput, "holds no key"),
        ("s3://key:se/secret@bucket/monday.tar.gz", InvalidInput, "holds no key"),
        ("nosuch://bucket/monday.tar.gz", InvalidInput, "no store is known"),
        ("gs://bucket/monday.tar.gz", ConfigError, "not installed"),
        ("abfs://container@account.dfs.core.windows.net/monday.tar.gz", ConfigError, "not installed"),
        ("sftp://backup@host/monday.tar.gz", ConfigError, "not installed"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_is_to_be_done(url: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        archive.exists(url)
    assert "secret" not in str(raised.value)


def test_a_store_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("s3fs")
    for name, value in {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "zygote")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Unavailable, match=r"s3://bucket gave or took nothing") as raised:
        archive.exists("s3://bucket/monday.tar.gz")
    assert "zygote" not in str(raised.value)
