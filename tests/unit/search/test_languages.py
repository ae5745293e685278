"""The language of documents and of questions."""

import pytest

from rag_flywheel.search.languages import LEAST, language_of, likely, primary

ENGLISH = "To put the previous version back, run the command for rolling back. It takes about one second."
GERMAN = (
    "Um die vorherige Version wiederherzustellen, führen Sie den Befehl zum Zurücksetzen aus. Das dauert nicht lange."
)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", ENGLISH),
        ("de", GERMAN),
        ("fr", "Pour rétablir la version précédente, exécutez la commande de retour. Cela prend environ une seconde."),
        ("es", "Para restablecer la versión anterior, ejecute la orden de reversión. Tarda más o menos un segundo."),
        ("it", "Per ripristinare la versione precedente, eseguire il comando di ritorno. Ci vuole circa un secondo."),
        (
            "nl",
            "Voer de opdracht uit om de vorige versie terug te zetten. Dat duurt ongeveer een seconde, niet langer.",
        ),
        ("pl", "Aby przywrócić poprzednią wersję, uruchom polecenie wycofania. Trwa to około jednej sekundy."),
        ("ru", "Чтобы вернуть предыдущую версию, выполните команду отката. Это занимает около одной секунды."),
        ("ja", "前のバージョンに戻すには、ロールバックのコマンドを実行してください。約一秒かかります。"),
        ("zh", "要恢复以前的版本，请运行回滚命令。大约需要一秒钟，之后系统会自动重新启动。"),
    ],
)
def test_the_language_of_a_few_sentences_is_told(code: str, text: str) -> None:
    assert language_of(text) == code


@pytest.mark.parametrize(
    "text", ["", " \n", "HDMI IN", "640 x 480 60 Hz 31.469 59.940 25.175 - / -", "z = λ ( ) a ⋅ m 2"]
)
def test_a_text_without_enough_words_has_no_language(text: str) -> None:
    assert language_of(text) is None


def test_only_codes_of_two_letters_are_given() -> None:
    pidgin = "Di tori wey dey for dis mata na say govment don tell pipo make dem no fear at all."
    assert language_of(pidgin) in (None, "en")


def test_a_question_is_likeliest_in_its_own_language_and_never_out_of_the_question_in_another() -> None:
    found = likely("Wie kann ich die Karte wieder entsperren?", ["de", "en", "fr"])
    assert found == {"de": 1.0, "en": LEAST, "fr": LEAST}


def test_a_version_in_one_language_leaves_no_doubt_about_a_question() -> None:
    assert likely("PUK vergessen", ["en"]) == {"en": 1.0}
    assert likely("PUK vergessen", []) == {}


@pytest.mark.parametrize("text", ["", "E203", "wifi"])
def test_a_question_that_tells_nothing_may_be_in_any_language(text: str) -> None:
    assert min(likely(text, ["de", "en", "gsw"]).values()) >= LEAST
    assert max(likely(text, ["de", "en", "gsw"]).values()) == 1.0


@pytest.mark.parametrize(
    ("tag", "language"),
    [("de", "de"), ("pt-BR", "pt"), (" EN_us ", "en"), ("nb-NO", "no"), ("", ""), ("deutsch", ""), ("d" * 10**6, "")],
)
def test_the_language_of_a_tag_is_its_first_part(tag: str, language: str) -> None:
    assert primary(tag) == language
