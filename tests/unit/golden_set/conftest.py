"""The golden set that the tests of this folder begin with."""

from pathlib import Path

import pytest

from rag_flywheel.services import Services
from tests.fakes.services import services
from tests.unit.golden_set.builders import DOCS, SETTINGS, folder


@pytest.fixture
def made(tmp_path: Path) -> Services:
    (tmp_path / "docs").mkdir()
    for name, text in DOCS.items():
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n\n{text}\n", encoding="utf-8")
    folder(tmp_path, {"q1": "How do I install it?"}, {"q1": ["docs/install.md"]})
    return services(tmp_path, text=SETTINGS)
