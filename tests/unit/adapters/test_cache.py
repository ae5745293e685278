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

    def begin_anew(self) -> None:
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


def damage(file: Path, *, head: bool = False) -> None:
    """Break all but the first pages, or those, in the file as it is: others that have it open go on with it."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(0 if head else 8192)
        opened.write(b"\xff" * (8192 if head else size - 8192))


FILLED = {f"key {number}": b"x" * 2_000 for number in range(100)}


@pytest.mark.parametrize(("shared", "head"), [(False, False), (True, False), (True, True)])
def test_a_damaged_cache_is_begun_anew_and_so_it_is_for_others_that_have_it_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, shared: bool, head: bool
) -> None:
    file = tmp_path / "cache.db"
    before = SqliteCache(file, shared=shared)
    before.put(FILLED)
    before.close()
    other = SqliteCache(file, shared=shared)
    damage(file, head=head)
    cache = ForgivingCache(SqliteCache(file, shared=shared))
    with caplog.at_level(logging.WARNING):
        assert cache.get(list(FILLED)) == {}
    assert ("the cache is begun anew" in caplog.text) is not head  # a file that is no database is, when it is opened
    cache.put({"a": b"1"})
    other.put({"b": b"2"})
    assert cache.get(["a", "b"]) == other.get(["a", "b"]) == {"a": b"1", "b": b"2"}
    cache.close()
    other.close()
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert b"xxxx" not in file.read_bytes()


@pytest.mark.parametrize("shared", [False, True])
def test_a_cache_whose_head_breaks_while_others_have_it_open_can_be_opened(tmp_path: Path, *, shared: bool) -> None:
    others = [SqliteCache(tmp_path / "cache.db", shared=shared) for _ in range(2)]
    others[0].put(FILLED)
    damage(tmp_path / "cache.db", head=True)
    cache = ForgivingCache(SqliteCache(tmp_path / "cache.db", shared=shared))
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {"a": b"1"}
    for other in others:
        forgiving = ForgivingCache(other)
        forgiving.get(["a"])
        forgiving.put({"b": b"2"})
        assert forgiving.get(["b"]) == {"b": b"2"}
        assert cache.get(["a"]) in ({"a": b"1"}, {})
        forgiving.close()
    cache.close()
    again = SqliteCache(tmp_path / "cache.db", shared=shared)
    again.put({"c": b"3"})
    assert again.get(["c"]) == {"c": b"3"}
    again.close()


def test_what_is_to_be_forgotten_is_gone_with_a_damaged_cache(tmp_path: Path) -> None:
    file = tmp_path / "cache.db"
    below = SqliteCache(file)
    below.put(FILLED)
    below.close()
    damage(file)
    cache = ForgivingCache(SqliteCache(file))
    cache.forget("key", but=())
    cache.close()
    assert b"xxxx" not in file.read_bytes()


def test_a_damaged_cache_that_another_holds_is_gone_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "cache.db"
    before = SqliteCache(file, shared=True)
    before.put(FILLED)
    before.close()
    damage(file)
    below = SqliteCache(file, patience=0.05, shared=True)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache = ForgivingCache(below)
    assert cache.get(list(FILLED)) == {}
    assert "going on without the cache" in caplog.text
    other.execute("ROLLBACK")
    assert cache.get(list(FILLED)) == {}
    cache.put({"a": b"1"})
    assert cache.get(["a"]) == {"a": b"1"}
    other.close()
    cache.close()


def test_a_cache_that_hosts_share_needs_no_memory_of_one_host(tmp_path: Path) -> None:
    """Nothing lies beside the file while it is in use but the journal, and what is forgotten is in neither."""
    SqliteCache(tmp_path / "cache.db").close()  # of before the ledger was on a server
    first, second = (SqliteCache(tmp_path / "cache.db", shared=True) for _ in range(2))
    first.put({"a": b"1"})
    second.put({"b": b"forgotten words"})
    assert first.get(["a", "b"]) == {"a": b"1", "b": b"forgotten words"}
    first.forget("b", but=[])
    assert {file.name for file in tmp_path.iterdir()} <= {"cache.db", "cache.db-journal"}
    assert not any(b"forgotten words" in file.read_bytes() for file in tmp_path.iterdir())
    first.close()
    second.close()


def test_a_shared_cache_that_others_have_open_in_the_old_way_can_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = SqliteCache(tmp_path / "cache.db")
    before.put({"a": b"1"})
    after = SqliteCache(tmp_path / "cache.db", shared=True)
    assert after.get(["a"]) == {"a": b"1"}
    assert "keeps its journal until all end that have it open" in caplog.text
    before.close()
    after.close()


def test_what_is_forgotten_is_gone_from_the_file_and_the_rest_stays(tmp_path: Path) -> None:
    cache = SqliteCache(tmp_path / "cache.db")
    cache.put({"a:1:x": b"forgotten words", "a:2:x": b"2", "a:%:x": b"3", "b:1": b"4"})
    cache.forget("a:", but=["a:2:", "a:3:"])
    assert cache.get(["a:1:x", "a:2:x", "a:%:x", "b:1"]) == {"a:2:x": b"2", "b:1": b"4"}
    assert not any(b"forgotten words" in file.read_bytes() for file in tmp_path.iterdir())
    cache.forget("b", but=[])
    assert cache.get(["b:1"]) == {}
    cache.close()
