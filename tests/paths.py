"""Where the tests find the project, and the data sets that are kept outside it."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("RAG_FLYWHEEL_DATA") or ROOT.parent / "shared" / "data")
"""Absent where nobody put them there: a test that needs a set says so when it is skipped."""
