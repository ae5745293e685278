"""Whatever a check does, the others are made."""

import ctypes
import os
import sys
import time
from pathlib import Path

from rag_flywheel.cli.checkup import apart
from rag_flywheel.cli.checkup.finding import Finding, Level, Skip, ok
from rag_flywheel.config import Config, Secrets
from tests.unit.cli.checkup.conftest import settings


def fine(config: Config, secrets: Secrets) -> list[Finding]:
    sys.stdout.write("what a vendor prints")
    return [ok("fine", f"process {os.getpid()}")]


def hangs(config: Config, secrets: Secrets) -> list[Finding]:
    time.sleep(600)
    return []


def crashes(config: Config, secrets: Secrets) -> list[Finding]:
    ctypes.string_at(0)
    return []


def fails(config: Config, secrets: Secrets) -> list[Finding]:
    raise KeyError("of http://me:hunter2@localhost/")


def skips(config: Config, secrets: Secrets) -> list[Finding]:
    raise Skip("nothing to see")


def test_a_check_that_hangs_crashes_or_fails_is_one_finding_and_the_others_are_made(tmp_path: Path) -> None:
    every = {"fails": fails, "hangs": hangs, "crashes": crashes, "skips": skips, "fine": fine}
    began = time.monotonic()
    found = {each.check: each for each in apart.run(list(every), every, settings(tmp_path), Secrets(), seconds=3)}
    assert time.monotonic() - began < 120
    assert list(found) == list(every)
    levels = [each.level for each in found.values()]
    assert levels == [Level.WRONG, Level.WRONG, Level.WRONG, Level.SKIPPED, Level.OK]
    assert found["hangs"].found == "no answer within 3 seconds"
    assert "SIGSEGV" in found["crashes"].found
    assert found["fails"].found.startswith("KeyError at test_apart.py:")
    assert "hunter2" not in found["fails"].found
    assert str(os.getpid()) not in found["fine"].found
