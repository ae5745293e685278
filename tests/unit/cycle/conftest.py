"""What the tests of this folder share."""

from pathlib import Path

import pytest

from rag_flywheel.services import Services
from tests.fakes.gate import once_a_session
from tests.unit.cycle.house import House, built_in
from tests.unit.cycle.household import four_pages

__all__ = ["once_a_session"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return built_in(tmp_path)


@pytest.fixture
def household(tmp_path: Path) -> Services:
    return four_pages(tmp_path)
