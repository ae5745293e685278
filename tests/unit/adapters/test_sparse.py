"""Texts as BM25 sees them."""

from dataclasses import replace

import pytest

from rag_flywheel.adapters.index.sparse import Sparse
from rag_flywheel.domain import Chunk
from tests.fakes.samples import chunk

SPARSE = Sparse(titles=False)


def passage(text: str, language: str) -> Chunk:
    return replace(chunk("a#0", text=text), language=language)


def terms(text: str, language: str) -> set[int]:
    """Of a passage."""
    return set(SPARSE.weights(average=10.0)(passage(text, language)).indices)


@pytest.mark.parametrize("language", ["", "en", "ja", "zh", "th", "ko"])
@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("電源の入れ方", "本体の電源を入れます。", "画面を布で拭きます。"),
        ("如何更换滤芯", "每三个月更换一次滤芯。", "请勿将机器放在水中。"),
        ("เปลี่ยนไส้กรองอย่างไร", "ควรเปลี่ยนไส้กรองทุกสามเดือน", "ห้ามวางเครื่องในน้ำ"),
        ("전압 확인", "전원을 켜기 전에 전압을 확인하십시오.", "부드러운 천으로 닦으십시오."),
        ("ＵＳＢ", "The usb port.", "The port."),
    ],
)
def test_scripts_without_spaces_and_full_width_forms_are_searched_by_their_words(
    question: str, text: str, other: str, language: str
) -> None:
    languages = {language: 1.0} if language else {}
    shared = SPARSE.shared(question, languages)
    assert shared(text) > 0.15
    assert shared(text) > shared(other)
    assert set(SPARSE.query(question, languages).indices) & terms(text, language)


@pytest.mark.parametrize(
    ("language", "question", "text", "silent"),
    [
        ("de", "Münze", "Der Automat nimmt Münzen.", "der die und"),
        ("fr", "réglages", "Le réglage du volume.", "le la de et"),
        ("es", "garantías", "La garantía dura tres años.", "la el de y"),
        ("no", "innstillinger", "Innstillingen lagres.", ""),
        ("pl", "umowa", "Umowa jest ważna.", ""),
    ],
)
def test_a_passage_is_searched_by_the_stems_of_its_own_language_and_without_its_little_words(
    language: str, question: str, text: str, silent: str
) -> None:
    asked = set(SPARSE.query(question, {language: 1.0}).indices)
    assert asked & terms(text, language)
    assert SPARSE.query(silent, {language: 1.0}).indices == []


@pytest.mark.parametrize(
    ("language", "question", "text"),
    [("de", "Munze", "Die Münze klemmt."), ("fr", "resilier", "Résilier le contrat."), ("pt", "cartao", "O cartão.")],
)
def test_an_accent_that_is_left_out_loses_no_word_but_in_english(language: str, question: str, text: str) -> None:
    assert set(SPARSE.query(question, {language: 1.0}).indices) & terms(text, language)
    assert not set(SPARSE.query("cafe", {"en": 1.0}).indices) & terms("The café.", "en")


def test_a_passage_without_a_language_has_the_terms_that_older_releases_gave_it() -> None:
    text = "Wie die Münzen, so the coins."
    assert terms(text, "") == terms(text, "en")
    assert SPARSE.query(text, {}).indices == SPARSE.query(text, {"en": 1.0}).indices
    assert SPARSE.query(text, {}).values == SPARSE.query(text, {"en": 1.0}).values


def test_a_query_has_its_terms_in_every_language_of_the_version_each_as_heavy_as_its_likeliest_language() -> None:
    query = SPARSE.query("Router", {"de": 1.0, "en": 0.1})
    weight = dict(zip(query.indices, query.values, strict=True))
    german, english = terms("Der Router.", "de"), terms("The router.", "en")
    assert {round(weight[term], 6) for term in german & weight.keys()} == {1.0}
    assert {round(weight[term], 6) for term in english & weight.keys()} == {0.1}


def test_a_word_that_says_nothing_in_the_questions_language_finds_no_word_of_another() -> None:
    battery = terms("The battery may die.", "en")
    assert not set(SPARSE.query("Wie lade ich die Akkus?", {"de": 1.0, "en": 0.1}).indices) & battery
    assert set(SPARSE.query("Does it die?", {"de": 0.1, "en": 1.0}).indices) & battery
    assert set(SPARSE.query("die", {"de": 1.0, "en": 1.0}).indices) & battery, "nothing tells the two apart"
    assert SPARSE.query("Router-Passwort", {"de": 0.1, "en": 1.0}).indices != []


def test_a_question_without_a_term_finds_nothing_though_its_language_is_known() -> None:
    assert SPARSE.query("und die der", {"de": 1.0}).indices == []
    assert SPARSE.query("?", {"de": 1.0, "en": 0.1}).indices == []


def test_a_long_question_is_searched_whole_in_its_likeliest_language_alone() -> None:
    query = SPARSE.query("word " * 2_000 + "Routern", {"de": 0.3, "nl": 0.1, "en": 1.0})
    alone = SPARSE.query("word " * 2_000 + "Routern", {"en": 1.0})
    assert set(query.indices) - set(alone.indices) <= set(SPARSE.query("word", {"de": 1.0, "nl": 1.0}).indices)
    assert set(alone.indices) <= set(query.indices)


def test_words_that_a_question_hardly_has_count_little_for_what_it_shares_with_another() -> None:
    languages = {"en": 1.0, "de": 0.1}
    alone = SPARSE.shared("How do I reset the router?", {"en": 1.0})
    among = SPARSE.shared("How do I reset the router?", languages)
    other = "How do I reset the remote?"
    assert alone(other) == pytest.approx(0.5)
    assert among(other) == pytest.approx(0.5, abs=0.12)
