"""Raw documents to documents that may be stored."""

import time
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.cleaning.duplicates import deduplicate
from ingest.cleaning.normalising import normalise, words
from ingest.cleaning.screening import Cleaned, clean, masked
from ingest.reading.raw import RawDocument, Skipped
from rag_flywheel.domain import Document, DocumentId
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


def test_a_ligature_becomes_its_letters_and_a_decomposed_accent_one_letter() -> None:
    assert normalise("\ufb01lter cafe\u0301 x²") == "filter café x²"


def test_joiners_that_scripts_and_emoji_need_stay() -> None:
    assert normalise("می\u200cخواهم 👩\u200d🔧") == "می\u200cخواهم 👩\u200d🔧"


def test_runs_of_spaces_and_empty_lines_shrink_but_code_and_indents_stay() -> None:
    text = "a   b\t c  \n\n\n\n  - d  e\n\n```\nx  =  1\n\n  y\n```\nz  z\n"
    assert normalise(text) == "a b c\n\n  - d e\n\n```\nx  =  1\n\n  y\n```\nz z"


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


def test_a_document_keeps_its_id_source_and_a_title_on_one_line() -> None:
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


# --- duplicates -----------------------------------------------------------------------------------------------------

LONG = (
    "Press and hold the power button until the lamp turns green, then release it and wait for the pump to restart. "
    "The display shows the name of the mode. Turn the wheel to choose another mode and confirm it with the wheel. "
    "When the pump has restarted it keeps the mode that was chosen last, and the lamp stays green for a minute."
)


def test_the_first_of_documents_with_the_same_words_stays() -> None:
    kept, skipped = deduplicate([document("a", LONG), document("b", LONG.upper()), document("c", "Other text.")], 0.9)
    assert [copy.document_id for copy in kept] == ["a", "c"]
    assert [(left_out.name, left_out.same_as) for left_out in skipped] == [("b", "a")]


def test_a_document_that_differs_in_a_word_or_two_is_a_near_duplicate() -> None:
    kept, skipped = deduplicate([document("a", LONG), document("b", LONG.replace("a minute", "the minute"))], 0.9)
    assert [copy.document_id for copy in kept] == ["a"]
    assert "0.9" in skipped[0].reason
    assert skipped[0].same_as == "a"


def test_with_a_threshold_of_one_only_the_same_words_count() -> None:
    kept, _ = deduplicate([document("a", LONG), document("b", LONG.replace("a minute", "the minute"))], 1.0)
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [("for a minute", "for 5 minutes"), ("it keeps", "it never keeps"), ("then release", "then do not release")],
)
def test_sections_that_differ_in_a_number_or_a_negation_are_both_kept(old: str, new: str) -> None:
    kept, _ = deduplicate([document("a", LONG), document("b", LONG.replace(old, new))], 0.8)
    assert len(kept) == 2


def test_numbers_that_change_places_say_something_else() -> None:
    text = f"{LONG} Low is 5 watts and high is 9 watts."
    kept, _ = deduplicate(
        [document("a", text), document("b", text.replace("5", "x").replace("9", "5").replace("x", "9"))], 0.7
    )
    assert len(kept) == 2


def test_the_same_text_under_two_headings_is_no_duplicate_but_under_two_file_names_it_is() -> None:
    kept, _ = deduplicate([document("a", "Hold it down.", "Pump A"), document("b", "Hold it down.", "Pump B")], 0.9)
    assert len(kept) == 2
    copies = [replace(document(name, "Hold it down.", name), source=f"x/{name}.txt") for name in ("a", "b")]
    kept, skipped = deduplicate(copies, 0.9)
    assert ([copy.document_id for copy in kept], [left_out.same_as for left_out in skipped]) == (["a"], ["a"])


def test_documents_of_one_or_two_words_are_compared_by_their_words() -> None:
    texts = ["Reset", "Reset it", "reset", "Reset me"]
    kept, _ = deduplicate([document(str(number), text) for number, text in enumerate(texts)], 0.5)
    assert [copy.document_id for copy in kept] == ["0", "1", "3"]


def test_a_copy_of_a_near_duplicate_names_the_document_that_stayed() -> None:
    near = LONG.replace("a minute", "the minute")
    _, skipped = deduplicate([document("a", LONG), document("b", near), document("c", near)], 0.9)
    assert [left_out.same_as for left_out in skipped] == ["a", "a"]


def test_every_near_duplicate_that_comparing_all_pairs_finds_is_found() -> None:
    vocabulary = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    originals = [
        " ".join(vocabulary[(number * 7 + place * (number + 1)) % 26] for place in range(120)) for number in range(30)
    ]
    copies = [" ".join([*text.split()[:-1], "changed"]) for text in originals]
    documents = [
        document(f"{kind}{number}", text)
        for kind, texts in (("a", originals), ("b", copies))
        for number, text in enumerate(texts)
    ]

    def grams(text: str) -> set[tuple[str, ...]]:
        tokens = words(text)
        return set(zip(tokens, tokens[1:], tokens[2:], strict=False))

    expected = []
    kept_texts: list[str] = []
    for original in documents:
        if any(
            len(grams(original.text) & grams(text)) >= 0.9 * len(grams(original.text) | grams(text))
            for text in kept_texts
        ):
            expected.append(original.document_id)
        else:
            kept_texts.append(original.text)
    _, skipped = deduplicate(documents, 0.9)
    assert [left_out.name for left_out in skipped] == expected
    assert len(expected) >= 20


def test_a_row_of_marks_on_one_letter_takes_no_quadratic_time_and_short_ones_stay_as_they_are() -> None:
    started = time.process_time()
    assert len(normalise("e" + "\u0301\u0323" * 200_000)) > 400_000
    assert time.process_time() - started < 20
    assert normalise("e\u0301" + "\u0323" * 20) == unicodedata.normalize("NFC", "e\u0301" + "\u0323" * 20)
