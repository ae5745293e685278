"""Plain text, and the encodings that all formats of text share."""

import time
from pathlib import Path

import pytest

from ingest.reading.formats.text import read
from ingest.reading.raw import Unreadable, decode

GERMAN = "Für Füße: größere Schläuche, naïve cafés."


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252", "latin-1"],
)
def test_text_is_decoded_whatever_its_encoding(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding)) == GERMAN


def test_one_wrong_byte_does_not_spoil_the_other_ones() -> None:
    assert decode(GERMAN.encode() + b" \xff end") == GERMAN + " \ufffd end"
    assert decode(b"plain caf\xe9") == "plain café"
    assert decode("kept \ufffd as it was".encode()) == "kept \ufffd as it was"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Нажмите и удерживайте кнопку питания в течение пяти секунд, затем отпустите её. " * 3, "cp1251"),
        ("電源ボタンを五秒間押し続けてから、ゆっくりと離してください。" * 5, "shift_jis"),
        ("按住电源按钮五秒钟，然后松开。请勿在潮湿的地方使用本产品。" * 5, "gb18030"),
    ],
)
def test_other_code_pages_are_recognised(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, bytes(range(1, 256)) * 4, b"\x00\x01" * 50, bytes(1000)])
def test_bytes_that_are_no_text_are_reported(data: bytes) -> None:
    with pytest.raises(Unreadable, match="no text"):
        decode(data)


def test_a_large_text_is_decoded_at_once() -> None:
    begun = time.monotonic()
    assert len(decode(("Größe " * 1000).encode("cp1252") * 2000)) == 12_000_000
    assert time.monotonic() - begun < 10


def test_plain_text_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# no heading\n\tx < y & z\n")
    assert read(tmp_path / "a.txt").text == "# no heading\n\tx < y & z\n"


def test_colours_of_a_terminal_go_and_what_they_colour_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"See \x1b[1mexit.1\x1b[22m and \x1b[4;31mfoo\x1b[0m[4m.")
    assert read(path).text == "See exit.1 and foo[4m."
