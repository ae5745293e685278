"""Values that were masked out, told again by their digests."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.domain.masked import LONGEST, MaskedOut, digest, masked_out

KEY = b"key"


def known(*values: str) -> MaskedOut:
    return masked_out([(tuple(filter(None, (digest(value, KEY) for value in values))), ["around"])], KEY)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("+1 212 555 0199", "call (212) or +1-212-555.0199 now"),
        ("DE89 3704 0044 0532 0130 00", "to de89370400440532013000."),
        ("Ada.L@Example.net", "<ada.l@example.net>"),
        ("sk-Abc_123-def-456", "key=SK ABC 123 DEF 456"),
    ],
)
def test_a_value_is_known_in_any_writing_of_it(value: str, text: str) -> None:
    assert len(known(value).held(text)) == 1


@pytest.mark.parametrize("text", ["x12125550199", "1 212 555 0198", "", "1 212 555"])
def test_another_value_is_not(text: str) -> None:
    assert known("+1 212 555 0199").held(text) == set()


@pytest.mark.parametrize("value", ["1234567", "x" * (LONGEST + 1), " ".join(["a1"] * 13), "!!"])
def test_what_is_too_short_or_too_long_to_be_told_again_has_no_digest(value: str) -> None:
    assert digest(value, KEY) is None


def test_without_the_key_it_is_another_digest() -> None:
    assert digest("4111111111111111", KEY) != digest("4111111111111111", b"other")


@given(st.text(max_size=60), st.text("ab1 -", min_size=8, max_size=40), st.text(max_size=60))
def test_a_value_between_other_words_is_always_found(before: str, value: str, after: str) -> None:
    told = digest(value, KEY)
    if told is not None:
        assert MaskedOut(key=KEY, digests=frozenset({told}), around=()).held(f"{before} {value} {after}") == {told}


@pytest.mark.parametrize("text", ["a " * 200_000, "a" * 400_000, "1-" * 200_000])
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    started = time.process_time()
    known("4111111111111111").held(text)
    assert time.process_time() - started < 20


def test_records_without_digests_tell_nothing_of_what_stood_in_them() -> None:
    assert masked_out([((), ["my name is"])], KEY).around == ()
