"""A build on a Ray cluster of several nodes, one of which is lost half-way."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest import build, elsewhere
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.adapters.models.cached_encoder import CachedEncoder
from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.adapters.ray_workers import RayWorkers
from rag_flywheel.config import Config
from rag_flywheel.errors import Unavailable
from rag_flywheel.ports import Elsewhere, Tools
from tests.fakes.rankings import MemoryCache
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import chunk

ray = pytest.importorskip("ray", reason="Ray has no release for this Python")
# Ray leaves files and sockets to its processes.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
]
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
HEAD, SPARE = NODE | {"node_ip_address": "127.0.0.2"}, NODE | {"node_ip_address": "127.0.0.3"}
"""Addresses of this machine alone, but not 127.0.0.1, in whose place Ray puts one that other machines reach."""


def tools() -> Tools:
    model = SentenceEncoder("all-MiniLM-L6-v2", batch=8, query_prefix="", document_prefix="")
    return Tools(encoder=model, redactor=lambda policy: FakeRedactor())


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in the workers
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    running = Cluster(initialize_head=True, head_node_args=HEAD)
    yield running
    running.shutdown()


def test_a_build_is_the_same_to_the_last_bit_when_a_node_is_lost_half_way(cluster: Any, tmp_path: Path) -> None:
    spare = cluster.add_node(**SPARE)
    workers = RayWorkers(address=cluster.address, at_once=0, tools=tools)
    chunks = [
        chunk(f"d{place}", f"Pump {place} starts when filter {place % 7} is full.", title="")
        for place in range(128 * 8)
    ]
    here, there = MemoryCache(), MemoryCache()
    steps: list[int] = []

    def lose_a_node(done: int, total: int) -> None:
        steps.append(done)
        if done == total // 2:
            cluster.remove_node(spare, allow_graceful=False)

    vectors = CachedEncoder(tools().encoder, model="m", cache=there)
    kept = Elsewhere(workers=workers, vectors=vectors)
    elsewhere.embed(chunks, titles=True, elsewhere=kept, on_step=lose_a_node)
    assert steps == list(range(1, 9))
    local = CachedEncoder(tools().encoder, model="m", cache=here)
    for _ in build.entries(chunks, encoder=local, titles=True, on_step=lambda done, total: None):
        pass
    assert there.values == here.values

    (tmp_path / "pages").mkdir()
    for place in range(80):
        (tmp_path / "pages" / f"p{place}.md").write_text(
            f"# Page {place}\n\nWrite to help{place}@example.org at night.\n"
        )
    config = Config(file=tmp_path / "config.yaml", sources=("pages",))
    files = list_files(config).files
    digests = fingerprint(files)
    read_here, read_there = MemoryCache(), MemoryCache()
    for cache in (read_here, read_there):
        build.collect(
            files,
            digests,
            settings=config.ingest,
            cache=cache,
            redactor=lambda source: FakeRedactor(),
            on_step=lambda done, total: None,
            ahead=lambda pieces, kept: (
                elsewhere.read(pieces, workers=workers, cache=kept, on_step=lambda done, total: None)
                if kept is read_there
                else None
            ),
        )
    workers.close()
    assert read_there.values == read_here.values
    assert len([key for key in read_there.values if key.startswith("read:")]) == 80


def fails(tools: Tools, item: str) -> str:
    raise ValueError(item)


def test_work_that_fails_is_told_without_the_words_of_what_failed(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, at_once=1, tools=tools)
    with contextlib.closing(workers), pytest.raises(Unavailable, match="ValueError") as raised:
        list(workers.each(fails, ["zygote"]))
    assert "zygote" not in str(raised.value)
    logs = [file for file in Path(cluster.head_node.get_logs_dir_path()).rglob("*") if file.is_file()]
    assert logs
    assert not [file for file in logs if b"zygote" in file.read_bytes()]


def test_a_cluster_without_a_free_processor_is_not_waited_for_without_end(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, at_once=1, tools=tools, start=10.0)
    ray.init(address=cluster.address, log_to_driver=False, ignore_reinit_error=True)
    taken = ray.remote(num_cpus=1)(lambda: time.sleep(300)).remote()
    try:
        with pytest.raises(Unavailable):
            list(workers.each(fails, ["zygote"]))
    finally:
        ray.cancel(taken, force=True)
        workers.close()


def test_a_worker_that_says_nothing_for_long_is_not_waited_for(cluster: Any) -> None:
    workers = RayWorkers(address=cluster.address, at_once=1, tools=tools, silence=20.0)
    with contextlib.closing(workers), pytest.raises(Unavailable, match="20 seconds"):
        list(workers.each(sleeps, ["long"]))


def sleeps(tools: Tools, item: str) -> str:
    time.sleep(300)
    return item
