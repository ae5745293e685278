"""The embedded index where the contract cannot go on every adapter: dying processes, many processes, many threads."""

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest

from rag_flywheel.adapters.index.edge_index import OPEN_AT_ONCE, EdgeIndex
from rag_flywheel.adapters.index.shards import WRITTEN
from rag_flywheel.domain import Chunk, ChunkId, DocumentId, VersionId
from rag_flywheel.errors import AliasMoved, Damaged, NotFound
from rag_flywheel.ports import Entry, Like

DIMENSION = 16
QUERY = np.eye(DIMENSION, dtype=np.float32)[0]
SPAWN = multiprocessing.get_context("spawn")


def version(number: int) -> VersionId:
    return VersionId(f"v{number:03}")


def entries(mark: str, count: int = 40) -> list[Entry]:
    """Passages whose texts all hold `mark`, so that an answer shows which version it came from."""
    random = np.random.default_rng(3)
    vectors = random.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Entry(
            chunk=Chunk(
                chunk_id=ChunkId(f"d{number}#0"),
                document_id=DocumentId(f"d{number}"),
                title="",
                headings=(),
                text=f"{mark} word{number}",
                start=0,
                end=10,
                source="d.md",
            ),
            vector=vector,
        )
        for number, vector in enumerate(vectors)
    ]


def build(index: EdgeIndex, number: int) -> VersionId:
    index.build(version(number), dimension=DIMENSION, batches=[entries(version(number))])
    return version(number)


def search_live(index: EdgeIndex) -> VersionId:
    """What the service does for a question; returns the version that the alias named, which every passage is of."""
    live = index.live()
    assert live is not None
    found = index.search(live, text=live, vector=QUERY, limit=10, groups=None)
    assert found
    assert {candidate.chunk.text.split()[0] for candidate in found} == {live}, "an answer mixes versions"
    return live


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EdgeIndex]:
    opened = EdgeIndex(tmp_path / "index")
    yield opened
    opened.close()


# --- dying ----------------------------------------------------------------------------------------------------------


def _build_forever(folder: Path, started: Event) -> None:
    def batches() -> Iterator[list[Entry]]:
        yield entries("v002")
        started.set()
        threading.Event().wait()

    EdgeIndex(folder).build(version(2), dimension=DIMENSION, batches=batches())


def test_a_build_whose_process_is_killed_is_not_listed_and_is_discarded(index: EdgeIndex, tmp_path: Path) -> None:
    index.move_live(build(index, 1), expected=None)
    started = SPAWN.Event()
    child = SPAWN.Process(target=_build_forever, args=(tmp_path / "index", started))
    child.start()
    assert started.wait(30)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    child.close()
    assert index.versions() == [version(1)]
    assert search_live(index) == version(1)
    assert index.discard_partial() == ["v002.partial"]
    assert build(index, 2) in index.versions()


def test_a_version_whose_removal_was_cut_short_is_not_listed_and_is_discarded(index: EdgeIndex, tmp_path: Path) -> None:
    build(index, 1)
    (tmp_path / "index" / "v001").rename(tmp_path / "index" / "v001.deleted")
    assert index.versions() == []
    assert index.discard_partial() == ["v001.deleted"]


# --- many processes -------------------------------------------------------------------------------------------------


def _search_until_both_are_seen(folder: Path) -> None:
    index, seen = EdgeIndex(folder), set[VersionId]()
    for searches in range(1, 100_000):
        seen.add(search_live(index))
        if searches >= 200 and seen == {version(1), version(2)}:
            return
    raise AssertionError(f"the alias never moved from {seen}")


def test_two_processes_search_one_version_while_a_third_moves_the_alias(index: EdgeIndex, tmp_path: Path) -> None:
    build(index, 1)
    build(index, 2)
    index.move_live(version(1), expected=None)
    folder = tmp_path / "index"
    children = [SPAWN.Process(target=_search_until_both_are_seen, args=(folder,)) for _ in range(2)]
    for child in children:
        child.start()
    live, following = version(1), version(2)
    while any(child.is_alive() for child in children):
        index.move_live(following, expected=live)
        live, following = following, live
        children[0].join(0.003)
    for child in children:
        assert child.exitcode == 0
        child.close()


def _move_many(folder: Path, mine: int, moves: int) -> None:
    index, moved = EdgeIndex(folder), 0
    while moved < moves:
        with contextlib.suppress(AliasMoved):
            index.move_live(version(mine), expected=version(3 - mine))
            moved += 1


def test_only_one_of_two_processes_wins_each_move_of_the_alias(index: EdgeIndex, tmp_path: Path) -> None:
    build(index, 1)
    build(index, 2)
    index.move_live(version(2), expected=None)
    children = [SPAWN.Process(target=_move_many, args=(tmp_path / "index", mine, 25)) for mine in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
        child.close()
    assert index.live() == version(2), "50 moves that took turns end where they began"


# --- many threads ---------------------------------------------------------------------------------------------------


def test_searches_in_many_threads_go_on_while_the_alias_moves_and_versions_are_deleted(index: EdgeIndex) -> None:
    index.move_live(build(index, 0), expected=None)
    done = threading.Event()

    def searches() -> int:
        """Five or more, until the moves are done; a pause between them leaves the builder its share of the machine."""
        count = 0
        while count < 5 or not done.is_set():
            with contextlib.suppress(NotFound):  # between reading the alias and searching, two moves may go by
                search_live(index)
                count += 1
            done.wait(0.1)
        return count

    with ThreadPoolExecutor(40) as pool:
        counts = [pool.submit(searches) for _ in range(40)]
        try:
            for number in range(1, 21):
                build(index, number)
                index.move_live(version(number), expected=version(number - 1))
                index.delete(version(number - 1))
        finally:
            done.set()
        assert sum(count.result() for count in counts) >= 200
    assert index.versions() == [version(20)]


def test_a_reader_in_the_midst_of_a_version_finishes_after_it_was_deleted(index: EdgeIndex) -> None:
    index.build(version(1), dimension=DIMENSION, batches=[entries("v001", count=900)])
    reading = index.chunks(version(1))
    first = next(reading)
    index.delete(version(1))
    gc.collect()
    assert len({first.chunk_id, *(chunk.chunk_id for chunk in reading)}) == 900
    with pytest.raises(NotFound):
        index.chunks(version(1))


def test_an_index_that_was_closed_opens_its_versions_again(index: EdgeIndex) -> None:
    index.move_live(build(index, 1), expected=None)
    search_live(index)
    index.close()
    assert search_live(index) == version(1)


def test_more_versions_than_are_kept_open_can_be_searched_in_turn(index: EdgeIndex) -> None:
    built = [build(index, number) for number in range(OPEN_AT_ONCE + 2)]
    for version in [*built, *built]:
        found = index.search(version, text=version, vector=QUERY, limit=3, groups=None)
        assert {candidate.chunk.text.split()[0] for candidate in found} == {version}


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00", b"../../etc\n", b"v001\nv002\n", b" "])
def test_an_alias_file_that_names_no_version_is_damage_and_says_what_to_do(
    index: EdgeIndex, tmp_path: Path, content: bytes
) -> None:
    build(index, 1)
    alias = tmp_path / "index" / "live"
    alias.write_bytes(content)
    with pytest.raises(Damaged, match=r"holds \d+ bytes that name no version: write the name") as raised:
        index.live()
    assert str(alias) in str(raised.value)
    with pytest.raises(Damaged):
        index.move_live(version(1), expected=None)
    with pytest.raises(Damaged):
        index.delete(version(1))
    assert index.versions() == [version(1)]


def test_a_version_without_its_files_is_damage_and_says_what_to_do(index: EdgeIndex, tmp_path: Path) -> None:
    (tmp_path / "index" / "v001" / "segments").mkdir(parents=True)
    with pytest.raises(Damaged, match="v001 cannot be read; roll back"):
        index.search(version(1), text="word1", vector=QUERY, limit=3, groups=None)


def test_building_the_same_entries_twice_gives_the_same_answers(index: EdgeIndex) -> None:
    for number in (1, 2):
        index.build(version(number), dimension=DIMENSION, batches=[entries("same")])
    first, second = (
        index.search(version(number), text="word7", vector=QUERY, limit=10, groups=None) for number in (1, 2)
    )
    assert first == second


def test_a_copy_to_which_much_longer_passages_came_weighs_words_as_a_version_written_anew(index: EdgeIndex) -> None:
    every = entries("plain", 60)
    short = every[:20]
    long = [
        replace(entry, chunk=replace(entry.chunk, text=f"{entry.chunk.text} " + " ".join(f"w{n}" for n in range(60))))
        for entry in every[20:]
    ]
    index.build(version(0), dimension=DIMENSION, batches=[short], recipe="r")
    index.build(version(1), dimension=DIMENSION, batches=[long], recipe="r", like=Like(version=version(0), without=()))
    index.build(version(2), dimension=DIMENSION, batches=[[*short, *long]], recipe="r")
    copied, anew = (
        {
            candidate.chunk.chunk_id: candidate.scores.sparse
            for candidate in index.search(of, text="word3 word30", vector=QUERY, limit=5, groups=None)
            if candidate.scores.sparse
        }
        for of in (version(1), version(2))
    )
    assert copied.keys() >= {"d3#0", "d30#0"}
    assert copied == pytest.approx(anew)


def test_what_other_processes_put_for_a_moment_into_a_version_that_they_open_is_not_copied(
    index: EdgeIndex, tmp_path: Path
) -> None:
    """The folder is gone before its file can be read."""
    index.build(version(0), dimension=DIMENSION, batches=[entries("plain", 60)], recipe="r")
    passing = tmp_path / "index" / version(0) / ".atomicwriteAbCd12"
    passing.mkdir()
    (passing / "tmpfile.tmp").symlink_to("gone")  # it is listed, and cannot be read
    index.build(version(1), dimension=DIMENSION, batches=[], recipe="r", like=Like(version=version(0), without=()))
    assert not (tmp_path / "index" / version(1) / passing.name).exists()
    assert len(list(index.chunks(version(1)))) == 60


def test_a_version_of_which_much_was_taken_out_in_steps_is_written_anew_and_so_is_one_of_an_older_release(
    index: EdgeIndex, tmp_path: Path
) -> None:
    every = entries("plain", 60)
    index.build(version(0), dimension=DIMENSION, batches=[every], recipe="r")
    for number in range(1, 5):
        if not index.takes_over(version(number - 1), recipe="r"):
            break
        gone = every[3 * number : 3 * number + 3]
        like = Like(version=version(number - 1), without=tuple(entry.chunk for entry in gone))
        assert index.build(version(number), dimension=DIMENSION, batches=[], recipe="r", like=like) == 60 - 3 * number
    assert number == 3, "after six of 54 the counts of BM25 would be too far off"
    (tmp_path / "index" / version(0) / WRITTEN).unlink()
    assert not index.takes_over(version(0), recipe="r")


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: os.truncate(file, file.stat().st_size // 2)])
def test_a_version_whose_files_are_not_those_that_were_written_is_not_copied_and_one_that_was_opened_is(
    index: EdgeIndex, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """A copy would be without what is missing, and so would each version after it."""
    index.build(version(0), dimension=DIMENSION, batches=[entries("plain", 60)], recipe="r")
    with contextlib.closing(EdgeIndex(tmp_path / "index")) as another:
        assert len(list(another.chunks(version(0)))) == 60
        assert another.takes_over(version(0), recipe="r")
    assert index.takes_over(version(0), recipe="r")
    damage(max((tmp_path / "index" / version(0)).rglob("*.mmap"), key=lambda file: file.stat().st_size))
    assert not index.takes_over(version(0), recipe="r")
