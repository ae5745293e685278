"""What a disk that is full, read-only or failing is told as."""

import errno
from pathlib import Path

import pytest

from rag_flywheel.errors import DiskUnavailable, check_room, free, on_disk


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG])
def test_a_fault_of_the_disk_names_the_place_and_what_is_free(number: int, tmp_path: Path) -> None:
    with pytest.raises(DiskUnavailable, match=r"the disk that holds .* MB are free") as raised, on_disk(tmp_path):
        raise OSError(number, "said by the system")
    assert str(tmp_path) in str(raised.value)
    assert (raised.value.exit_code, raised.value.http_status) == (7, 503)


def test_the_file_that_could_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DiskUnavailable, match=r"report\.json"), on_disk(tmp_path):
        raise OSError(errno.ENOSPC, "no space", str(tmp_path / "report.json"))


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), on_disk(tmp_path):
        (tmp_path / "nothing").read_bytes()


def test_room_that_is_not_there_is_told_beside_what_is_needed(tmp_path: Path) -> None:
    check_room(tmp_path / "not" / "yet", 1)
    with pytest.raises(DiskUnavailable, match=r"needs [\d,]+\.\d MB; [\d,]+\.\d MB are free"):
        check_room(tmp_path, free(tmp_path) + 10**12)
