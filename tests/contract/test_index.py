"""What `PassageIndex` promises: building, the alias, deleting. On the fake, Qdrant Edge, and a Qdrant server
(QDRANT_URL) or a stand-in for one.
"""

from collections.abc import Iterator

import pytest

from rag_flywheel.domain import Chunk, VersionId
from rag_flywheel.errors import AliasMoved, NotFound, VersionInUse
from rag_flywheel.ports import Entry, Like, PassageIndex
from tests.contract.entries import ENTRIES, V1, V2, V3, Place, build, by_sparse, confirmed, correction, passage, search

# The adapter makes payload indexes for the server; in-memory mode says that it needs none.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")


# --- building -------------------------------------------------------------------------------------------------------


def test_a_build_returns_the_number_of_its_entries_and_is_listed(index: PassageIndex) -> None:
    assert index.versions() == []
    assert build(index) == len(ENTRIES)
    assert index.versions() == [V1]


def test_versions_are_listed_by_name(index: PassageIndex) -> None:
    for version in (V2, V3, V1):
        build(index, version)
    assert index.versions() == [V1, V2, V3]


def test_chunks_come_back_equal_with_their_headings_and_provenance(index: PassageIndex) -> None:
    odd = passage("été/§ 1 «ü».md?x=1#y", 'Zeile\n\t\u00a0\u2028日本語 🎛 "quoted"', title="T", headings=("a", "b/c"))
    build(index, entries=[*ENTRIES, odd])
    expected = {entry.chunk.chunk_id: entry.chunk for entry in [*ENTRIES, odd]}
    assert {chunk.chunk_id: chunk for chunk in index.chunks(V1)} == expected
    passages, corrections = search(index, "quoted pump", limit=20)
    for candidate in [*passages, *corrections]:
        assert candidate.chunk == expected[candidate.chunk.chunk_id]


def test_a_known_question_comes_back_equal_with_whose_answer_was_confirmed(index: PassageIndex) -> None:
    pump, fixed = ENTRIES[0], ENTRIES[-1]
    known = [confirmed(pump, "Why does it not start?"), confirmed(fixed, "What is E203?", by="i8")]
    build(index, entries=[*ENTRIES, *known])
    expected = {entry.chunk.chunk_id: entry.chunk for entry in [*ENTRIES, *known]}
    assert {chunk.chunk_id: chunk for chunk in index.chunks(V1)} == expected
    _, found = search(index, "Why does it not start?")
    assert {candidate.chunk.chunk_id: candidate.chunk for candidate in found} == {
        name: chunk for name, chunk in expected.items() if chunk.question is not None
    }
    assert {candidate.chunk.confirmed for candidate in found} == {None, "i7", "i8"}


def test_every_chunk_of_a_version_larger_than_a_page_comes_back_once(index: PassageIndex) -> None:
    build(index, entries=[passage(f"d{number}", f"word{number}") for number in range(700)])
    assert sorted(chunk.document_id for chunk in index.chunks(V1)) == sorted(f"d{number}" for number in range(700))


def test_a_version_that_takes_most_of_another_over_holds_and_finds_what_one_written_anew_does(
    index: PassageIndex,
) -> None:
    *kept, old = [passage(f"d{number}", f"boiler number{number}") for number in range(30)]
    changed, new = passage("d29", "boiler is quiet"), passage("new", "boiler number99")
    known = confirmed(kept[0], "Why does it not start?")
    index.build(V1, dimension=64, batches=[[*kept, old]], recipe="plain")
    assert not index.takes_over(V1, recipe="another")
    assert not index.takes_over(V2, recipe="plain")
    if not index.takes_over(V1, recipe="plain"):
        return  # a server writes every version anew
    like = Like(version=V1, without=(old.chunk,))
    assert index.build(V2, dimension=64, batches=[[changed, new, known]], recipe="plain", like=like) == 32
    assert index.build(V3, dimension=64, batches=[[*kept, changed, new, known]], recipe="plain") == 32
    assert sorted(index.chunks(V2), key=_id) == sorted(index.chunks(V3), key=_id)
    assert sorted(index.chunks(V1), key=_id) == sorted((entry.chunk for entry in [*kept, old]), key=_id)
    assert index.takes_over(V2, recipe="plain")
    for query in ("number99", "quiet boiler", "number7", "number29"):
        found, anew = (
            [
                {candidate.chunk.chunk_id for candidate in channel}
                for channel in search(index, query, version=version, limit=40)
            ]
            for version in (V2, V3)
        )
        assert found == anew
    assert by_sparse(search(index, "quiet", version=V2)[0])[0] == "d29"


def _id(chunk: Chunk) -> str:
    return chunk.chunk_id


def test_a_version_may_be_empty(index: PassageIndex) -> None:
    assert index.build(V1, dimension=64, batches=[]) == 0
    assert index.versions() == [V1]
    assert search(index, "anything") == ([], [])
    assert list(index.chunks(V1)) == []


def test_a_version_may_hold_corrections_alone(index: PassageIndex) -> None:
    build(index, entries=[correction("c1", "How do I reset it")])
    passages, corrections = search(index, "How do I reset it")
    assert (len(passages), len(corrections)) == (0, 1)


def test_a_version_that_exists_is_not_built_again(index: PassageIndex) -> None:
    build(index)
    with pytest.raises(ValueError, match=V1):
        build(index, entries=ENTRIES[:1])
    assert len(list(index.chunks(V1))) == len(ENTRIES)


@pytest.mark.parametrize("name", ["", "../v1", "a/b", "v 1", "v1\n", "vé"])
def test_a_name_that_could_leave_its_folder_names_no_version(index: PassageIndex, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        build(index, VersionId(name))
    with pytest.raises(NotFound):
        search(index, "pump", version=VersionId(name))
    index.delete(VersionId(name))
    assert index.versions() == []


def test_a_build_whose_batches_fail_is_not_listed_and_is_discarded(index: PassageIndex) -> None:
    def batches() -> Iterator[list[Entry]]:
        yield ENTRIES[:3]
        raise RuntimeError("the source went away")

    build(index, V1)
    with pytest.raises(RuntimeError, match="the source went away"):
        index.build(V2, dimension=64, batches=batches())
    assert index.versions() == [V1]
    with pytest.raises(NotFound):
        search(index, "pump", version=V2)
    with pytest.raises(NotFound):
        index.move_live(V2, expected=None)
    assert all(V2 in left for left in index.discard_partial())  # an index may have removed it before
    assert index.discard_partial() == []
    assert index.versions() == [V1]
    assert build(index, V2) == len(ENTRIES)


def test_a_vector_of_another_size_is_refused_and_nothing_is_listed(index: PassageIndex) -> None:
    with pytest.raises(ValueError, match="vector"):
        index.build(V1, dimension=32, batches=[ENTRIES])
    assert index.versions() == []


def test_two_entries_with_one_chunk_id_are_refused_and_nothing_is_listed(index: PassageIndex) -> None:
    with pytest.raises(ValueError, match="chunk ids must differ"):
        build(index, entries=[*ENTRIES, ENTRIES[0]])
    assert index.versions() == []


# --- the alias ------------------------------------------------------------------------------------------------------


def test_the_alias_names_nothing_at_first_and_then_what_it_was_moved_to(index: PassageIndex) -> None:
    assert index.live() is None
    build(index, V1)
    build(index, V2)
    assert index.live() is None
    index.move_live(V1, expected=None)
    assert index.live() == V1
    index.move_live(V2, expected=V1)
    assert index.live() == V2
    index.move_live(V1, expected=V2)
    index.move_live(V1, expected=V1)
    assert index.live() == V1


def test_the_alias_stays_where_it_is_unless_it_names_what_was_expected(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2)
    with pytest.raises(AliasMoved):
        index.move_live(V1, expected=V2)
    assert index.live() is None
    index.move_live(V1, expected=None)
    for expected in (None, V2, V3):
        with pytest.raises(AliasMoved):
            index.move_live(V2, expected=expected)
    assert index.live() == V1


def test_the_alias_cannot_name_a_version_that_does_not_exist(index: PassageIndex) -> None:
    build(index, V1)
    index.move_live(V1, expected=None)
    with pytest.raises(NotFound, match=V2):
        index.move_live(V2, expected=V1)
    assert index.live() == V1


def test_versions_and_alias_survive_closing_and_opening_again(place: Place) -> None:
    first = place()
    build(first, V1)
    build(first, V2)
    first.move_live(V2, expected=None)
    first.close()
    second = place()
    assert second.versions() == [V1, V2]
    assert second.live() == V2
    assert by_sparse(search(second, "clogged", version=V2)[0]) == ["codes"]
    second.close()


# --- deleting -------------------------------------------------------------------------------------------------------


def test_a_deleted_version_is_gone_and_may_be_deleted_again(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2)
    search(index, "pump")
    index.delete(V1)
    index.delete(V1)
    index.delete(V3)
    assert index.versions() == [V2]
    with pytest.raises(NotFound):
        search(index, "pump")
    with pytest.raises(NotFound):
        index.chunks(V1)
    assert search(index, "pump", version=V2)[0]
    assert index.discard_partial() == []


def test_the_live_version_cannot_be_deleted_until_the_alias_has_moved(index: PassageIndex) -> None:
    build(index, V1)
    build(index, V2)
    index.move_live(V1, expected=None)
    with pytest.raises(VersionInUse, match=V1):
        index.delete(V1)
    assert index.versions() == [V1, V2]
    assert search(index, "pump")[0]
    index.move_live(V2, expected=V1)
    index.delete(V1)
    assert index.versions() == [V2]
