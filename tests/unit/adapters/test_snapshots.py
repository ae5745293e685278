"""Versions of a Qdrant server in files, and back on another server."""

from pathlib import Path

import pytest

from rag_flywheel.adapters.index import snapshots
from rag_flywheel.adapters.index.qdrant_index import connect
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import ConfigError, Damaged
from tests.fakes.qdrant_server import QdrantServer
from tests.unit.adapters.test_qdrant_index import V1, build


def fetched(folder: Path) -> None:
    """The files of a version of one passage."""
    with QdrantServer() as server:
        build(connect(server.url, api_key="", timeout=10, prefix="rag"), V1)
        snapshots.fetch(server.url, api_key="", prefix="rag", folder=folder)


def versions(server: QdrantServer) -> list[VersionId]:
    return connect(server.url, api_key="", timeout=10, prefix="rag").versions()


def test_a_version_is_whole_on_another_server(tmp_path: Path) -> None:
    fetched(tmp_path)
    assert (tmp_path / "v1.count").read_text(encoding="ascii") == "1\n"
    with QdrantServer() as server:
        snapshots.send(server.url, api_key="", prefix="rag", folder=tmp_path, live=None)
        index = connect(server.url, api_key="", timeout=10, prefix="rag")
        assert [chunk.text for chunk in index.chunks(V1)] == ["words"]


def test_a_cluster_is_refused_before_anything_is_fetched_or_sent(tmp_path: Path) -> None:
    """Each of its nodes would give its own part, and the backup would look whole."""
    fetched(tmp_path / "backup")
    with QdrantServer(nodes=3) as server:
        with pytest.raises(ConfigError, match="cluster of 3 nodes"):
            snapshots.send(server.url, api_key="", prefix="rag", folder=tmp_path / "backup", live=None)
        build(connect(server.url, api_key="", timeout=10, prefix="rag"), VersionId("v2"))
        with pytest.raises(ConfigError, match="cluster of 3 nodes"):
            snapshots.fetch(server.url, api_key="", prefix="rag", folder=tmp_path / "other")
        assert versions(server) == ["v2"]
    assert not (tmp_path / "other").exists()


def test_a_version_that_comes_back_with_too_few_points_is_not_named_complete(tmp_path: Path) -> None:
    fetched(tmp_path)
    (tmp_path / "v1.count").write_text("2\n", encoding="ascii")
    with QdrantServer() as server:
        with pytest.raises(Damaged, match="with 1 points, and the backup noted 2"):
            snapshots.send(server.url, api_key="", prefix="rag", folder=tmp_path, live=None)
        assert versions(server) == []


def test_a_backup_of_before_points_were_counted_comes_back(tmp_path: Path) -> None:
    fetched(tmp_path)
    (tmp_path / "v1.count").unlink()
    with QdrantServer() as server:
        snapshots.send(server.url, api_key="", prefix="rag", folder=tmp_path, live=None)
        assert versions(server) == [V1]
