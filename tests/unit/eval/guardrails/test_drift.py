"""How much a version may differ from the live one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval.guardrails.drift import Part, authors, gap, growth, lost, unchanged
from rag_flywheel.domain import DocumentId, Json, Manifest, ReviewedCorrection
from tests.fakes.evaluation import chunk, manifest
from tests.fakes.samples import correction_chunk, reviewed


def part(name: str, before: float, after: float, *, n: int = 200, kind: str = "source") -> Part:
    """A part of which as few questions as possible changed."""
    moved = round(abs(after - before) * n)
    better, worse = (moved, 0) if after > before else (0, moved)
    return Part(kind=kind, name=name, n=n, before=before, after=after, better=better, worse=worse)


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [(2000, 4000, True), (2000, 4001, False), (10, 1000, True), (10, 1001, False), (0, 50_000, True)],
)
def test_passages_may_double_and_a_small_corpus_may_grow_by_any_factor(before: int, after: int, holds: bool) -> None:
    assert growth(before, after, maximum=2.0).holds is holds


BEFORE = [chunk("a1", source="a.jsonl"), chunk("a2", source="a.jsonl"), chunk("b1", source="b.md")]


def gone(*left: str, files: Sequence[str] = ("a.jsonl", "b.md"), left_out: Sequence[str] = ()) -> tuple[str, ...]:
    """The documents that are lost where these are left."""
    check = lost(
        BEFORE,
        {DocumentId(document) for document in left},
        unchanged=set(files),
        left_out={DocumentId(document) for document in left_out},
    )
    assert check.holds == (not check.documents)
    assert all(document in check.message for document in check.documents)
    return check.documents


def test_a_document_that_is_lost_although_its_file_is_the_same_is_named() -> None:
    assert gone("a1", "a2", "b1") == ()
    assert gone("a1", "b1") == ("a2",)
    assert gone("new") == ("a1", "a2", "b1")


def test_a_document_of_a_changed_file_or_one_that_is_left_out_for_another_is_not_lost() -> None:
    assert gone("a1", "b1", files=["b.md"]) == ()
    assert gone("b1", left_out=["a1", "a2"]) == ()
    assert gone("b1", left_out=["a1"]) == ("a2",)


def version(sources: dict[str, str], *, ingest: dict[str, Json] | None = None) -> Manifest:
    return replace(manifest(), sources=sources, settings={"ingest": ingest or {"minimum_words": 4}})


def test_a_file_is_unchanged_where_both_versions_read_the_same_bytes_by_the_same_settings() -> None:
    old = version({"same.md": "1", "changed.md": "2", "shut.md": "", "removed.md": "3"})
    new = {"same.md": "1", "changed.md": "9", "shut.md": "", "added.md": "4"}
    assert unchanged(old, version(new)) == {"same.md"}
    assert unchanged(old, version(new, ingest={"minimum_words": 9})) == set()
    assert unchanged(None, version(new)) == set()


def test_the_first_version_can_have_lost_nothing() -> None:
    check = lost([], {DocumentId("a1")}, unchanged=unchanged(None, manifest()), left_out=set())
    assert (check.holds, check.value) == (True, None)


def by(*users: str | None) -> list[ReviewedCorrection]:
    made = [reviewed(f"c{number}") for number in range(len(users))]
    return [
        replace(correction, correction=replace(correction.correction, user=user))
        for correction, user in zip(made, users, strict=True)
    ]


def share(*users: str | None, counts_from: int = 4) -> bool:
    chunks = [correction_chunk(f"c{number}") for number in range(len(users))]
    return authors(chunks, by(*users), maximum=0.5, counts_from=counts_from).holds


def test_no_author_may_have_more_than_the_allowed_share_of_the_corrections() -> None:
    assert share("u1", "u1", "u2", "u3")
    assert not share("u1", "u1", "u1", "u2")


def test_few_corrections_may_be_one_persons_and_nobody_is_an_author() -> None:
    assert share("u1", "u1", "u1")
    assert share(None, None, None, None)


def test_the_author_is_not_named() -> None:
    chunks = [correction_chunk(f"c{number}") for number in range(4)]
    check = authors(
        chunks, by("secret-pseudonym", "secret-pseudonym", "secret-pseudonym", None), maximum=0.5, counts_from=4
    )
    assert not check.holds
    assert check.documents == ("correction:c0", "correction:c1", "correction:c2")
    assert "secret" not in check.message


def test_a_gap_that_grows_beyond_chance_and_the_limit_is_a_breach_that_names_both_ends() -> None:
    check = gap([part("a.md", 0.8, 0.8), part("b.md", 0.75, 0.55)], maximum=0.1, minimum=100)
    assert not check.holds
    assert check.value == pytest.approx(0.2)
    assert "a.md" in check.message
    assert "b.md" in check.message


@pytest.mark.parametrize(
    "parts",
    [
        [part("a", 0.8, 0.6), part("b", 0.5, 0.3)],  # all lose alike: for the gate to see
        [part("a", 0.8, 0.85), part("b", 0.5, 0.5)],  # grows, but by less
        [part("a", 0.5, 0.9), part("b", 0.8, 0.8)],  # the worst becomes the best
        [part("a", 0.8, 0.8), part("b", 0.8, 0.3, n=20)],  # too few to tell
        [part("a", 0.8, 0.8), part("b", 0.8, 0.3, kind="language")],  # nothing to compare with
        [],
    ],
)
def test_a_gap_that_does_not_grow_or_that_few_questions_make_is_none(parts: list[Part]) -> None:
    assert gap(parts, maximum=0.1, minimum=100).holds


def test_a_growth_made_of_questions_that_flip_both_ways_is_chance() -> None:
    steady = part("a", 0.7, 0.7, n=100)
    restless = replace(part("b", 0.7, 0.59, n=100), better=24, worse=35)
    assert gap([steady, restless], maximum=0.1, minimum=100).holds
    assert not gap([steady, replace(restless, better=0, worse=11)], maximum=0.1, minimum=100).holds
