"""What only machines read is taken out and counted; what a reader may copy stays."""

import base64
import random
import textwrap
import time

import pytest

from ingest.cleaning.machine_text import without_machine_text

BYTES = random.Random(1).randbytes(3000)
BASE64 = base64.b64encode(BYTES).decode()
DUMP = "\n".join(f"{at:08x}: {BYTES[at : at + 16].hex(' ', 2)}  ....." for at in range(0, 320, 16))
SCRIPT = "(function(a){var b=1;if(a){b=c(a);}return{d:b};})(e);" * 40


@pytest.mark.parametrize(
    ("machine", "what", "left"),
    [
        (f"![The harbour](data:image/png;base64,{BASE64})", "data URIs", "The harbour"),
        (f"url(data:font/woff2;base64,{BASE64})", "data URIs", "url()"),
        (BASE64, "encoded data", ""),
        ("\n".join(textwrap.wrap(BASE64, 76)), "encoded data", ""),
        (BYTES.hex(), "encoded data", ""),
        (DUMP, "hex dumps", ""),
        (SCRIPT, "minified lines", ""),
        ("<svg width='9'><path d='M0 0'/></svg>", "drawings", ""),
    ],
)
def test_what_only_machines_read_goes_and_is_counted(machine: str, what: str, left: str) -> None:
    text, removed = without_machine_text(f"Before it.\n\n{machine}\n\nAfter it.")
    assert text.split() == f"Before it. {left} After it.".split()
    assert [(removal.what, removal.count) for removal in removed] == [(what, 1)]


@pytest.mark.parametrize(
    "text",
    [
        f"sha256: {BYTES[:32].hex()}, sha512: {BYTES[:64].hex()}",
        f"eyJhbGciOiJIUzI1NiJ9.{BASE64[:200]}.{BASE64[200:243]}",
        f"ssh-rsa {BASE64[:372]} ann@host",
        "Key: AAAA-BBBB-CCCC-DDDD-1234",
        f"https://example.org/search?{'&'.join(f'part{number}=value{number}' for number in range(200))}",
        "\n".join(f"{year} 10 20 30 40 50" for year in range(2000, 2020)),
        "```html\n<svg width='9'></svg>\n```",
        "Write `<svg>` and `</svg>`.",
        "| " + " | ".join("fn(a);" for _ in range(300)) + " |",
        "x" * 3000,
    ],
)
def test_what_a_reader_may_copy_stays(text: str) -> None:
    assert without_machine_text(text) == (text, ())


@pytest.mark.parametrize(
    "unit",
    [
        "A1b" * 20 + "\n",
        "<svg ",
        "data:",
        "![a](data:",
        "00ff: 00 11 22 33 44\n",
        "```",
        "a/",
        "![",
        "({;",
        "-" * 50 + " ",
    ],
)
def test_a_long_text_takes_no_long_time(unit: str) -> None:
    begun = time.process_time()
    without_machine_text(unit * (400_000 // len(unit)))
    assert time.process_time() - begun < 4
