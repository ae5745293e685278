"""What the tests of several files here are given."""

from collections.abc import Iterator

import pytest

from tests.unit.adapters.language_models import Models


@pytest.fixture
def models() -> Iterator[Models]:
    made = Models()
    yield made
    made.close()
