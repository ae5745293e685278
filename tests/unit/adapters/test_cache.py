"""The cache in one SQLite file, and the forgiving one over it."""

import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag_flywheel.adapters.cache import ForgivingCache, SqliteCache
from rag_flywheel.errors import Damaged, Unavailable


def test_what_was_put_is_got_and_the_rest_is_absent(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "deep" / "cache.db")
    cache.put({"a": b"1", "b": b"\x00\xff", "empty": b""})
    assert cache.get(["a", "b", "empty", "c"]) == {"a": b"1", "b": b"\x00\xff", "empty": b""}
    assert cache.get([]) == {}
    cache.put({})
    cache.close()


def test_more_keys_than_one_statement_takes_are_found(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache.db")
    values = {f"key {number}": str(number).encode() for number in range(1_201)}
    cache.put(values)
    assert cache.get(list(values)) == values
    cache.close()


def test_it_is_still_there_for_the_next_process(tmp_path: Path) -> None:
    first = SqliteCache(tmp_path / "cache.db")
    first.put({"a": b"1"})
    first.close()
    second = SqliteCache(tmp_path / "cache.db")
    assert second.get(["a"]) == {"a": b"1"}
    second.close()


def test_a_value_that_is_put_again_is_the_one_that_counts(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache.db")
    cache.put({"a": b"1"})
    cache.put({"a": b"2"})
    assert cache.get(["a"]) == {"a": b"2"}
    cache.close()


def test_a_file_that_is_no_database_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "cache.db"
    file.write_bytes(b"not a database" * 1000)
    cache = SqliteCache(file)
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {"a": b"1"}
    cache.close()


def test_a_file_that_breaks_in_use_is_reported_as_damaged(tmp_path: Path) -> None:
    file = tmp_path / "cache.db"
    cache = SqliteCache(file)
    cache.put({f"key {number}": b"x" * 2_000 for number in range(100)})
    cache.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    broken = SqliteCache(file)
    with pytest.raises(Damaged, match=r"cache\.db"):
        broken.get([f"key {number}" for number in range(100)])
    broken.close()


def test_a_file_that_another_process_holds_is_not_deleted(tmp_path: Path) -> None:
    file = tmp_path / "cache.db"
    cache = SqliteCache(file)
    cache.put({"a": b"1"})
    cache.close()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("PRAGMA user_version=1")
    with pytest.raises(Unavailable, match="locked"):
        SqliteCache(file, patience=0.05)
    other.execute("COMMIT")
    other.close()
    again = SqliteCache(file)
    assert again.get(["a"]) == {"a": b"1"}
    again.close()


def test_a_place_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cache"):
        SqliteCache(tmp_path / "file" / "cache.db")


def test_threads_share_it(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache.db")
    start = threading.Barrier(8)

    def use(thread: int) -> bool:
        start.wait()
        for number in range(20):
            cache.put({f"{thread} {number}": str(number).encode()})
            assert cache.get([f"{thread} {number}"]) == {f"{thread} {number}": str(number).encode()}
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))
    assert len(cache.get([f"{thread} {number}" for thread in range(8) for number in range(20)])) == 160
    cache.close()


def test_processes_share_it(tmp_path: Path) -> None:
    first, second = SqliteCache(tmp_path / "cache.db"), SqliteCache(tmp_path / "cache.db")
    first.put({"a": b"1"})
    second.put({"b": b"2"})
    assert first.get(["a", "b"]) == second.get(["a", "b"]) == {"a": b"1", "b": b"2"}
    first.close()
    second.close()


class Full:
    """A cache that cannot be used."""

    closed = False

    def get(self, keys: object) -> dict[str, bytes]:
        raise Unavailable("the disk is full")

    def put(self, values: object) -> None:
        raise Unavailable("the disk is full")

    def forget(self, prefix: str, *, but: object) -> None:
        raise Unavailable("the disk is full")

    def close(self) -> None:
        self.closed = True


def test_a_cache_that_cannot_be_used_costs_time_only_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    below = Full()
    cache = ForgivingCache(below)
    with caplog.at_level(logging.WARNING):
        cache.put({"a": b"1"})
        assert cache.get(["a"]) == {}
        cache.forget("a", but=())
    assert caplog.messages == [
        *["going on without the cache: the disk is full"] * 2,
        "nothing was deleted from the cache: the disk is full",
    ]
    cache.close()
    assert below.closed


def test_a_forgiving_cache_that_can_be_used_keeps_what_was_put(tmp_path: Path) -> None:
    cache = ForgivingCache(SqliteCache(tmp_path / "cache.db"))
    cache.put({"a": b"1"})
    assert cache.get(["a", "b"]) == {"a": b"1"}
    cache.close()


def test_a_forgiving_cache_does_not_forgive_damage() -> None:
    class Broken(Full):
        def get(self, keys: object) -> dict[str, bytes]:
            raise Damaged("the cache is broken")

    with pytest.raises(Damaged):
        ForgivingCache(Broken()).get(["a"])


def test_what_is_forgotten_is_gone_from_the_file_and_the_rest_stays(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache.db")
    cache.put({"a:1:x": b"forgotten words", "a:2:x": b"2", "a:%:x": b"3", "b:1": b"4"})
    cache.forget("a:", but=["a:2:", "a:3:"])
    assert cache.get(["a:1:x", "a:2:x", "a:%:x", "b:1"]) == {"a:2:x": b"2", "b:1": b"4"}
    assert not any(b"forgotten words" in file.read_bytes() for file in tmp_path.iterdir())
    cache.forget("b", but=[])
    assert cache.get(["b:1"]) == {}
    cache.close()
