"""What people see on the terminal, whatever texts and names hold."""

import pytest

from rag_flywheel.cli import terminal


def test_nothing_that_is_shown_controls_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "ab\x1b[2J\x07\u202ecd"
    terminal.line(f"one\ntwo {hostile}")
    terminal.rows("Title", ["name"], [[hostile]], "nothing")
    terminal.fields({"name": hostile, "nested": {"deep": hostile}})
    printed = capsys.readouterr().out
    assert "one\ntwo ab\\x1b[2J\\x07\\u202ecd" in printed
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)


COLUMNS = ("id", "name", "roles", "expires")
ROW = ["3f2a9c01b7d4", "https://id.example.org/realms/acme|ada", "asker reviewer", "2026-12-31T00:00"]


@pytest.mark.parametrize(("width", "block"), [(96, False), (80, True), (60, True), (200, False)])
def test_rows_that_fit_no_table_are_blocks_of_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, block: bool
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.rows("Keys", COLUMNS, [ROW, ROW], "nothing")
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    assert ("expires 2026-12-31T00:00" in " ".join(printed.split())) == block
    assert printed.count("2026-12-31T00:00") == 2  # whole in either


@pytest.mark.parametrize("length", [30, 70, 140])
def test_an_id_is_whole_and_in_one_piece_however_long_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """So that it can be copied into the next command."""
    monkeypatch.setenv("COLUMNS", "80")
    name = "golden:" + "0123456789" * (length // 10)
    terminal.rows("Judged questions", ("id", "origin", "question"), [[name, "added", "Why? " * 40]], "nothing")
    terminal.fields({"id": name, "question": "Why? " * 40})
    printed = capsys.readouterr().out
    assert printed.count(name) == 2
    assert all(len(line) <= 80 for line in printed.splitlines() if name not in line)
    assert printed.count("Why?") == 80


def test_a_column_s_name_is_never_broken(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal.rows("Keys", ("id", "name"), [["i" * 70, "ada"]], "nothing")
    assert "name" in capsys.readouterr().out
