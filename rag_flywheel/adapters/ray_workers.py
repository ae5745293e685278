"""`Workers` on a Ray cluster: a pool of actors behind a streaming data set of Ray Data."""

import logging
import os
import pickle
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from rag_flywheel.errors import ConfigError, Unavailable
from rag_flywheel.ports import Tools
from rag_flywheel.ports.workers import Item, Made


class RayWorkers:
    """A pool on the cluster at `address`; empty: the one that RAY_ADDRESS names, or one on this machine alone.

    `at_once` is how many work at most, each on one processor; 0: as many as the cluster has. `tools` is called once by
    each of them, where it runs. Nothing is started before there is work. A worker that is lost is replaced, and what it
    had not finished is done again. Where none can start for `start` seconds, as no processor is free, or nothing is
    done for `silence` seconds, the work fails: whoever waits for it holds the lock of the reindex.
    """

    def __init__(
        self,
        *,
        address: str,
        at_once: int,
        tools: Callable[[], Tools],
        start: float = 600.0,
        silence: float = 3600.0,
    ) -> None:
        self._address = address
        self._start = start
        self._silence = silence
        self._at_once = at_once
        self._tools = tools
        self._lock = threading.Lock()
        self._ray: ModuleType | None = None

    def each(self, work: Callable[[Tools, Item], Made], items: Sequence[Item]) -> Iterator[tuple[int, Made]]:
        if not items:
            return
        ray = self._connected()
        most = min(self._at_once or int(ray.cluster_resources().get("CPU", 1)), len(items))
        rows = [{"place": place, "item": pickle.dumps(item)} for place, item in enumerate(items)]
        made = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Worker,
            fn_constructor_args=(self._tools, work),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=max(most, 1)),
        )
        try:
            for row in _watched(made.iter_rows(), self._silence):
                if row["failed"]:
                    raise _failure(row["failed"])
                yield row["place"], pickle.loads(row["made"])  # noqa: S301  # from our own workers
        except ray.exceptions.RayError as error:  # also where none of them could start in time
            raise _failure(type(error).__name__) from error

    def close(self) -> None:
        with self._lock:
            if self._ray is not None:
                self._ray.shutdown()
                self._ray = None

    def _connected(self) -> ModuleType:
        with self._lock:
            if self._ray is None:
                self._ray = _connect(self._address, start=self._start)
            return self._ray


class _Worker:
    """One of the pool, on its node."""

    def __init__(self, tools: Callable[[], Tools], work: Callable[[Tools, Any], Any]) -> None:
        self._tools = tools()
        self._work = work

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """What the work makes of the one item, or what kind of error it ended with: Ray would log its words."""
        (item,) = batch["item"]
        try:
            made, failed = pickle.dumps(self._work(self._tools, pickle.loads(item))), ""  # noqa: S301
        except Exception as error:  # noqa: BLE001 - it is told where the work was asked for
            made, failed = b"", type(error).__name__
        return {"place": batch["place"], "made": [made], "failed": [failed]}


def _watched(rows: Iterable[dict[str, Any]], silence: float) -> Iterator[dict[str, Any]]:
    """The rows as they come. Raises Unavailable when none has come for `silence` seconds, and what `rows` raises."""
    told: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue(maxsize=4)  # no more than there is room for
    left = threading.Event()

    def tell(row: dict[str, Any] | BaseException | None) -> None:
        while not left.is_set():
            try:
                told.put(row, timeout=1.0)
            except queue.Full:
                continue
            return

    def follow() -> None:
        try:
            for row in rows:
                tell(row)
                if left.is_set():
                    return
            tell(None)
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody waits for it
            tell(error)

    threading.Thread(target=follow, name="ray rows", daemon=True).start()
    try:
        while (row := told.get(timeout=silence)) is not None:
            if isinstance(row, BaseException):
                raise row
            yield row
    except queue.Empty:
        raise _failure(f"nothing was done for {silence:.0f} seconds") from None
    finally:
        left.set()


def _connect(address: str, *, start: float) -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise ConfigError(
            "reindex.engine is ray, and Ray is not installed: pip install 'rag-flywheel[ray]', here and on the nodes"
        ) from error
    try:
        ray.init(
            address=address or None,
            ignore_reinit_error=True,
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False,
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise Unavailable(
            f"the Ray cluster cannot be reached ({type(error).__name__}): see that reindex.address is right and that "
            "it runs the same releases of Ray and Python"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.wait_for_min_actors_s = max(1, round(start))
    return ray


def _failure(kind: str) -> Unavailable:
    return Unavailable(
        f"the work on the Ray cluster failed ({kind}): see the cluster's logs, and run again; what was done is kept. "
        "`reindex.engine: local` does without it"
    )
