"""The folder that a backup at a URL is made of stays nowhere, whatever ends the run."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rag_flywheel.cli.backups import elsewhere

PROGRAM = """
import sys, time
from rag_flywheel.cli.backups import elsewhere
with elsewhere.written(sys.argv[1], replaces=True) as folder:
    folder.mkdir()
    (folder / "ledger.dump").write_text("what people said")
    print("written", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_run_left_is_cleared_by_the_next_and_what_is_under_way_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    monkeypatch.setattr(tempfile, "tempdir", None)
    command = [sys.executable, "-P", "-c", PROGRAM, f"file://{tmp_path}/monday.tar.gz"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            with elsewhere.written(f"file://{tmp_path}/tuesday.tar.gz", replaces=True) as folder:
                folder.mkdir()
            assert len(list(room.glob("*/backup/ledger.dump"))) == 1
        finally:
            process.send_signal(signal.SIGTERM)
    assert len(list(room.glob("*/backup/ledger.dump"))) == 1
    with elsewhere.written(f"file://{tmp_path}/tuesday.tar.gz", replaces=True) as folder:
        folder.mkdir()
    assert list(room.iterdir()) == []
