"""What masking takes out of a text is digested before it is dropped."""

import pytest

from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.domain.masked import digest
from rag_flywheel.ports import Mask, Redacted
from rag_flywheel.privacy.masking_out import MOST, around, key_of, taken_out

SALT = b"salt"
KEY = key_of(SALT)


@pytest.mark.parametrize(
    ("found", "values"),
    [
        ([("EMAIL_ADDRESS", "ada@example.net")], ["ada@example.net"]),
        ([("CREDIT_CARD", "4111 1111 1111 1111"), ("ID_NUMBER", "ID-1234567")], ["4111111111111111", "id1234567"]),
        ([("PERSON", "Ada Lovelace"), ("SECRET", "hunter2hunter2")], ["hunter2hunter2"]),
        ([], []),
        ([("ID_NUMBER", "1234")], []),
    ],
)
def test_the_digests_are_those_of_what_was_masked_but_of_names(found: list[tuple[str, str]], values: list[str]) -> None:
    assert taken_out(masked(*found), SALT) == tuple(digest(value, KEY) for value in values)


def test_the_real_redactor_leaves_what_is_needed() -> None:
    privacy = Privacy()
    text = "Please write to ada.l@lovelace.net or charge 4111 1111 1111 1111, as I said."
    kept = PresidioRedactor(privacy.entities, privacy.minimum_score, "").redact(text)
    assert taken_out(kept, SALT) == (digest("ada.l@lovelace.net", KEY), digest("4111111111111111", KEY))


def test_of_one_text_so_many_are_kept_and_no_more() -> None:
    found = [("EMAIL_ADDRESS", f"ada{number}@example.net") for number in range(50)]
    assert len(taken_out(masked(*found), SALT)) == MOST


def masked(*found: tuple[str, str]) -> Redacted:
    """A text of placeholders alone."""
    text, masks = "", []
    for kind, value in found:
        masks.append(Mask(kind=kind, start=len(text), end=len(text) + len(kind) + 2, value=value))
        text += f"<{kind}>"
    return Redacted(text=text, masks=tuple(masks))


def test_around_a_placeholder_the_words_that_are_kept_ask_for_it() -> None:
    kept = "please write to <EMAIL_ADDRESS> when it came, or <PHONE_NUMBER>"
    assert list(around(kept)) == ["please write to", "when it came, or", "please write to when it came, or"]
