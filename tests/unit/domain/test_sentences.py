"""Sentences one by one, and those to quote, which are tested with the answers made of them too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain.sentences import quotable, sentences

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


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Das kostet ca. 5 Euro. Laut Nr. 5 bzw. Abs. 2 gilt es. Ende.", 3),
        ("de", "Am 3. Mai ist Schluss. Danach nicht mehr.", 2),
        ("fr", "Comptez env. 5 jours, cf. fig. 2. Voir M. Dupont.", 2),
        ("es", "Pregunte a la Sra. Gómez, pág. 5. Luego firme.", 2),
        ("ru", "Это стоит 30 тыс. руб. за штуку. Ждите.", 2),
        ("pl", "Otwarte od godz. 9. Książki, np. Atlasy, są tu.", 1),
        ("en", "Press 3. May it help. It is in Nr. Five.", 4),
        ("", "Press 3. May it help. It is in Nr. Five.", 4),
    ],
)
def test_a_sentence_to_quote_goes_on_after_an_abbreviation_or_an_ordinal_of_its_language(
    language: str, text: str, expected: int
) -> None:
    assert len(list(quotable(text, 0, len(text), language))) == expected
