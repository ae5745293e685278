"""Versions on a Qdrant server as files: the server's own snapshots, one a version, each with the number of its points.

A snapshot holds what one node has, so a cluster of several is refused: its snapshots would look whole and not be.
The vendor's client makes and deletes them; it has no call that fetches or sends one, so these two are plain requests.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException

from rag_flywheel.adapters.index import points
from rag_flywheel.adapters.index.qdrant_index import COMPLETE, LIVE
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import ConfigError, Damaged, IndexUnavailable, on_disk

SECONDS = 3600  # for one snapshot: it is as long as the version is large
ENDING = ".snapshot"
COUNT = ".count"


def nodes(url: str, *, api_key: str) -> int:
    """How many nodes the server is of; 1 where it is no cluster. Raises IndexUnavailable."""
    with _opened(url, api_key) as (client, _):
        return _nodes(client)


def fetch(url: str, *, api_key: str, prefix: str, folder: Path) -> None:
    """Write two files for each complete version. Raises ConfigError (a cluster), IndexUnavailable, DiskUnavailable."""
    with _opened(url, api_key) as (client, plain):
        _refuse_cluster(client)
        for alias in client.get_aliases().aliases:
            collection = alias.collection_name
            if collection.startswith(f"{prefix}--") and alias.alias_name == collection + COMPLETE:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                version = collection.removeprefix(f"{prefix}--")
                _fetch(collection, folder / f"{version}{ENDING}", client, plain)
                count = client.count(collection, exact=True).count
                with on_disk(noted := folder / f"{version}{COUNT}"):
                    noted.write_text(f"{count}\n", encoding="ascii")


def send(url: str, *, api_key: str, prefix: str, folder: Path, live: str | None) -> None:
    """Put the versions of the files on the server. One that is there whole stays: a version never changes. Where none
    was live, the alias goes: it names what came later.

    Raises ConfigError for a cluster, IndexUnavailable, and Damaged for a version that comes back with too few points.
    """
    with _opened(url, api_key) as (client, plain):
        _refuse_cluster(client)
        there = {alias.alias_name for alias in client.get_aliases().aliases}
        if live is None and (alias := f"{prefix}{LIVE}") in there:
            gone = models.DeleteAlias(alias_name=alias)
            client.update_collection_aliases([models.DeleteAliasOperation(delete_alias=gone)])
        for file in sorted(folder.glob(f"*{ENDING}")):
            points.check_version(version := VersionId(file.name.removesuffix(ENDING)))
            collection = f"{prefix}--{version}"
            if collection + COMPLETE in there:
                continue
            client.delete_collection(collection)  # what a broken off build or restore left
            with file.open("rb") as opened:
                plain.post(
                    f"/collections/{collection}/snapshots/upload",
                    params={"priority": "snapshot", "wait": "true"},
                    files={"snapshot": opened},
                ).raise_for_status()
            _check_count(collection, file.with_suffix(COUNT), client)
            made = models.CreateAlias(alias_name=collection + COMPLETE, collection_name=collection)
            client.update_collection_aliases([models.CreateAliasOperation(create_alias=made)])


def _refuse_cluster(client: QdrantClient) -> None:
    if (several := _nodes(client)) > 1:
        raise ConfigError(
            f"index.url names a Qdrant cluster of {several} nodes, and a snapshot holds what one of them has: back up "
            "and restore the cluster, the ledger and data_dir with their vendors' own means, or build the index anew "
            "with `rag-flywheel reindex`; a restore that stopped here goes on when index.url names a server of one node"
        )


def _nodes(client: QdrantClient) -> int:
    status = client.cluster_status()
    return len(status.peers) if isinstance(status, models.ClusterStatusOneOf1) else 1


def _check_count(collection: str, noted: Path, client: QdrantClient) -> None:
    if not noted.exists():  # a backup of before they were noted
        return
    expected, found = int(noted.read_text(encoding="ascii")), client.count(collection, exact=True).count
    if found != expected:
        client.delete_collection(collection)
        raise Damaged(
            f"the collection {collection} came back with {found} points, and the backup noted {expected}: see the "
            "Qdrant server's log, then run the restore again, or restore another backup"
        )


def _fetch(collection: str, file: Path, client: QdrantClient, plain: httpx.Client) -> None:
    snapshot = client.create_snapshot(collection, wait=True)
    if snapshot is None:
        raise IndexUnavailable(f"the Qdrant server made no snapshot of {collection}: see its log, then try again")
    try:
        place = f"/collections/{collection}/snapshots/{snapshot.name}"
        with on_disk(file), plain.stream("GET", place) as reply, file.open("xb") as written:
            reply.raise_for_status()
            for piece in reply.iter_bytes():
                written.write(piece)
            written.flush()
            os.fsync(written.fileno())
    finally:
        client.delete_snapshot(collection, snapshot.name)  # the server keeps it for ever else


@contextlib.contextmanager
def _opened(url: str, api_key: str) -> Iterator[tuple[QdrantClient, httpx.Client]]:
    headers = {"api-key": api_key} if api_key else {}
    client = QdrantClient(url=url, api_key=api_key or None, timeout=SECONDS, check_compatibility=False)
    with contextlib.closing(client), httpx.Client(base_url=url, headers=headers, timeout=SECONDS) as plain:
        try:
            yield client, plain
        except (httpx.HTTPError, ApiException, QdrantException) as error:
            raise IndexUnavailable(
                f"the Qdrant server gave or took no snapshot ({type(error).__name__}): see that it runs, that it is "
                "one node of this release's minor version, and that its disk has room for a snapshot; then try again"
            ) from error
