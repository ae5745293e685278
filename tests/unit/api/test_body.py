"""What can be said of a body before anything is made of it."""

import json

import pytest

from rag_flywheel.api.body import CONTAINERS, DEPTH, is_text, is_utf8_unquoted, too_nested


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800", "\\\ud800", "\ud83d\ud83d\ude00"])
def test_half_a_character_is_no_text_wherever_it_stands(text: str) -> None:
    assert not is_text(json.dumps({"value": text}).encode())
    assert not is_text(json.dumps({text: [1]}).encode())
    assert not is_text(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("text", ["", "plain", "\U0001f600", "\\ud800", "\\\\udfff", "\\", '"\n\t', "é\u2028", "\x00"])
def test_every_other_text_is_text_escaped_or_not(text: str) -> None:
    assert is_text(json.dumps({text: text}).encode())
    assert is_text(json.dumps({text: text}, ensure_ascii=False).encode())


def test_bytes_of_another_encoding_are_no_text() -> None:
    assert not is_text('"é"'.encode("latin-1"))
    assert not is_utf8_unquoted(b"/versions/%ED%A0%80")
    assert not is_utf8_unquoted(b"/versions/%FF")
    assert is_utf8_unquoted(b"/versions/%C3%A9%00%")


@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_only_what_is_deeper_than_the_limit_is_too_deep(pair: str) -> None:
    opens, closes = pair[0] if pair == "[]" else '{"a":', pair[1]
    assert not too_nested((opens * DEPTH + ("" if pair == "[]" else "1") + closes * DEPTH).encode())
    assert too_nested((opens * (DEPTH + 1) + ("" if pair == "[]" else "1") + closes * (DEPTH + 1)).encode())


def test_brackets_in_a_text_nest_nothing() -> None:
    assert not too_nested(json.dumps(["[" * 10_000, '"[' * 10_000, {"\\": "{" * 10_000}]).encode())


@pytest.mark.parametrize("body", [b"[" * 10_000, b'{"a":' * 10_000, b"[" * 40 + b'"' + b'\\"' * 10_000])
def test_what_never_ends_is_too_deep(body: bytes) -> None:
    assert too_nested(body)


def test_more_lists_than_anything_here_needs_are_too_many() -> None:
    assert not too_nested(b"[" + b"[]," * (CONTAINERS - 2) + b"[]]")
    assert too_nested(b"[" + b"[]," * CONTAINERS + b"[]]")
