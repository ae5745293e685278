"""How names from outside are shown, and which no document can have."""

import pytest

from rag_flywheel.domain import shown, wrong_name

CONTROL = [
    "\x1b[2J",
    "a\nb",
    "a\rb",
    "a\x07",
    "a\x00",
    "a\x9b31m",
    "a\u2028b",
    "invoice\u202efdp.exe",
    "a\u2066b",
    "\udcff",
]


@pytest.mark.parametrize("name", CONTROL)
def test_what_controls_a_terminal_or_turns_text_round_is_escaped_and_no_documents_name(name: str) -> None:
    assert shown(name).isprintable()
    assert "\\" in shown(name)
    assert wrong_name(name) is not None


@pytest.mark.parametrize("name", ["correction:c1", "correction:", "confirmed:i1/x.md"])
def test_a_name_that_imitates_ids_of_ours_is_no_documents_name(name: str) -> None:
    assert wrong_name(name) is not None


@pytest.mark.parametrize("name", ["docs/a b.md", "größe.md", "文書.md", "مستند.md", "👩‍💻.md", "my-correction:1.md"])
def test_every_other_name_is_shown_as_it_is(name: str) -> None:
    assert (shown(name), wrong_name(name)) == (name, None)


def test_line_breaks_of_a_text_can_be_kept() -> None:
    assert shown("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"
