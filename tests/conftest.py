"""Fixtures that several modules share, by the module that defines them; and the order of the tests."""

import os

import pytest

os.environ.setdefault("RAG_FLYWHEEL_PRIVACY__CONSENT", "assumed")
"""Settings have to say it, and most tests are not about it."""
pytest_plugins = ["tests.postgres", "tests.qdrant", "tests.openid", "tests.cycle.pages"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of whole cycles take longest. They begin first, so that none is left over when all others are done, and
    that they share one worker, which is given the first half of the tests, and what it starts once.
    """
    items.sort(key=lambda item: "cycle" not in item.path.parts)
