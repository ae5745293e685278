"""What masking takes out of a text is digested before it is dropped."""

import pytest

from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.domain.masked import digest
from rag_flywheel.privacy.masking_out import MOST, around, key_of, taken_out

SALT = b"salt"
KEY = key_of(SALT)


@pytest.mark.parametrize(
    ("text", "kept", "values"),
    [
        ("write to ada@example.net now", "write to <EMAIL_ADDRESS> now", ["ada@example.net"]),
        ("ada@example.net", "<EMAIL_ADDRESS>", ["ada@example.net"]),
        ("4111 1111 1111 1111 or ID-1234567?", "<CREDIT_CARD> or <ID_NUMBER>?", ["4111111111111111", "id1234567"]),
        ("I am Ada Lovelace, code hunter2hunter2", "I am <PERSON>, code <SECRET>", ["hunter2hunter2"]),
        ("nothing here", "nothing here", []),
        ("short 1234", "short <ID_NUMBER>", []),
    ],
)  # fmt: skip
def test_the_digests_are_those_of_what_stood_where_a_placeholder_stands(
    text: str, kept: str, values: list[str]
) -> None:
    assert taken_out(text, kept, SALT) == tuple(digest(value, KEY) for value in values)


def test_the_real_redactor_leaves_what_is_needed() -> None:
    privacy = Privacy()
    text = "Please write to ada.l@lovelace.net or charge 4111 1111 1111 1111, as I said."
    kept = PresidioRedactor(privacy.entities, privacy.minimum_score, "").redact(text).text
    assert taken_out(text, kept, SALT) == (digest("ada.l@lovelace.net", KEY), digest("4111111111111111", KEY))


def test_of_one_text_so_many_are_kept_and_no_more() -> None:
    text = " and ".join(f"ada{number}@example.net" for number in range(50))
    assert len(taken_out(text, " and ".join(["<EMAIL_ADDRESS>"] * 50), SALT)) == MOST


def test_a_text_that_is_not_the_masked_one_gives_nothing_wrong() -> None:
    assert taken_out("quite another text", "write to <EMAIL_ADDRESS> now <SECRET> then", SALT) == ()


def test_around_a_placeholder_the_words_that_are_kept_ask_for_it() -> None:
    kept = "please write to <EMAIL_ADDRESS> when it came, or <PHONE_NUMBER>"
    assert list(around(kept)) == ["please write to", "when it came, or", "please write to when it came, or"]
