"""What is left of a chunk for whom, where corrections for some people replace parts of it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ingest.forms import Hiding, forms
from rag_flywheel.domain import Groups
from tests.fakes.samples import chunk, span

TEXT = "One word. Two words here. Three words are here. Four words are here too."
ONE, TWO, THREE = span("d", 0, 9), span("d", 10, 25), span("d", 26, 47)


def of(*groups: str) -> frozenset[str]:
    return frozenset(groups)


def seen(hiding: Sequence[Hiding], groups: Groups, *, for_whom: tuple[str, ...] = ()) -> list[str]:
    """The texts that somebody finds of the one chunk."""
    found = forms([replace(chunk("d", TEXT), groups=for_whom)], hiding, 2)
    assert len({form.chunk_id for form in (*found.chunks, *found.others)}) == len(found.chunks) + len(found.others)
    return [form.text for form in (*found.chunks, *found.others) if form.is_for(groups)]


def test_what_is_hidden_from_all_is_hidden_from_all() -> None:
    for groups in (of(), of("hr"), None):
        assert seen([(ONE, ())], groups) == [TEXT[10:]]
    assert forms([chunk("d", TEXT)], [(ONE, ())], 2).others == ()


def test_a_correction_for_all_who_may_read_the_document_hides_from_all_of_them() -> None:
    assert forms([replace(chunk("d", TEXT), groups=("hr",))], [(ONE, ("hr", "it"))], 2).others == ()


@pytest.mark.parametrize("groups", [of(), of("it"), of("it", "sales")])
def test_who_may_not_read_the_correction_reads_the_text_as_it_was(groups: Groups) -> None:
    assert seen([(ONE, ("hr",))], groups) == [TEXT]


@pytest.mark.parametrize("groups", [of("hr"), of("hr", "it"), None])
def test_who_may_read_the_correction_reads_the_text_without_what_it_replaced(groups: Groups) -> None:
    assert seen([(ONE, ("hr",))], groups) == [TEXT[10:]]


def test_corrections_for_several_groups_each_hide_their_part_from_their_own() -> None:
    hiding: list[Hiding] = [(ONE, ("hr",)), (TWO, ("it",)), (THREE, ())]
    assert seen(hiding, of()) == ["One word. Two words here. Four words are here too."]
    assert seen(hiding, of("hr")) == ["Two words here. Four words are here too."]
    assert seen(hiding, of("it")) == ["One word. Four words are here too."]
    assert seen(hiding, None) == ["Four words are here too."]
    assert seen(hiding, of("hr", "it")) == [], "as the module says: they have both corrections instead"


def test_nobody_finds_a_form_of_what_they_may_not_read() -> None:
    hiding: list[Hiding] = [(ONE, ("hr",))]
    assert seen(hiding, of("hr"), for_whom=("staff",)) == []
    assert seen(hiding, of("hr", "staff"), for_whom=("staff",)) == [TEXT[10:]]
    assert seen(hiding, of("staff"), for_whom=("staff",)) == [TEXT]


def test_what_is_replaced_whole_for_some_is_gone_for_these_alone() -> None:
    whole = span("d", 0, len(TEXT))
    assert seen([(whole, ("hr",))], of("hr")) == []
    assert seen([(whole, ("hr",))], of()) == [TEXT]
