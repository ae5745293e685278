"""How stretches of Markdown are shown."""

import re
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.answering.markup import Kind, read_markup


def shown(text: str, *, address: str = "") -> str:
    return read_markup(text, address=address).shown(0, len(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain *text* with `code` and **weight**.", "Plain *text* with `code` and **weight**."),
        ("See [the guide](guide.md#top) or [this](#here).", "See the guide or this."),
        ("See [the web](https://a.example/b).", "See [the web](https://a.example/b)."),
        ("See <https://a.example>.", "See <https://a.example>."),
        ("See [it][1].\n\n[1]: https://a.example", "See [it](https://a.example).\n\n[1]: https://a.example"),
        ("A ![plan](plan.png) of it, ![](x.png) twice.", "A plan of it,  twice."),
        ("[![badge](b.svg)](https://a.example) Text", "[badge](https://a.example) Text"),
        ("Made <b>bold</b> and<br/> broken <!-- hidden -->.", "Made bold and broken ."),
        ('<Tab title="Linux">Run it.</Tab>', "Run it."),
        ("Run `git clone <url>` or clone <url> by hand.", "Run `git clone <url>` or clone \\<url> by hand."),
        ("::: warning\nHot.\n:::", "Hot."),
        ("```\n::: no mark\n<b>\n```", "```\n::: no mark\n<b>\n```"),
        ("> Quoted\n> twice.", "Quoted\ntwice."),
        ("Ünïcode [straße](a.md) **größer**", "Ünïcode straße **größer**"),
    ],
)
def test_markup_that_means_nothing_to_the_reader_is_taken_out_and_words_stay(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_links_are_made_whole_where_the_documents_address_is_known() -> None:
    text = "See [the guide](guide.md#top)."
    assert shown(text, address="https://a.example/docs/") == "See [the guide](https://a.example/docs/guide.md#top)."


def test_emphasis_that_a_stretch_cuts_is_taken_out_of_it() -> None:
    text = "**Stop. Wait.** Go *on*."
    markup = read_markup(text)
    assert markup.shown(0, 7) == "Stop."
    assert markup.shown(8, len(text)) == "Wait. Go *on*."
    assert markup.shown(0, len(text)) == text


def test_blocks_are_told_apart() -> None:
    text = "# Title\n\nText.\n\n1. a\n2. b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx\n```\n\n> - c"
    blocks = read_markup(text).blocks
    kinds = [Kind.HEADING, Kind.PROSE, Kind.LIST, Kind.TABLE, Kind.CODE, Kind.LIST]
    assert [block.kind for block in blocks] == kinds
    assert [text[slice(*part)] for block in blocks for part in block.parts] == ["1. a", "2. b", "| 1 | 2 |", "- c"]


@given(st.text(alphabet="aé *_`[]()<>!#|-\n:1.", max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_any_stretch_of_any_text_can_be_shown(text: str, start: int, end: int) -> None:
    shown = read_markup(text, address="https://a.example").shown(start, end)
    whole = re.sub(r"https?://a\.example\S*", "", shown)
    assert Counter(filter(str.isalnum, whole)) <= Counter(filter(str.isalnum, text[start:end]))


@pytest.mark.parametrize("piece", ["[", "<a", "<!--", "*a ", "> ", "![", "- ", "**a. A.** ", "`", "|-", "::: "])
def test_hostile_markup_takes_little_time(piece: str) -> None:
    started = time.process_time()
    markup = read_markup(piece * 100_000)
    for block in markup.blocks:
        markup.shown(block.start, block.end)
    assert time.process_time() - started < 5
