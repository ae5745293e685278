"""Sentences one by one; those to quote are tested with the answers made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain.sentences import sentences

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
