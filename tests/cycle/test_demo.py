"""The demo on the project's own handbook."""

import os
import subprocess
import sys
from pathlib import Path

from rag_flywheel.cli.demo import ASKED, CORRECTION, REWORDED
from tests.cycle.project import SECONDS
from tests.paths import ROOT


def test_the_demo_turns_the_loop_on_the_handbook_and_ends(tmp_path: Path) -> None:
    """It ends with an error unless the correction went live, was answered in other words, and was rolled back."""
    quicker = {
        "RAG_FLYWHEEL_DATA_DIR": str(tmp_path),
        "RAG_FLYWHEEL_GATE__KNOWN_ITEMS": "30",
        "RAG_FLYWHEEL_RERANKER__MINIMUM_GROUPS": "1000",  # tuning has tests of its own
        "COLUMNS": "400",
    }
    done = subprocess.run(
        [sys.executable, "-m", "rag_flywheel", "--config", str(ROOT / "config.yaml"), "demo", "--no-serve"],
        env={**os.environ, "HF_HUB_OFFLINE": "1", **quicker},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ASKED in done.stdout
    assert done.stdout.count(REWORDED) >= 4  # before, after, rolled back, and the summary
    assert done.stdout.count(CORRECTION) == 2  # the answer after the correction, and the summary
    assert "The gate" in done.stdout
