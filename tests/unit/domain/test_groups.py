"""Which groups may read what."""

import pytest

from rag_flywheel.domain import NOBODY
from rag_flywheel.domain.groups import covers, group_names, own, reads, shared
from rag_flywheel.domain.readers import ANYBODY, EVERYTHING, Reader
from tests.fakes.samples import correction, interaction, shown, span


def of(*groups: str) -> frozenset[str]:
    return frozenset(groups)


@pytest.mark.parametrize(
    ("those", "expected"),
    [
        ([], ()),
        ([(), ()], ()),
        ([("a", "b"), ()], ("a", "b")),
        ([("a", "b"), ("b", "c")], ("b",)),
        ([("a",), ("b",)], (NOBODY,)),
        ([("a",), (NOBODY,)], (NOBODY,)),
    ],
)
def test_what_is_made_of_several_things_is_for_the_groups_that_may_read_each(
    those: list[tuple[str, ...]], expected: tuple[str, ...]
) -> None:
    assert shared(those) == expected


def test_what_is_open_covers_everything_and_nothing_narrower_covers_what_is_open() -> None:
    assert [covers((), ()), covers((), ("a",)), covers(("a",), ()), covers(("a", "b"), ("a",))] == [
        True,
        True,
        False,
        True,
    ]


def test_whoever_is_in_any_of_the_groups_reads_and_nobody_is_in_a_mark() -> None:
    assert reads(None, (NOBODY,))
    assert reads(of(), ())
    assert reads(of("a", "x"), ("a", "b"))
    assert not reads(of("x"), ("a", "b"))
    assert not reads(of(NOBODY), (NOBODY,))
    assert own(of(NOBODY, "*", "a" * 1000, "", "hr")) == of("hr")


def test_one_name_may_stand_alone_and_an_empty_list_says_nothing() -> None:
    assert [group_names(value) for value in ("hr", ["b", "a", "a"], [], None, "")] == [("hr",), ("a", "b"), (), (), ()]


def test_whom_a_document_is_for_now_counts_more_than_whom_it_was_for() -> None:
    reader = Reader(groups=of("hr"), documents={span("a").document_id: ("it",), span("b").document_id: ()})
    known = [reader.reads(span(name).document_id, ("hr",)) for name in ("a", "b", "gone")]
    assert known == [False, True, True]
    assert not reader.reads(span("gone").document_id, ("it",))
    assert not reader.reads(span("gone").document_id, None)
    assert ANYBODY.reads(span("gone").document_id, None)


def test_an_answer_is_for_those_who_may_read_all_that_was_shown_to_make_it() -> None:
    asked = interaction(ranking=[shown("a", 1), shown("b", 2), shown("c", 3)], citations=0)
    documents = {span("a").document_id: (), span("b").document_id: ("hr", "it"), span("c").document_id: ("board",)}
    seen = {
        groups: Reader(groups=groups, documents=documents).reads_interaction(asked)
        for groups in (of(), of("hr"), of("it", "x"), of("board"))
    }
    assert seen == {of(): False, of("hr"): True, of("it", "x"): True, of("board"): False}
    assert EVERYTHING.reads_interaction(asked)


def test_a_correction_is_for_those_who_may_read_all_of_its_evidence_and_what_it_replaces() -> None:
    made = correction(evidence=[span("a")], supersedes=[span("b")])
    documents = {span("a").document_id: ("hr", "it"), span("b").document_id: ("it",)}
    seen = [
        Reader(groups=groups, documents=documents).reads_correction(made) for groups in (of("hr"), of("it"), of(), None)
    ]
    assert seen == [False, True, False, True]
