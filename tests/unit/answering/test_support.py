"""Whether the passages hold what a reply says, sentence by sentence, as it streams."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.adapters.models.encoder import BUNDLED, SentenceEncoder
from rag_flywheel.answering.support import Checked, nearness, read, supported

RETURNS = (
    "Returns\nYou can send items back soon after receipt, which takes two labels. Shipping is free with "
    "the label in the box. We refund the price of 1,250 dollars within 14 days."
)
SHOPS = (
    "Our shops\nThe repair shop is in Leeds, next to the station. It opens at 9:30 on Mondays and is closed in August."
)
ASKED = "How do I send my Samsung toaster back?"
HELD = [
    "Items may be sent back, and shipping is free where the label in the box is used [1].",
    "The price is refunded within 14 days [1].",
    "You get $1250 back [1].",
    "You need 2 labels to send it back [1].",
    "The shop for repairs opens at 9.30 on Mondays [2].",
    "Your Samsung can be sent back with the label in the box [1].",
    "It is next to the station in Leeds.",
    "1. Send the items back with the label [1].",
]
MISSED = [
    "The price is refunded within 21 days [1].",
    "You need 3 labels to send it back [1].",
    "The repair shop is in Bristol, next to the station [2].",
    "The repair shop is in Leeds, next to the station [1].",
    "On Mondays at 9:30 Bristol opens its repair shop [2].",
    "Opened software, jewellery and perishable groceries are excluded from this policy [1].",
    "Feel free to contact our friendly customer service team.",
]
UNCLAIMED = [
    "Yes [1].",
    "What else would you like to know?",
    "Follow these steps:",
    "## Returning toasters",
    "3.",
    "OK!",
]
GERMAN = (
    "Garantie\nAuf alle Toaster gewähren wir zwei Jahre Garantie ab Kaufdatum. Bewahren Sie den Kassenbon auf, denn "
    "ohne Beleg kann die Werkstatt keine kostenlose Reparatur durchführen."
)


@pytest.mark.parametrize("sentence", HELD)
def test_a_sentence_in_the_passages_words_numbers_and_names_is_supported(sentence: str) -> None:
    assert supported(sentence, read([RETURNS, SHOPS], ASKED)) is True


@pytest.mark.parametrize("sentence", MISSED)
def test_another_number_another_name_another_passage_and_foreign_matter_are_not(sentence: str) -> None:
    assert supported(sentence, read([RETURNS, SHOPS], ASKED)) is False


@pytest.mark.parametrize("sentence", UNCLAIMED)
def test_what_claims_nothing_is_not_judged(sentence: str) -> None:
    assert supported(sentence, read([RETURNS, SHOPS], ASKED)) is None


def test_a_reply_in_another_language_than_the_passages_is_not_judged() -> None:
    passages = read([RETURNS], "Wie lange kann ich den Toaster zurückgeben?")
    assert supported("Sie haben einen Monat Zeit, um den Artikel zurückzuschicken [1].", passages) is None


def test_in_german_a_capital_makes_no_name_and_a_small_number_may_be_written_as_a_word() -> None:
    passages = read([GERMAN], "Wie lange gilt die Garantie?")
    assert supported("Die Garantie auf Toaster gilt 2 Jahre ab dem Tag, an dem Sie ihn gekauft haben [1].", passages)
    assert supported("Ohne Kassenbon ist in der Werkstatt keine kostenlose Reparatur möglich [1].", passages)
    assert supported("Unsere Filiale in München öffnet montags um neun Uhr [1].", passages) is False
    assert supported("Die Garantie gilt 36 Monate ab Kaufdatum [1].", passages) is False


def test_a_script_without_blanks_is_compared_by_pairs_of_characters() -> None:
    passages = read(["保修\n要重置路由器，请按住重置按钮10秒钟，直到指示灯闪烁。"], "如何重置路由器？")
    assert supported("请按住重置按钮10秒钟，直到指示灯闪烁[1]。", passages) is True
    assert supported("图书馆周末上午九点开门[1]。", passages) is False


def test_a_sentence_in_other_words_is_supported_where_one_of_the_passage_is_near_in_meaning_but_not_its_numbers() -> (
    None
):
    near = nearness(SentenceEncoder(BUNDLED, batch=8, query_prefix="", document_prefix=""))
    passages = read([SHOPS, "Isaac Newton unified the force responsible for objects falling with that for orbits."], "")
    free = "Newton showed that the same force makes things fall and keeps planets in their orbits [2]."
    assert supported(free, passages) is False
    assert supported(free, passages, near=near) is True
    assert supported(free.replace("[2]", "[1]"), passages, near=near) is False
    assert supported(free.replace("the same force", "7 forces"), passages, near=near) is False
    assert supported("Einstein described how gravity bends light [2].", passages, near=near) is False


REPLY = (
    "Shipping is free with the label [1]. It takes 99 days.[1] Dr. Watson plays chess. The shop opens at 9:30 [2].\n"
    "- You get the price back [1]\n- You get a golden watch\n\n```\nsend items back --label box\n\nsend --price\n```\n"
    "Does that help?"
)
MARKED = (
    "Shipping is free with the label [1]. It takes 99 days.[1] [unsupported] Dr. Watson plays chess. [unsupported] "
    "The shop opens at 9:30 [2].\n- You get the price back [1]\n- You get a golden watch [unsupported]\n\n```\n"
    "send items back --label box\n\nsend --price\n```\nDoes that help?"
)
KEPT = (
    "Shipping is free with the label [1]. The shop opens at 9:30 [2].\n- You get the price back [1]\n\n```\n"
    "send items back --label box\n\nsend --price\n```\nDoes that help?"
)


@pytest.mark.parametrize("size", [1, 2, 5, 17, 1000])
@pytest.mark.parametrize(("cut", "shown"), [(False, MARKED), (True, KEPT)])
def test_sentences_are_marked_or_cut_however_the_reply_comes(size: int, cut: bool, shown: str) -> None:
    pieces = (REPLY[at : at + size] for at in range(0, len(REPLY), size))
    checked = Checked(pieces, read([RETURNS, SHOPS], ASKED), cut=cut)
    assert "".join(checked) == shown
    assert (checked.found, checked.missed) == (4, 3)


def test_a_sentence_is_shown_as_soon_as_the_next_begins() -> None:
    pieces = iter(["Shipping ", "is free. ", "[1] ", "The ", "shop"])
    assert next(iter(Checked(pieces, read([RETURNS], ASKED), cut=False))) == "Shipping is free. [1] "
    assert list(pieces) == ["shop"]


def test_code_that_no_passage_holds_is_marked_below_its_block() -> None:
    block = "```sh\nrm --recursive --force everything\n```\n"
    marked = "".join(Checked(iter([block]), read([RETURNS], ASKED), cut=False))
    assert marked == "```sh\nrm --recursive --force everything\n```\n[unsupported]\n"


@given(st.text(), st.integers(1, 20))
def test_a_reply_that_is_supported_is_shown_to_the_letter(text: str, size: int) -> None:
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    assert "".join(Checked(pieces, read([f"{text} {text}"], text), cut=False)).replace(" [unsupported]", "") == text


@pytest.mark.parametrize(
    "text", ["word " * 20_000, "x" * 100_000, "[1]" * 30_000, "```\n" + "a b c\n" * 15_000, "1. " * 30_000]
)
def test_a_reply_without_an_end_of_a_sentence_takes_little_time_and_comes_in_parts(text: str) -> None:
    started = time.perf_counter()
    parts = list(Checked((text[at : at + 50] for at in range(0, len(text), 50)), read([RETURNS], ASKED), cut=False))
    assert "".join(parts).replace("\n[unsupported]", "").replace(" [unsupported]", "") == text
    assert max(map(len, parts)) < 5000
    assert time.perf_counter() - started < 10
