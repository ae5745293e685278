"""The demo on the project's own handbook, with the project's own settings."""

from pathlib import Path

from tests.cycle.project import Project
from tests.cycle.test_demo import SHOWN, demonstrated
from tests.paths import ROOT


def test_the_demo_turns_the_loop_on_the_handbook_and_ends(tmp_path: Path) -> None:
    quicker = {
        "RAG_FLYWHEEL_DATA_DIR": str(tmp_path),
        "RAG_FLYWHEEL_GATE__KNOWN_ITEMS": "30",
        "RAG_FLYWHEEL_RERANKER__MINIMUM_GROUPS": "1000",  # tuning has tests of its own
    }
    assert demonstrated(Project(folder=ROOT, variables=quicker)) == SHOWN
