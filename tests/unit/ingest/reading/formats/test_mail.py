"""E-mail."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from ingest.reading.formats.mail import read
from ingest.reading.raw import Content, Unreadable


def read_bytes(folder: Path, data: bytes) -> Content:
    path = folder / "a.eml"
    path.write_bytes(data)
    return read(path)


def test_a_message_gives_its_subject_its_writer_its_text_and_names_what_is_attached(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["Date"] = (
        "Pümp",
        "Ada <ada@x.example>",
        "Mon, 1 Jan 2024 10:00:00 +0000",
    )
    message.set_content("Hold it.\n# not a heading\n> What then?\n")
    message.add_alternative("<p>Hold <b>it</b>.", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="manual.pdf")
    content = read_bytes(tmp_path, message.as_bytes())
    assert content.title == "Pümp"
    assert content.text == (
        "From: Ada <ada@x.example>\nDate: Mon, 01 Jan 2024 10:00:00 +0000\n\n"
        "Hold it.\n\\# not a heading\n> What then?\n\nAttached: manual.pdf\n"
    )


def test_a_message_without_text_is_read_by_its_html_and_a_forwarded_one_with_its_own_text(tmp_path: Path) -> None:
    inner = EmailMessage()
    inner["Subject"] = "Old"
    inner.set_content("Older text.")
    message = EmailMessage()
    message["Subject"] = "New"
    message.set_content("<h1>Reset</h1><script>x</script>", subtype="html")
    message.add_attachment(inner)
    assert read_bytes(tmp_path, message.as_bytes()).text == "# Reset\n\nForwarded: Old\n\nOlder text.\n"


def test_of_a_stub_and_its_html_the_html_is_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("Please use an HTML viewer.")
    message.add_alternative("<p>The pump stops at five bar, so replace the valve at once, please.</p>", subtype="html")
    assert read_bytes(tmp_path, message.as_bytes()).text == (
        "The pump stops at five bar, so replace the valve at once, please.\n"
    )


def test_what_attached_files_say_is_read(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("See below.")
    message.add_attachment("Turn it off.", filename="notes.txt")
    message.add_attachment(b"code,meaning\nE1,hot\n", maintype="text", subtype="csv", filename="../../codes.csv")
    message.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="firmware.bin")
    text = read_bytes(tmp_path, message.as_bytes()).text
    assert [line for line in text.split("\n") if line] == [
        "See below.", "Attached: notes.txt", "Turn it off.", "Attached: ../../codes.csv", "code: E1", "meaning: hot",
        "Attached: firmware.bin",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("charset", "text"),
    [(b"us-ascii", "café €5".encode()), (b"iso-8859-1", b"caf\xe9 \x805"), (b"nonsense", b"caf\xe9 \x805")],
)
def test_a_character_set_that_lies_spoils_no_text(tmp_path: Path, charset: bytes, text: bytes) -> None:
    data = b"Subject: x\nContent-Type: text/plain; charset=" + charset + b"\nContent-Transfer-Encoding: 8bit\n\n" + text
    assert read_bytes(tmp_path, data).text == "café €5\n"


def test_what_is_no_message_is_reported(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no e-mail"):
        read_bytes(tmp_path, b"\n\nJust text")
