"""A Qdrant server for the tests: the one at QDRANT_URL, else a stand-in on loopback."""

import contextlib
import os
import uuid
from collections.abc import Iterator

import pytest
from qdrant_client import QdrantClient

from tests.fakes.qdrant_server import QdrantServer

KEY = os.environ.get("RAG_FLYWHEEL_QDRANT_API_KEY", "")


@pytest.fixture(scope="session")
def qdrant_url() -> Iterator[str]:
    """One server for the session, which the tests share: each takes a prefix of its own."""
    url = os.environ.get("QDRANT_URL")
    if url:
        yield url
        return
    with QdrantServer() as server:
        yield server.url


@pytest.fixture
def qdrant_prefix(qdrant_url: str) -> Iterator[str]:
    """A prefix that nobody else has; what is stored under it is deleted at the end."""
    prefix = f"test-{uuid.uuid4().hex}"
    yield prefix
    with contextlib.closing(QdrantClient(url=qdrant_url, api_key=KEY or None, check_compatibility=False)) as client:
        for collection in client.get_collections().collections:
            if collection.name.startswith(prefix):
                client.delete_collection(collection.name)
