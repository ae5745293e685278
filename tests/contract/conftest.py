"""A test of a port runs on its fake and on every adapter alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.index.qdrant_index import connect
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.ports import Ledger, PassageIndex
from tests.contract.entries import Place
from tests.fakes.index import MemoryIndex
from tests.fakes.keys import keys_in
from tests.fakes.ledger import MemoryLedger
from tests.qdrant import KEY


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if postgres else sqlite_url(tmp_path / "ledger.sqlite")
    opened = open_ledger(url, timeout=10, lock_folder=tmp_path / "locks", keys=keys_in(tmp_path / "locks"))
    yield opened
    opened.close()


@pytest.fixture(params=["memory", "edge", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Opens an index over one storage, as often as it is called."""
    if request.param == "memory":
        memory = MemoryIndex()
        yield lambda: memory
    elif request.param == "edge":
        yield lambda: EdgeIndex(tmp_path / "index")
    else:
        url, prefix = request.getfixturevalue("qdrant_url"), request.getfixturevalue("qdrant_prefix")
        yield lambda: connect(url, api_key=KEY, timeout=30, prefix=prefix)


@pytest.fixture
def index(place: Place) -> Iterator[PassageIndex]:
    opened = place()
    yield opened
    opened.close()
