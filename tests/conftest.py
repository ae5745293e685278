"""Fixtures that several modules share, by the module that defines them; and the order of the tests."""

import pytest

pytest_plugins = ["tests.postgres", "tests.qdrant"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of whole cycles take minutes: they begin first, so that none is left over when all others are done."""
    items.sort(key=lambda one: "cycle" not in one.path.parts)
