"""What `PassageIndex` promises of who finds what."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag_flywheel.domain import NOBODY, OPERATORS, Candidate, Groups
from rag_flywheel.ports import Entry, PassageIndex
from tests.contract.entries import ENCODER, V1, build, confirmed, correction, passage, search

# The adapter makes payload indexes for the server; in-memory mode says that it needs none.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")

TEAMS = [f"team{number}" for number in range(50)]


def for_whom(
    entry: Entry, *groups: str, only: Sequence[str] = (), unless: Sequence[str] = (), name: str | None = None
) -> Entry:
    chunk = replace(entry.chunk, groups=tuple(sorted(groups)), only=tuple(only), unless=tuple(unless))
    return replace(entry, chunk=chunk if name is None else replace(chunk, chunk_id=name))


def names(candidates: Sequence[Candidate]) -> set[str]:
    return {candidate.chunk.chunk_id for candidate in candidates}


def of(*groups: str) -> frozenset[str]:
    return frozenset(groups)


def test_everybody_finds_what_is_open_and_what_one_of_their_groups_may_read(index: PassageIndex) -> None:
    entries = [
        passage("open", "the pump code is on the door"),
        for_whom(passage("hr", "the pump code is eleven"), "hr"),
        for_whom(passage("both", "the pump code is twelve"), "hr", "sales"),
        for_whom(correction("c1", "What is the pump code", "it is eleven"), "hr"),
        correction("c2", "What is a pump code", "a number"),
    ]
    build(index, entries=entries)
    found: dict[Groups, tuple[set[str], set[str]]] = {
        groups: (names(passages), names(known))
        for groups in (of(), of("hr"), of("sales"), of("others", "sales"), of("others"), None)
        for passages, known in [search(index, "What is the pump code", groups=groups)]
    }
    c1, c2 = "correction:c1#0", "correction:c2#0"
    assert found == {
        of(): ({"open#0"}, {c2}),
        of("hr"): ({"open#0", "hr#0", "both#0"}, {c1, c2}),
        of("sales"): ({"open#0", "both#0"}, {c2}),
        of("others", "sales"): ({"open#0", "both#0"}, {c2}),
        of("others"): ({"open#0"}, {c2}),
        None: ({"open#0", "hr#0", "both#0"}, {c1, c2}),
    }


def test_every_channel_is_full_for_everybody_however_much_is_kept_from_them(index: PassageIndex) -> None:
    """Each team has three passages and three known questions; what the others have is nearer to the query."""
    random = np.random.default_rng(3)
    entries: list[Entry] = []
    for number, team in enumerate(TEAMS):
        for place in range(3):
            words = "secret code " * (1 + number % 7) + " ".join(f"w{random.integers(99)}" for _ in range(4))
            own = passage(f"{team}-{place}", f"{words} {team}")
            asked = f"What is the secret code {'w1 ' * (number % 5)}{place}"
            entries += [for_whom(own, team), for_whom(confirmed(own, asked, by=f"i{number}-{place}"), team)]
    build(index, entries=entries)
    query = "What is the secret code"
    for team in (*TEAMS[:5], *TEAMS[-5:]):
        passages, known = search(index, query, limit=3, groups=of(team, "staff"))
        assert {candidate.chunk.groups for candidate in (*passages, *known)} == {(team,)}
        assert (len(passages), len(known)) == (3, 3)
        scores = [candidate.scores for candidate in passages]
        assert all(None not in (score.dense, score.sparse, score.sentence) for score in scores)
        assert all(None not in (found.scores.question, found.scores.answer) for found in known)
    assert search(index, query, groups=of("staff")) == ([], [])
    assert search(index, query, groups=of()) == ([], [])


def test_a_form_of_a_passage_is_found_by_those_alone_whom_it_is_for(index: PassageIndex) -> None:
    """`hr` reads the passage without what a correction of theirs replaced, all others read it whole."""
    whole = for_whom(passage("pay", "pay day is the first, or the last"), unless=["hr", OPERATORS], name="pay#0!")
    cut = for_whom(passage("pay", "pay day is the first"), only=["hr"])
    build(index, entries=[whole, cut, passage("other", "some other text")])

    def found(groups: Groups) -> set[str]:
        return names(search(index, "When is pay day", groups=groups)[0]) - {"other#0"}

    assert found(of()) == found(of("sales")) == {"pay#0!"}
    assert found(of("hr")) == found(of("sales", "hr")) == found(None) == {"pay#0"}


def test_a_form_that_is_for_some_needs_the_groups_of_its_document_too(index: PassageIndex) -> None:
    build(index, entries=[for_whom(passage("pay", "pay day"), "staff", only=["hr"])])
    found = [len(search(index, "pay day", groups=groups)[0]) for groups in (of("hr"), of("staff"), of("hr", "staff"))]
    assert found == [0, 0, 1]


@pytest.mark.parametrize("claimed", [NOBODY, OPERATORS, "*", "", " hr", "hr\n"])
def test_nobody_gets_anywhere_by_naming_a_mark_as_their_group(index: PassageIndex, claimed: str) -> None:
    entries = [
        for_whom(passage("nobody", "the pump code"), NOBODY),
        for_whom(passage("hr", "the pump code"), "hr"),
        for_whom(passage("whole", "the pump code"), unless=[OPERATORS]),
    ]
    build(index, entries=entries)
    assert names(search(index, "the pump code", groups=of(claimed))[0]) == {"whole#0"}


def test_groups_are_the_same_in_whatever_form_of_unicode_they_are_claimed(index: PassageIndex) -> None:
    build(index, entries=[for_whom(passage("a", "the pump code"), "Büro / Köln, 2. Stock")])
    assert search(index, "pump code", groups=of("Bu\u0308ro / Ko\u0308ln, 2. Stock"))[0]
    assert not search(index, "pump code", groups=of("buro / koln, 2. stock"))[0]


def test_a_chunk_comes_back_with_whom_it_is_for(index: PassageIndex) -> None:
    entry = for_whom(passage("a", "the pump code"), "hr", "sales", only=["hr"], unless=["sales"])
    build(index, entries=[entry])
    assert list(index.chunks(V1)) == [entry.chunk]
    assert ENCODER.dimension == len(entry.vector)
