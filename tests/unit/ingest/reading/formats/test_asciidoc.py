"""AsciiDoc."""

import time

import pytest

from ingest.reading.formats.asciidoc import from_asciidoc

SOURCE = """= Pump manual
Ada Writer <ada@x.example>
:product: Pump {empty}9
:toc:

// a comment
////
more comments
////
[[reset]]
== Reset {product}

Hold *it* for 10^-5^ s with H~2~O; see <<clean,Cleaning>>, xref:a.adoc[Other], `{product}` and {unknown}.
Get https://x.example/a.zip[the firmware] or link:b.zip[this], press kbd:[Ctrl+C], image:i.png[a key].

[source,bash]
----
# no heading
$ hold <1>
== none
----
<1> Twice.

NOTE: Hot.

[WARNING]
.Steam
====
Keep away.
====

* one
** two
. first
.. second
+
more

Fuse:: Type F
Lamp::
Type L

include::part.adoc[]

ifdef::pdf[]
Kept.
endif::[]

.Prices
[cols="1,2*",options="header"]
|===
|Size |Child |Adult

|Small
|4
|a \\| b
|===
"""


def lines(text: str) -> list[str]:
    return [line.strip() for line in from_asciidoc(text).text.splitlines() if line.strip()]


def test_asciidoc_becomes_headings_lists_tables_and_code() -> None:
    assert from_asciidoc(SOURCE).title == "Pump manual"
    assert lines(SOURCE) == [
        "# Pump manual", "Ada Writer <ada@x.example>", "## Reset Pump 9",
        "Hold *it* for 10^-5 s with H2O; see Cleaning, Other, `Pump 9` and {unknown}.",
        "Get [the firmware](https://x.example/a.zip) or [this](b.zip), press Ctrl+C, a key.",
        "```bash", "# no heading", "$ hold <1>", "== none", "```", "<1> Twice.", "**Note:** Hot.",
        "**Warning**", "**Steam**", "Keep away.", "- one", "- two", "1. first", "1. second", "more",
        "**Fuse**: Type F", "**Lamp**:", "Type L", "Included file: part.adoc", "Kept.", "**Prices**",
        "| Size | Child | Adult |", "| --- | --- | --- |", "| Small | 4 | a \\| b |",
    ]  # fmt: skip


def test_headings_may_be_underlined_and_a_frame_below_a_line_of_another_length_is_none() -> None:
    source = "git-push(1)\n===========\n\nNAME\n----\ngit-push - Update\n\nSUB\n~~~\nRun this:\n----\nx\n----\n"
    assert lines(source) == [
        "# git-push(1)", "## NAME", "git-push - Update", "### SUB", "Run this:", "```", "x", "```",
    ]  # fmt: skip


def test_a_table_without_named_columns_has_those_of_its_first_line() -> None:
    assert lines("|===\n|a |b\n|1\n|2\nand more\n|===\n") == ["| a | b |", "| --- | --- |", "| 1 | 2 and more |"]
    assert lines(',===\na,b\n1,"2,3"\n,===\n') == ["| a | b |", "| --- | --- |", "| 1 | 2,3 |"]


def test_blocks_that_are_never_closed_and_code_without_a_frame_keep_their_text() -> None:
    assert lines("----\ncode\nmore\n") == ["```", "code", "more", "```"]
    assert lines("[source,ruby]\nputs 1\n\nText.\n") == ["```ruby", "puts 1", "```", "Text."]


@pytest.mark.parametrize(
    "source",
    ["----\n\n" * 30_001, "[" * 100_000, "{a" * 100_000, "<<a" * 50_000, "|===\n" * 20_001, "|a " * 100_000,
     ":a: {a}{a}\n" * 5000, "* " * 100_000, "https://a" * 30_000, "a::" * 50_000, "[a,\"" * 30_000 + "]"],
)  # fmt: skip
def test_text_that_is_all_beginnings_takes_no_longer_than_its_length_asks(source: str) -> None:
    begun = time.monotonic()
    from_asciidoc(source)
    assert time.monotonic() - begun < 15


def test_who_is_quoted_stays() -> None:
    text = from_asciidoc("[quote, Ada, Letters]\n____\nIt weaves.\n____\n").text
    assert [line for line in text.split("\n") if line] == ["Ada, Letters:", "It weaves."]


def test_cells_that_span_rows_stand_in_each_and_repeated_ones_in_each_column() -> None:
    source = """|===
|A |B |C

.2+|down 2+|wide
|x |y
3*|same
|==="""
    assert [line for line in from_asciidoc(source).text.splitlines() if line] == [
        "| A | B | C |", "| --- | --- | --- |", "| down | wide |  |", "| down | x | y |", "| same | same | same |",
    ]  # fmt: skip


def test_the_title_of_a_block_is_no_heading_however_long_the_line_below_is() -> None:
    assert from_asciidoc("[%collapsible]\n.More\n====\nHidden.\n====").text.split() == ["**More**", "Hidden."]


def test_marks_of_looks_go() -> None:
    assert from_asciidoc("Use [.underline]#this#, a##b##c and #that# in C# or F#.").text == (
        "Use this, abc and that in C# or F#."
    )


def test_pluses_that_make_code_literal_are_not_shown() -> None:
    assert from_asciidoc("Run `+pump --to {there}+`, or `a + b`.").text == "Run `pump --to {there}`, or `a + b`."
