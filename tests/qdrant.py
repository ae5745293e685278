"""A Qdrant server for the tests: the one at QDRANT_URL, else a stand-in on loopback."""

import os
from collections.abc import Iterator

import pytest

from tests.fakes.qdrant_server import QdrantServer


@pytest.fixture(scope="session")
def qdrant_url() -> Iterator[str]:
    """One server for the session, which the tests share: each takes a prefix of its own."""
    url = os.environ.get("QDRANT_URL")
    if url:
        yield url
        return
    with QdrantServer() as server:
        yield server.url
