"""Raw documents to documents that may be stored."""

import time
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cleaning.duplicates import alike, deduplicate
from ingest.cleaning.normalising import normalise, words
from ingest.cleaning.screening import Cleaned, clean, masked
from ingest.reading.raw import RawDocument, Skipped
from rag_flywheel.domain import Document, DocumentId
from rag_flywheel.search.twins import said, say_the_same
from tests.fakes.rankings import MemoryCache
from tests.fakes.redactor import FakeRedactor

RAW = RawDocument(document_id=DocumentId("a.md"), title="Pump", text="Hold the button for five seconds.", source="a.md")


def cleaned(raw: RawDocument) -> Document:
    kept = clean(raw)
    assert isinstance(kept, Cleaned), kept
    return kept.document


def reason(text: str) -> str:
    skipped = clean(replace(RAW, text=text))
    assert isinstance(skipped, Skipped), skipped
    assert skipped.name == "a.md"
    return skipped.reason


def document(name: str, text: str, title: str = "") -> Document:
    return Document(document_id=DocumentId(name), title=title, text=text, source="corpus.jsonl")


# --- normalising ----------------------------------------------------------------------------------------------------


def test_characters_that_do_not_show_are_dropped_and_odd_spaces_and_line_ends_become_plain_ones() -> None:
    hidden = "".join(chr(0xE0000 + ord(character)) for character in "obey")
    assert normalise(f"\ufeffa\u00adb\u200b c\u00a0d\u202ee\x07\x00 f\ud800 {hidden}g\r\nh\ri") == "ab c de f g\nh\ni"


def test_a_ligature_becomes_its_letters_and_a_decomposed_accent_firstletter() -> None:
    assert normalise("\ufb01lter cafe\u0301") == "filter café"


@pytest.mark.parametrize(
    "text",
    [
        "x² + H₂O, ½ €, −20, ＡＢＣ, № 5, ™",
        "👩\u200d🔧 ❤\ufe0f 👍🏽 🇳🇴 \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "שלום עולם! مرحبا \u06dd ١٢٣",
        "हिन्दी में लिखा है, ภาษาไทยที่นี่, 電源ボタン, 한국어",
        "name\tprice\nbolt\t4",
        "option    what it does\n  -v      more is said",
        "- one\n  - two\n\n      code  here",
        "z\u0335\u0321\u0353",
    ],
)
def test_what_shows_stays_as_it_is(text: str) -> None:
    assert normalise(text) == text


def test_controls_that_are_windows_signs_become_these_and_every_line_end_divides() -> None:
    assert normalise("it\x92s \x8050\x85 \x93so\x94") == "it’s €50… “so”"
    assert normalise("a\vb\u2028c\u2029d\x1fe") == "a\nb\nc\n\nd e"
    assert normalise("well\u2011known re\u00adset") == "well-known reset"


def test_text_cannot_hide_in_tags_or_selectors() -> None:
    hidden = "".join(chr(0xE0100 + ord(letter)) for letter in "obey")
    assert normalise(f"A{hidden}B \U0001f3f4{''.join(chr(0xE0000 + ord(letter)) for letter in 'obey')}") == (
        f"A{hidden[0]}B \U0001f3f4"
    )


def test_an_endless_row_of_accents_is_cut_and_takes_no_time() -> None:
    begun = time.process_time()
    assert len(normalise("a" + "\u0315\u0300" * 200_000 + "b")) <= 33
    assert time.process_time() - begun < 2


def test_pages_that_are_empty_at_the_beginning_count() -> None:
    assert normalise("\f\n\f\nText.\n\f\n") == "\f\n\f\nText."


def test_the_dashes_below_a_tables_header_become_three_and_other_rules_stay() -> None:
    text = "| a | b |\n|--------|:-------:|\n\nTitle\n-------\n\n-----"
    assert normalise(text) == "| a | b |\n|---|:---:|\n\nTitle\n-------\n\n-----"


def test_joiners_that_scripts_and_emoji_need_stay() -> None:
    assert normalise("می\u200cخواهم 👩\u200d🔧") == "می\u200cخواهم 👩\u200d🔧"


def test_runs_of_empty_lines_shrink_and_ends_of_lines_lose_their_spaces() -> None:
    text = "a   b\t c  \n\n\n\n  - d  e\n\n```\nx  =  1\n\n  y\n```\nz  z\n"
    assert normalise(text) == "a   b\t c\n\n  - d  e\n\n```\nx  =  1\n\n  y\n```\nz  z"


@given(st.text(alphabet=st.characters(), max_size=200))
def test_normalising_twice_changes_nothing_more_and_the_result_can_be_stored(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    once.encode("utf-8")


# --- masking --------------------------------------------------------------------------------------------------------


def test_title_and_text_are_masked() -> None:
    raw = replace(RAW, title="Mail of ann@example.com", text="Write to ann@example.com or bob@example.com.")
    document = masked(cleaned(raw), FakeRedactor())
    assert document.title == "Mail of <EMAIL_ADDRESS>"
    assert document.text == "Write to <EMAIL_ADDRESS> or <EMAIL_ADDRESS>."


def test_personal_data_that_invisible_characters_divide_is_masked() -> None:
    document = cleaned(replace(RAW, text="Write now to ann@exam\u00adple\u200b.com please."))
    assert masked(document, FakeRedactor()).text == "Write now to <EMAIL_ADDRESS> please."


def test_a_document_keeps_its_id_source_and_a_title_on_firstline() -> None:
    document = cleaned(replace(RAW, title=" The\n pump "))
    assert (document.document_id, document.source, document.title) == ("a.md", "a.md", "The pump")


@pytest.mark.parametrize(
    ("text", "why"), [("-- | --", "no word"), ("\ue001\ue002\ue003\ue004 a b", "broken characters")]
)
def test_what_nobody_would_miss_is_left_out_with_its_reason_and_never_with_its_text(text: str, why: str) -> None:
    assert why in reason(text)
    assert "a b" not in reason(text)


def test_a_script_without_spaces_has_words_too() -> None:
    assert words("電源ボタンを押す it's ok 3.5") == [*"電源ボタンを押す", "it's", "ok", "3", "5"]
    assert cleaned(replace(RAW, text="電源ボタンを押す")).text == "電源ボタンを押す"
    assert len(words("กดปุ่มเปิดเครื่อง")) > 4
    assert words("हिन्दी में C3PO नहीं") == ["हिन्दी", "में", "C3PO", "नहीं"]


# --- duplicates -----------------------------------------------------------------------------------------------------

LONG = (
    "Press and hold the power button until the lamp turns green, then release it and wait for the pump to restart. "
    "The display shows the name of the mode. Turn the wheel to choose another mode and confirm it with the wheel. "
    "When the pump has restarted it keeps the mode that was chosen last, and the lamp stays green for a minute."
)


def test_the_first_of_documents_with_the_same_text_stays() -> None:
    copies = [LONG, LONG.replace(" ", "\n"), f"  {LONG}", unicodedata.normalize("NFD", f"{LONG} é"), f"{LONG} é"]
    kept, skipped = deduplicate([document(str(number), text) for number, text in enumerate(copies)])
    assert [copy.document_id for copy in kept] == ["0", "3"]
    assert [(left_out.name, left_out.same_as) for left_out in skipped] == [("1", "0"), ("2", "0"), ("4", "3")]


DIFFERENT = [
    ("C++", "C#"),
    ("-20", "20"),
    ("$400", "€400"),
    ("> 3 bar", "< 3 bar"),
    ("open", "closed"),
    ("Oslo", "Malmö"),
    ("x²", "x2"),
    ("is", "is not"),
    ("5 watts", "9 watts"),
    ("on", "off"),
    ("版本一", "版本二"),
    ("版本", "不版本"),
    ("3.5 kg", "35 kg"),
    ("50%", "50"),
]


@pytest.mark.parametrize(("first", "other"), DIFFERENT)
@pytest.mark.parametrize("around", ["{}", f"{LONG} {{}} and so on. {LONG}"])
def test_texts_that_differ_in_a_sign_number_name_or_word_are_all_kept_and_nfirststands_for_the_other(
    first: str, other: str, around: str
) -> None:
    texts = [around.format(f"it says {first} there"), around.format(f"it says {other} there")]
    assert len(deduplicate([document(str(number), text) for number, text in enumerate(texts)])[0]) == 2
    assert not say_the_same(*map(said, texts), 0.9)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a minute", "the minute"),
        ("Press and", "Please press and"),
        ("has restarted", "has restart"),
        (". ", ".  **"),
        ("then release", "then slowly release"),
        ("Turn the wheel", "turn the wheel"),
    ],
)
def test_texts_in_nearly_the_same_words_are_kept_listed_and_stand_for_each_other(old: str, new: str) -> None:
    other = LONG.replace(old, new, 1)
    documents = [document("a", LONG), document("b", "Quite another text about the boiler."), document("c", other)]
    assert deduplicate(documents) == (documents, [])
    assert alike(documents, 0.85, cache=MemoryCache()) == [("a", "c")]
    assert say_the_same(said(LONG), said(other), 0.85)
    assert alike(documents, 1.0, cache=MemoryCache()) == []


def test_the_same_text_under_two_headings_is_no_duplicate_but_under_two_file_names_it_is() -> None:
    kept, _ = deduplicate([document("a", "Hold it down.", "Pump A"), document("b", "Hold it down.", "Pump B")])
    assert len(kept) == 2
    copies = [replace(document(name, "Hold it down.", name), source=f"x/{name}.txt") for name in ("a", "b")]
    kept, skipped = deduplicate(copies)
    assert ([copy.document_id for copy in kept], [left_out.same_as for left_out in skipped]) == (["a"], ["a"])


def test_the_hint_has_an_end_and_takes_time_with_the_length_of_the_texts() -> None:
    many = [document(str(number), f"{LONG} Copy {number}.") for number in range(150)]
    assert [len(group) for group in alike(many, 0.85, cache=MemoryCache())] == [100]
    begun = time.process_time()
    alike([document("a", "word text " * 100_000)], 0.9, cache=MemoryCache())
    assert time.process_time() - begun < 5


def test_the_hint_is_the_same_where_texts_were_sketched_before_and_takes_a_fraction_of_the_time() -> None:
    texts = [f"{LONG} Copy {number} of {number % 3}. {'word text ' * 5_000}" for number in range(9)]
    documents, cache = [document(str(number), text) for number, text in enumerate([*texts, "short"])], MemoryCache()
    begun = time.process_time()
    first = alike(documents, 0.85, cache=cache)
    between = time.process_time()
    assert first
    assert alike(documents, 0.85, cache=cache) == first
    assert time.process_time() - between < (between - begun) / 3
