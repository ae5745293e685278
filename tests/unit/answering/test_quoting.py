"""What can be quoted alone, and passages that follow each other as one."""

from dataclasses import replace

import pytest

from rag_flywheel.answering.markup import read_markup
from rag_flywheel.answering.quoting import connected, quotables
from rag_flywheel.domain import Evidence, Passage
from tests.fakes.samples import found


def sentences(text: str) -> list[str]:
    return [text[quote.start : quote.end] for quote in quotables(read_markup(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "Use e.g. the CLI, by Dr. J. Smith. It is v. 0.1 now.",
            ["Use e.g. the CLI, by Dr. J. Smith.", "It is v. 0.1 now."],
        ),
        ("Soft\nwrapped line. Next\none.", ["Soft\nwrapped line.", "Next\none."]),
        ("Run it. `make` does it.", ["Run it.", "`make` does it."]),
        ("# Title\n\nText.\n## Sub\nMore.", ["Text.", "More."]),
        ("- one\n- two. Three.", ["- one\n- two. Three."]),
        ("Kinds:\n- one\n- two\n\nEnd.", ["Kinds:\n- one\n- two", "End."]),
        ("Do this:\n1. A. B.\n2. C.\n\nEnd.", ["Do this:\n1. A. B.\n2. C.", "End."]),
        ("1. A:\n```\na\n```\n2. B.\n\nEnd.", ["1. A:\n```\na\n```\n2. B.", "End."]),
        ("Run:\n```sh\nmake. Now.\n# no heading\n```\nEnd.", ["Run:\n```sh\nmake. Now.\n# no heading\n```", "End."]),
        ("Run this.\n\n```sh\nmake\n```", ["Run this.\n\n```sh\nmake\n```"]),
        ("# Go\n\n```\ngo\n```\nIt goes. Far.", ["```\ngo\n```\nIt goes.", "Far."]),
        ("May I? Yes, you may. And so on.", ["May I? Yes, you may.", "And so on."]),
        (
            "**Date**\n\nThe day it\nwas sold. It may be left out.",
            ["**Date**\n\nThe day it\nwas sold.", "It may be left out."],
        ),
        ("Fields:\n\n**Date**\n\nThe day. Or not.", ["Fields:\n\n**Date**\n\nThe day.", "Or not."]),
        ("Press\n\n**OK** to go on.\n\n**Wait!**\n\nEnd.", ["Press", "**OK** to go on.", "**Wait!**", "End."]),
        ("Codes:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nEnd.", ["Codes:\n\n| a | b |\n|---|---|\n| 1 | 2 |", "End."]),
        ("| a | b |\n| 1 | 2 |\nEnd.", ["| a | b |", "| 1 | 2 |", "End."]),
        ("> Quoted. Twice.\n\nEnd.", ["Quoted.", "Twice.", "End."]),
        ("::: note\nInside.\n:::", ["::: note\nInside.", ":::"][:1]),
        ("这是一。这是二。", ["这是一。", "这是二。"]),
        ("  \n\n ", []),
        ("", []),
    ],
)
def test_a_text_is_cut_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "later",
    ["This makes a folder.", "However, it may fail.", "In such cases, wait.", "Then wait.", "For example, use `make`."],
)
def test_a_sentence_that_points_back_needs_the_one_before_it(later: str) -> None:
    first, second = quotables(read_markup(f"Run the setup. {later}"))
    assert (first.needs, second.needs) == (False, True)


@pytest.mark.parametrize("later", ["The folder is made.", "Wait a while.", "If the folder exists, wait."])
def test_other_sentences_need_none(later: str) -> None:
    assert not quotables(read_markup(f"Run the setup. {later}"))[1].needs


@pytest.mark.parametrize("text", ["It also works.", "and so on to the end.", "Run the following command:"])
def test_what_the_text_does_not_hold_is_missed(text: str) -> None:
    [quote] = quotables(read_markup(text))
    assert quote.broken


def test_labels_in_a_row_are_a_table_of_contents_and_miss_what_they_name() -> None:
    quotes = quotables(read_markup("**1.1. Begin**\n\n**1.2. Go on**\n\nGo."))
    assert [quote.broken for quote in quotes] == [True, False]


def test_below_a_heading_nothing_is_missed() -> None:
    [quote] = quotables(read_markup("## Undo\n\nThis takes back the last step."))
    assert (quote.broken, quote.needs, quote.opens) == (False, False, True)


@pytest.mark.parametrize(
    ("text", "refers"),
    [
        ("See [the manual](https://a.example/b).", True),
        ("References:\n\n- [A](https://a.example)\n- [B](https://b.example)", True),
        ("[Argon2](https://a.example) won the competition of 2015.", False),
        ("Methods:\n\n- [Tokens](#tokens)\n- [PINs](#pins)", False),
    ],
)
def test_what_is_little_more_than_links_is_known(text: str, refers: bool) -> None:
    [quote] = quotables(read_markup(text))
    assert quote.refers is refers


def parts(*texts: str, gap: int = 2) -> list[Passage]:
    """Passages that follow each other in one document, ranked from the last to the first."""
    passages, at = [], 0
    for rank, text in zip(range(len(texts), 0, -1), texts, strict=True):
        passage = found(text, rank, start=at)
        passages.append(replace(passage, chunk=replace(passage.chunk, document_id="guide", headings=("Setup",))))
        at += len(text) + gap
    return passages


def test_passages_of_a_section_that_follow_each_other_are_one_with_the_best_rank() -> None:
    passages = parts("1. Clone it.", "2. Build it.", "3. Run it.")
    [whole] = connected(passages)
    assert whole.chunk.text == "1. Clone it.\n\n2. Build it.\n\n3. Run it."
    assert (whole.rank, whole.chunk.start, whole.chunk.end) == (1, 0, passages[-1].chunk.end)
    at = whole.chunk.text.index("3.")
    assert whole.chunk.part(at, len(whole.chunk.text)) == passages[-1].chunk.span


def test_a_shared_sentence_stands_once_where_neighbours_overlap() -> None:
    first, second = parts("One. Two.", "Two. Three.", gap=-4)
    [whole] = connected([second, first])
    assert whole.chunk.text == "One. Two. Three."


def test_code_that_was_cut_is_one_piece_again() -> None:
    first, second = parts("```sh\nmake a", "make b\n```", gap=1)
    fence = Evidence(document_id=first.chunk.document_id, start=0, end=5)
    first = replace(first, chunk=replace(first.chunk, text=first.chunk.text + "\n```", tail=4))
    second = replace(second, chunk=replace(second.chunk, text="```sh\n" + second.chunk.text, repeated=(fence,)))
    [whole] = connected([second, first])
    assert whole.chunk.text == "```sh\nmake a\nmake b\n```"


def test_passages_apart_in_other_sections_or_with_a_hidden_part_stay_as_they_are() -> None:
    apart = parts("One.", "Two.", gap=40)
    assert connected(apart[::-1]) == apart[::-1]
    first, second = parts("One.", "Two.")
    other = replace(second, chunk=replace(second.chunk, headings=("Usage",)))
    assert connected([other, first]) == [other, first]
    hidden = replace(second, chunk=replace(second.chunk, end=second.chunk.end + 9))
    assert connected([hidden, first]) == [hidden, first]
