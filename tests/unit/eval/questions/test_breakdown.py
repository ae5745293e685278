"""Which file, language and group of askers a question belongs to, and which of these parts must hold on their own."""

from collections.abc import Sequence
from dataclasses import replace

from eval.questions import golden
from eval.questions.breakdown import asker_groups, parts, with_parts
from eval.questions.golden import Case, Slice
from rag_flywheel.domain import DocumentId, Evidence, ReviewedCorrection
from tests.fakes.samples import (
    chunk,
    confirmed_chunk,
    correction,
    correction_chunk,
    interaction,
    review,
    span,
)

ENGLISH = "To put the previous version back, run the command for rolling back. It takes about one second."
GERMAN = (
    "Um die vorherige Version wiederherzustellen, führen Sie den Befehl zum Zurücksetzen aus. Das dauert nicht lange."
)


def case(
    name: str = "c",
    *,
    documents: Sequence[str] = (),
    evidence: Sequence[Evidence] = (),
    source: str | None = None,
    language: str | None = None,
    group: str | None = None,
) -> Case:
    return Case(
        case_id=name,
        question="How?",
        cluster=name,
        slice=Slice.GOLDEN,
        answer=None,
        documents=frozenset(DocumentId(document) for document in documents),
        evidence=tuple(evidence),
        answerable=bool(documents or evidence),
        made=False,
        source=source,
        language=language,
        asker_group=group,
    )


def cases(
    count: int, *, source: str | None = None, language: str | None = None, group: str | None = None
) -> list[Case]:
    """Some cases with ids of their own."""
    stem = f"{source}|{language}|{group}"
    return [case(f"{stem}|{at}", source=source, language=language, group=group) for at in range(count)]


def ids(some: Sequence[Case]) -> frozenset[str]:
    return frozenset(asked.case_id for asked in some)


# --- where a case belongs -------------------------------------------------------------------------------------------


def test_a_case_has_the_file_and_the_language_of_its_evidence() -> None:
    chunks = [chunk("en", ENGLISH), chunk("de", GERMAN)]
    by_span, by_document = with_parts([case(evidence=[span("de", 3, 9)]), case(documents=["en"])], chunks, {})
    assert (by_span.source, by_span.language) == ("de.md", "de")
    assert (by_document.source, by_document.language) == ("en.md", "en")


def test_a_case_whose_answer_is_in_several_files_has_no_source_and_keeps_the_language_they_share() -> None:
    chunks = [chunk("a", ENGLISH), chunk("b", ENGLISH.replace("version", "release")), chunk("c", GERMAN)]
    same, mixed = with_parts([case(documents=["a", "b"]), case(documents=["a", "c"])], chunks, {})
    assert (same.source, same.language) == (None, "en")
    assert (mixed.source, mixed.language) == (None, None)


def test_a_file_that_holds_many_documents_is_one_source() -> None:
    lines = [replace(chunk(name, ENGLISH), source="faq.jsonl") for name in ("q1", "q2")]
    [placed] = with_parts([case(documents=["q1"], evidence=[span("q2")])], lines, {})
    assert placed.source == "faq.jsonl"


def test_a_correction_is_no_source_and_does_not_hide_the_file_that_answers_too() -> None:
    chunks = [chunk("a", ENGLISH), correction_chunk("k", "Wie?", GERMAN)]
    both, alone = with_parts([case(documents=["correction:k", "a"]), case(documents=["correction:k"])], chunks, {})
    assert (both.source, both.language) == ("a.md", "en")
    assert (alone.source, alone.language) == (None, "de")


def test_known_questions_in_the_index_do_not_count_as_text_of_the_document() -> None:
    answer = chunk("a", ENGLISH)
    asked = replace(confirmed_chunk(answer, "Wie?"), text=GERMAN * 9)
    [placed] = with_parts([case(documents=["a"])], [asked, answer], {})
    assert (placed.source, placed.language) == ("a.md", "en")


def test_the_language_is_that_of_the_whole_document_in_its_order_however_the_chunks_come() -> None:
    pieces = [chunk("a", ENGLISH * 50), chunk("a", GERMAN * 50, start=5_000)]
    told = {with_parts([case(documents=["a"])], some, {})[0].language for some in (pieces, pieces[::-1])}
    assert told == {"en"}


def test_what_answers_nothing_or_is_in_no_version_has_neither_source_nor_language() -> None:
    for placed in with_parts([case(), case(documents=["gone"])], [chunk("a", ENGLISH)], {}):
        assert (placed.source, placed.language, placed.asker_group) == (None, None, None)


def test_with_parts_changes_nothing_else_and_keeps_the_order() -> None:
    given = [case("b", documents=["a"]), case("a")]
    told = with_parts(given, [chunk("a", ENGLISH)], {"b": "beta"})
    assert [replace(placed, source=None, language=None, asker_group=None) for placed in told] == given
    assert [placed.asker_group for placed in told] == ["beta", None]


# --- who asked ------------------------------------------------------------------------------------------------------


def test_confirmed_and_corrected_questions_carry_the_group_of_whoever_asked_them() -> None:
    asked = {
        name: replace(interaction(name), group=group) for name, group in (("i1", "beta"), ("i2", None), ("i3", "eu"))
    }
    evidence = [span("guide")]
    reviewed = [
        ReviewedCorrection(correction=correction("k1", of="i3", evidence=evidence), review=review("k1")),
        ReviewedCorrection(correction=correction("k2", of="i2", evidence=evidence), review=review("k2")),
    ]
    confirmed = [asked["i1"], asked["i2"]]
    groups = asker_groups(confirmed, reviewed, lambda name: asked[name])
    found = [
        *golden.from_confirmed(confirmed),
        *golden.from_corrections(reviewed, slice=Slice.CORRECTED),
        *golden.by_evidence(reviewed),
    ]
    assert {placed.case_id: placed.asker_group for placed in with_parts(found, [], groups)} == {
        "confirmed:i1": "beta",
        "confirmed:i2": None,
        "correction:k1": "eu",
        "correction:k2": None,
        "asked:k1": "eu",
        "asked:k2": None,
    }
    assert None not in groups.values()


# --- parts ---------------------------------------------------------------------------------------------------------


def test_each_source_language_and_group_with_enough_questions_is_a_part() -> None:
    a = cases(3, source="docs/a.md", language="en", group="beta")
    b = cases(4, source="docs/b.md", language="de", group="plan-s")
    assert parts([*a, *b], 3) == {
        "source docs/a.md": ids(a),
        "source docs/b.md": ids(b),
        "language de": ids(b),
        "language en": ids(a),
        "group beta": ids(a),
        "group plan-s": ids(b),
    }


def test_a_value_with_too_few_questions_is_no_part_but_shows_that_there_are_several() -> None:
    many, few = cases(5, language="en"), cases(4, language="de")
    assert parts([*many, *few], 5) == {"language en": ids(many)}
    assert parts([*many, *few], 6) == {}


def test_where_all_questions_are_of_one_kind_there_is_nothing_to_tell_apart() -> None:
    assert parts(cases(9, source="docs/a.md", language="en", group="beta"), 3) == {}
    assert parts(cases(9), 3) == {}
    assert parts([], 3) == {}


def test_questions_whose_source_or_language_is_not_told_make_no_second_kind() -> None:
    assert parts([*cases(5, source="a.md", language="en"), *cases(5)], 3) == {}


def test_the_one_group_that_is_named_must_hold_beside_the_askers_of_whom_none_is_known() -> None:
    beta = cases(3, group="beta")
    assert parts([*beta, *cases(9)], 3) == {"group beta": ids(beta)}


def test_files_with_too_few_questions_count_together_with_the_others_of_their_folder() -> None:
    big = cases(5, source="docs/big.md")
    small = [asked for name in "abc" for asked in cases(2, source=f"docs/{name}.md")]
    other = cases(5, source="faq.jsonl")
    assert parts([*big, *small, *other], 5) == {
        "source docs/": ids(small),
        "source docs/big.md": ids(big),
        "source faq.jsonl": ids(other),
    }


def test_folders_with_too_few_questions_count_with_their_parent_and_those_with_enough_stand_alone() -> None:
    deep = [asked for name in "ab" for asked in cases(2, source=f"docs/api/v2/{name}.md")]
    thin = [asked for folder in ("tips", "news") for asked in cases(2, source=f"docs/{folder}/a.md")]
    top = cases(3, source="README.md")
    assert parts([*deep, *thin, *top], 4) == {"source docs/": ids(thin), "source docs/api/v2/": ids(deep)}
    assert parts([*deep, *thin, *top], 3) == {
        "source README.md": ids(top),
        "source docs/": ids(thin),
        "source docs/api/v2/": ids(deep),
    }


def test_one_folder_of_small_files_is_one_source_and_so_no_part() -> None:
    assert parts([asked for name in "abcdef" for asked in cases(2, source=f"docs/{name}.md")], 4) == {}


def test_files_beside_and_above_the_settings_count_with_their_common_top_at_last() -> None:
    some = [*cases(2, source="a.md"), *cases(2, source="../b.md")]
    rest = cases(4, source="c/c.md")
    assert parts([*some, *rest], 4) == {"source ./": ids(some), "source c/c.md": ids(rest)}
