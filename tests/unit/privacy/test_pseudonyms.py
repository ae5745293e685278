"""Stand-ins for the names of people."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from rag_flywheel.privacy.pseudonyms import pseudonym

NAMES = st.text(st.characters(exclude_categories=["Cs"]))


def test_nobody_has_no_stand_in() -> None:
    assert pseudonym(None, b"salt") is None


def test_it_is_the_keyed_hash_that_the_standard_defines() -> None:
    expected = hmac.new(b"salt", b"user:ada@example.org", hashlib.sha256).hexdigest()
    assert pseudonym("ada@example.org", b"salt") == expected[:32]


@given(NAMES, st.binary(min_size=1))
def test_one_name_gives_one_stand_in_of_32_hexadecimal_digits(name: str, salt: bytes) -> None:
    first = pseudonym(name, salt)
    assert first == pseudonym(name, salt)
    assert first is not None
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")


@given(NAMES, NAMES)
def test_two_names_have_two_stand_ins(name: str, other: str) -> None:
    assert (pseudonym(name, b"salt") == pseudonym(other, b"salt")) is (name == other)


def test_another_deployment_has_other_stand_ins() -> None:
    assert pseudonym("ada", b"salt") != pseudonym("ada", b"pepper")
