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


def test_a_table_is_read_from_the_html_where_the_plain_text_says_no_more(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("Codes:\n\nCode\nMeaning\nE1\nhot\n")
    html = "<p>Codes:</p><table><tr><th>Code<th>Meaning<tr><td>E1<td>hot</table>"
    message.add_alternative(html, subtype="html")
    assert read_bytes(tmp_path, message.as_bytes()).text == (
        "Codes:\n\n| Code | Meaning |\n| --- | --- |\n| E1 | hot |\n"
    )


def test_the_plain_text_is_read_where_the_html_says_less(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("Shut valve 4, then call us.\n\n> How?\n")
    message.add_alternative("<p>Shut valve 4.</p>", subtype="html")
    assert read_bytes(tmp_path, message.as_bytes()).text == "Shut valve 4, then call us.\n\n> How?\n"


_INVITATION = """BEGIN:VCALENDAR
BEGIN:VTIMEZONE
DTSTART:16010101T030000
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY:Pump maintenance
DTSTART;TZID="Europe/Berlin":20240501T090000
DTEND:20240501T080000Z
LOCATION:Hall 3\\, gate B
DESCRIPTION:Shut valve 4\\; then call
  555-0100.\\nBring the key.
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def test_an_invitation_says_what_when_and_where_beside_the_text_that_comes_with_it(tmp_path: Path) -> None:
    said = (
        "Pump maintenance\nStart: 2024-05-01 09:00 Europe/Berlin\nEnd: 2024-05-01 08:00 UTC\n"
        "Place: Hall 3, gate B\nShut valve 4; then call 555-0100.\nBring the key.\n"
    )
    message = EmailMessage()
    message.set_content("You are invited.")
    message.add_alternative("<p>You are invited to <b>more words</b>.</p>", subtype="html")
    message.add_alternative(_INVITATION, subtype="calendar")
    assert read_bytes(tmp_path, message.as_bytes()).text == f"You are invited to **more words**.\n\n{said}"
    alone = EmailMessage()
    alone["Subject"] = "Meet"
    alone.set_content(_INVITATION, subtype="calendar")
    assert read_bytes(tmp_path, alone.as_bytes()).text == said


def test_parts_that_have_no_name_are_read_by_their_kind_or_named_by_it(tmp_path: Path) -> None:
    data = (
        "Subject: x\nContent-Type: multipart/mixed; boundary=S\n\n"
        "--S\nContent-Type: text/csv\n\ncode,meaning\nE1,hot\n"
        "--S\nContent-Type: text/markdown\n\n# Reset\n"
        "--S\nContent-Type: text/x-log\n\nE42 at 10:00\n"
        "--S\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nStatus: 5.1.1\nAction: failed\n"
        "--S\nContent-Type: application/json\n\n{}\n--S--\n"
    )
    assert read_bytes(tmp_path, data.encode()).text == (
        "code: E1\nmeaning: hot\n\n# Reset\n\nE42 at 10:00\n\nReporting-MTA: dns; mx\n\n"
        "Status: 5.1.1\nAction: failed\n\nAttached: application/json\n"
    )


def test_headers_in_an_older_code_page_are_read(tmp_path: Path) -> None:
    content = read_bytes(tmp_path, "Subject: Größe\nFrom: Jörg <j@x.example>\n\nText".encode("latin-1"))
    assert (content.title, content.text) == ("Größe", "From: Jörg <j@x.example>\n\nText\n")


def test_a_signature_makes_no_heading_of_the_line_above(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content("Thanks\n-- \nAda, 555-0100\n")
    assert read_bytes(tmp_path, message.as_bytes()).text == "Thanks\n\n-- \nAda, 555-0100\n"
