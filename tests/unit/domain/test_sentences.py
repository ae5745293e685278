"""Sentences one by one, and a text laid out in them; those to quote are tested with the answers made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain.sentences import sentences, tiles

TEXTS = st.text(alphabet="aB .!?…。\n\"')-*|1é")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Turn it off. Wait! Is it cold?", ["Turn it off.", "Wait!", "Is it cold?"]),
        ("Version 3.5 of a.b is out.", ["Version 3.5 of a.b is out."]),
        ("A heading\nA sentence that is\nwrapped.", ["A heading", "A sentence that is\nwrapped."]),
        ("They said: stop.\" Then 'no'?", ["They said: stop.", "\" Then 'no'?"]),
        ("Wait... what?!", ["Wait...", "what?!"]),
        ("主电源已关闭。请等待！", ["主电源已关闭。", "请等待！"]),
        (" .  \n", []),
    ],
)
def test_a_sentence_ends_at_its_mark_or_its_line(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


@given(TEXTS)
def test_sentences_come_in_order_and_lose_nothing_but_blanks_and_marks(text: str) -> None:
    at = 0
    for sentence in sentences(text):
        start = text.index(sentence, at)
        assert not text[at:start].strip(" \n.!?。")
        at = start + len(sentence)
    assert not text[at:].strip(" \n.!?。")


@given(TEXTS)
def test_tiles_are_the_text_again(text: str) -> None:
    assert "".join(tiles(text)) == text


def test_a_tile_ends_at_a_mark_an_empty_line_or_before_an_item_and_at_no_other_line_end() -> None:
    assert tiles('It is "on." Then\nwait.\n\nTitle\n\n- one\n- two') == [
        'It is "on." ',
        "Then\nwait.\n\n",
        "Title\n\n",
        "- one\n",
        "- two",
    ]
