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
