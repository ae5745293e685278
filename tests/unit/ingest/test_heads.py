"""What a part of a plain text stands under."""

from ingest.heads import text_heads

TEXT = """These mappings join empty lines:
    :map one
    :map two

==============================================
Compressing the help files

You can compress the help files."""


def said(at: int) -> str | None:
    found = text_heads(TEXT, 0, len(TEXT))(at)
    return None if found is None else TEXT[found.start : found.end]


def test_what_is_indented_stands_under_the_lines_that_lead_to_it() -> None:
    assert said(TEXT.index("    :map two")) == TEXT[: TEXT.index("\n    :map one")]


def test_a_line_that_divides_stands_under_nothing_that_is_above_it() -> None:
    assert said(TEXT.index("=====")) is None


OPTIONS = """Switches:

    -gray     Make it gray.  By
              saying so, it is small.
    -rgb      Make it red.
"""


def test_what_stands_beside_a_term_in_its_line_stands_under_the_term() -> None:
    under = text_heads(OPTIONS, 0, len(OPTIONS))
    for place in ("By", "saying"):
        found = under(OPTIONS.index(place))
        assert found is not None
        assert OPTIONS[found.start : found.end].strip() == "-gray"
    at_term = under(OPTIONS.index("    -rgb"))
    assert at_term is not None
    assert OPTIONS[at_term.start : at_term.end] == "Switches:"
