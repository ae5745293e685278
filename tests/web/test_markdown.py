"""Texts of people and models as HTML."""

import pytest

from rag_flywheel.web.markdown import rendered, without_markers

SOURCES = {1: "/documents/a?x=1&y=2", 2: "/documents/b"}


def test_the_markers_of_an_answer_lead_to_its_sources_and_no_number_stands_alone_on_a_line() -> None:
    text = rendered("Turn it off [1]. **Wait** [1, 2].", SOURCES)
    assert text.count('href="/documents/a?x=1&amp;y=2"') == 2
    assert text.count('href="/documents/b"') == 1
    assert "off\N{NO-BREAK SPACE}<a" in text


@pytest.mark.parametrize("text", ["array [7]", "`list[1]`", "no marker", "    code[1]"])
def test_what_is_no_marker_stays_as_it_is(text: str) -> None:
    shown = rendered(text, SOURCES)
    assert "<a" not in shown
    assert text.strip(" `") in shown


def test_markdown_is_shown_and_html_is_text() -> None:
    shown = rendered("# Title\n\n- one\n- two\n\n| a |\n| --- |\n| b |\n\n<b>bold</b> ![x](y.png)")
    assert all(tag in shown for tag in ("<h3>", "<li>one</li>", "<table>", "&lt;b&gt;"))
    assert "<img" not in shown


@pytest.mark.parametrize("target", ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x"])
def test_a_link_runs_nothing(target: str) -> None:
    assert "href" not in rendered(f"[press]({target})")


def test_somebody_who_corrects_begins_without_markers() -> None:
    assert without_markers("Turn it off [1]. Wait [1, 2].") == "Turn it off. Wait."


def test_a_text_that_would_become_a_huge_table_is_shown_as_text() -> None:
    bomb = "|" + "a|" * 65 + "\n|" + "-|" * 65 + "\n" + "|\n" * 9_000
    assert "<table" not in rendered(bomb)
    assert len(rendered(bomb)) < 10 * len(bomb)
    assert "<table" in rendered("| a | b |\n| - | - |\n| 1 | 2 |\n")
