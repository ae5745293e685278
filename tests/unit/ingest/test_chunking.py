"""Documents to chunks, and superseded spans out of them."""

import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunking import chunk, hide
from ingest.tiles import tiles
from rag_flywheel.config import Ingest
from rag_flywheel.domain import Chunk, CorrectionId, Document, DocumentId, Evidence, InteractionId, Provenance
from rag_flywheel.search.texts import searched_text
from tests.fakes.encoder import HashingEncoder

SMALL = Ingest(chunk_tokens=32, chunk_overlap_tokens=10)
MIDDLE = Ingest(chunk_tokens=64, chunk_overlap_tokens=10)
COUNTER = HashingEncoder()  # a word or a sign is a token


def cut(text: str, source: str = "a.md", *, settings: Ingest = SMALL) -> list[Chunk]:
    return chunk(document(text, source), settings, COUNTER)


def document(text: str, source: str = "a.md") -> Document:
    return Document(document_id=DocumentId("a"), title="Pump", text=text, source=source)


def correction(answer: str) -> Document:
    provenance = Provenance(
        correction_id=CorrectionId("c1"),
        interaction_id=InteractionId("i1"),
        feedback_ids=(),
        reviewer="rita",
        reviewed=datetime(2026, 1, 1, tzinfo=UTC),
        supersedes=(),
    )
    return Document(
        document_id=DocumentId("correction:c1"),
        title="How?",
        text=answer,
        source="correction",
        question="How?",
        provenance=provenance,
    )


def assert_exact(text: str, chunks: list[Chunk]) -> None:
    covered: set[int] = set()
    for piece in chunks:
        assert text[piece.start : piece.end] == piece.own
        assert piece.chunk_id == f"a#{piece.start}-{piece.end}"
        covered.update(range(piece.start, piece.end))
    left = "".join(letter for place, letter in enumerate(text) if place not in covered)
    assert left.strip(" \t\n\f-") == ""  # but for lines that only divide
    assert len({piece.chunk_id for piece in chunks}) == len(chunks)


def assert_fit(chunks: list[Chunk], limit: int) -> None:
    """As they are embedded."""
    assert all(
        tokens <= limit for tokens in COUNTER.count_tokens([searched_text(piece, titles=True) for piece in chunks])
    )


SENTENCES = " ".join(f"Sentence number {number} tells of part {number * 7}." for number in range(40))


def test_the_path_of_headings_reads_as_text() -> None:
    text = "# `restic` [notes](https://example.org/a_b)\n\n## C# & *more* \\#1\n\nText.\n"
    assert [piece.headings for piece in cut(text, settings=MIDDLE)] == [("restic notes", "C# & more #1")]


@pytest.mark.parametrize("above", ["| a | b |\n|---|---|\n| 1 | 2 |", "Two lines\nof words.", "Long words. " * 20])
def test_a_rule_below_a_table_or_a_paragraph_makes_no_heading_of_it(above: str) -> None:
    text = f"# Pump\n\n{above}\n---\nMore.\n\nReset\n---\n\nHold.\n"
    chunks = cut(text, settings=MIDDLE)
    assert {piece.headings for piece in chunks} == {("Pump",), ("Pump", "Reset")}
    assert_exact(text, chunks)


def test_chunks_are_spans_of_the_text_that_leave_nothing_out_and_overlap() -> None:
    chunks = cut(SENTENCES)
    assert_exact(SENTENCES, chunks)
    assert_fit(chunks, 32)
    assert all(piece.text.startswith("Sentence") and piece.text.endswith(".") for piece in chunks)
    assert all(later.start < earlier.end for earlier, later in pairwise(chunks))


def test_a_chunk_has_what_the_embedder_takes_unless_less_is_set_and_never_more() -> None:
    text = SENTENCES * 5
    for sizes, limit in ((Ingest(), 256), (Ingest(chunk_tokens=5000), 256), (Ingest(chunk_tokens=64), 64)):
        chunks = cut(text, settings=sizes)
        assert_fit(chunks, limit)
        assert max(COUNTER.count_tokens([piece.text for piece in chunks])) > limit - 24


def test_title_and_headings_count_and_are_shortened_where_they_would_leave_no_room() -> None:
    text = "\n\n".join(f"{'#' * level} {f'Heading {level} ' * 20}" for level in range(1, 6)) + f"\n\n{SENTENCES}"
    chunks = cut(text, settings=Ingest())
    assert_exact(text, chunks)
    assert_fit(chunks, 256)


def test_a_text_that_repeats_itself_is_covered_to_its_end() -> None:
    text = "Press it. " * 200
    assert_exact(text, cut(text))


BITS = (
    r"# H\n ## H2\n ```py\n ~~~\n |a|b|\n |---|---|\n |1|2|\n -_item\n __-_sub\n >_q\n 1._one\n \n \n\n ____code\n "
    r"<div>\n \f\n a:_b\n ---\n [x]:_http://y\n 。文。 ก_ข_ word_ A_sentence._ \t é x x" + "x" * 40
)
PIECES = st.sampled_from(
    [bit.replace("_", " ").replace(r"\n", "\n").replace(r"\f", "\f").replace(r"\t", "\t") for bit in BITS.split()]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["a.md", "a.txt"]))
def test_any_text_is_covered_by_exact_spans_that_fit(text: str, source: str) -> None:
    chunks = cut(text, source)
    assert_exact(text, chunks)
    for piece in chunks:
        (above,) = COUNTER.count_tokens([" ".join((piece.title, *piece.headings))])
        assert_fit([piece], max(32, above + 30))


def test_a_word_without_end_is_divided() -> None:
    text = "x" * 5000
    chunks = cut(text)
    assert_exact(text, chunks)
    assert max(len(piece.text) for piece in chunks) <= 512


def test_a_chunk_stays_below_one_heading_and_carries_the_path_of_headings() -> None:
    text = (
        "Before.\n\n# Pump\n\nIt pumps.\n\n## Reset\n\nHold it.\n\n### Fast ###\n\nBoth.\n\nClean\n---\n\nRinse it.\n"
    )
    chunks = cut(text)
    assert_exact(text, chunks)
    assert [piece.headings for piece in chunks] == [
        (),
        ("Pump",),
        ("Pump", "Reset"),
        ("Pump", "Reset", "Fast"),
        ("Pump", "Clean"),
    ]
    assert chunks[2].text == "## Reset\n\nHold it."


def test_a_heading_with_nothing_below_it_goes_with_the_next_one() -> None:
    chunks = cut("# Pump\n\n## Reset\n\nHold it.")
    assert [(piece.headings, piece.text) for piece in chunks] == [(("Pump", "Reset"), "# Pump\n\n## Reset\n\nHold it.")]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_a_comment_in_code_is_no_heading(fence: str) -> None:
    text = f"# Pump\n\n{fence}sh\n# comment\n`` #x\nrun\n{fence}\n\nEnd.\n\n## Next\n\nMore."
    assert [piece.headings for piece in cut(text, settings=MIDDLE)] == [("Pump",), ("Pump", "Next")]


def test_a_plain_text_has_no_headings() -> None:
    text = "# a comment\n\nText.\n\n# more\n\nText."
    assert [piece.headings for piece in cut(text, "a.txt")] == [()]


def test_a_chunk_of_a_text_with_pages_says_on_which_page_it_begins() -> None:
    text = "\n\f\n".join(
        f"Page {word} tells of many things {'that a reader wants to know ' * 2}today." for word in "abc"
    )
    chunks = cut(text, "a.pdf")
    assert_exact(text, chunks)
    assert [piece.headings for piece in chunks] == [("page 1",), ("page 2",), ("page 3",)]


# --- what stays whole -----------------------------------------------------------------------------------------------

ROWS = [f"| Route {number} | {number} | {number // 2} |" for number in range(30)]
TABLE = "\n".join(["| route | adult | child fare |", "|---|--:|:-:|", *ROWS])


@pytest.mark.parametrize("table", [TABLE, TABLE.replace("| ", "", 1).replace("\n| ", "\n").replace(" |\n", "\n")])
def test_every_part_of_a_table_begins_with_its_header_and_its_span_is_its_own_rows(table: str) -> None:
    text = f"# Fares\n\nWhat it costs:\n{table}\n\nThe end."
    chunks = cut(text, settings=MIDDLE)
    assert_exact(text, chunks)
    assert_fit(chunks, 64)
    pieces = [piece for piece in chunks if "Route" in piece.text]
    assert len(pieces) > 4
    for piece in pieces:
        assert "What it costs:" in piece.text
        assert "child fare" in piece.text
        assert "child fare" not in piece.own or piece is chunks[0]
        assert all(line in (*text.split("\n"), "") for line in piece.text.split("\n"))


def test_a_row_is_cut_only_where_it_alone_is_too_long() -> None:
    text = TABLE + f"\n| Long | {'word ' * 60} | 1 |\n" + "\n".join(ROWS)
    chunks = cut(text, settings=MIDDLE)
    assert_exact(text, chunks)
    assert_fit(chunks, 64)
    whole = [row for row in ROWS if any(row in piece.own for piece in chunks)]
    assert whole == ROWS


def test_rows_of_fields_stay_whole() -> None:
    rows = [f"name: Bolt {number}\nshelf: K{number}\nprice: {number}.50" for number in range(12)]
    text = "\n\n".join(rows)
    chunks = cut(text, "a.csv")
    assert_exact(text, chunks)
    assert all(any(row in piece.text for piece in chunks) for row in rows)


def test_code_that_is_cut_is_fenced_in_every_part() -> None:
    code = "\n".join(f"step_{number} = run({number})" for number in range(40))
    for after in ("", "\n\nDone.", f"\n\n{SENTENCES}"):
        text = f"Run this:\n\n```python\n{code}\n```{after}"
        chunks = cut(text)
        assert_exact(text, chunks)
        assert_fit(chunks, 32)
        for piece in (piece for piece in chunks if "step_" in piece.text):
            assert piece.text.count("```python\n") == 1
            assert piece.text.count("```") == 2


def test_code_and_items_stay_whole_while_they_fit() -> None:
    code = "```sh\n" + "\n".join(f"cmd {number}" for number in range(6)) + "\n```"
    items = [f"- item {number} with two sentences. The second is here." for number in range(8)]
    text = f"{'Some words before it. ' * 5}\n\n{code}\n\n" + "\n".join(items)
    chunks = cut(text)
    assert_exact(text, chunks)
    assert all(any(block in piece.own for piece in chunks) for block in (code, *items))


@pytest.mark.parametrize("lead", ["Then run it like this:", "**Example:**", "Prune object"])
def test_what_leads_to_a_block_is_in_one_chunk_with_it(lead: str) -> None:
    table = "| field | type |\n|---|---|\n| used | int |"
    for block in ("```sh\nrun --all\n```", table, "- item of a list\n- second item", "A paragraph that tells of it."):
        for before in range(1, 12):
            words = "Some words before it are here. " * before
            chunks = cut(f"# Pump\n\n{words}\n\n{lead}\n\n{block}\n\nThe end.", settings=MIDDLE)
            first = block.split("\n")[0]
            assert all(lead in piece.text for piece in chunks if first in piece.text)


@pytest.mark.parametrize(
    "lead",
    ["A good choice for it is", "The mean is just such a function,", "| no_wait | Default: unset |\n| --- | --- |"],
)
def test_what_ends_open_or_is_a_row_alone_is_in_one_chunk_with_what_goes_on_below(lead: str) -> None:
    for block in ("```\nrun --all\n```", "It waits for it."):
        for before in range(1, 12):
            words = "Some words before it are here. " * before
            chunks = cut(f"# Pump\n\n{words}\n\n{lead}\n\n{block}\n\nThe end.", settings=MIDDLE)
            assert lead in next(piece.text for piece in chunks if block in piece.text)


def test_code_that_must_be_cut_does_not_begin_in_the_last_lines_of_a_chunk() -> None:
    code = "\n".join(f"step_{number} = run({number})" for number in range(40))
    for before in range(1, 12):
        chunks = cut(f"{'Some words before it. ' * before}\n\nRun:\n\n```\n{code}\n```", settings=MIDDLE)
        assert_fit(chunks, 64)
        first = next(piece for piece in chunks if "step_" in piece.text)
        assert first.text.count("step_") >= 2
        assert "Run:" in first.text


def test_every_part_of_a_row_or_a_line_of_code_too_long_for_a_chunk_has_its_header_or_fence() -> None:
    long = " ".join(f"Word {number} is said." for number in range(60))
    for row in (f"| Reset | {long} |\n| Stop | x |", f"| Stop | x |\n| Reset | {long} |"):
        text = f"Before it.\n\n| mode | child fare |\n|---|---|\n{row}\n\nThe end."
        chunks = cut(text, settings=MIDDLE)
        assert_exact(text, chunks)
        assert_fit(chunks, 64)
        assert all("child fare" in piece.text for piece in chunks if "is said" in piece.text)
    text = f"Before it.\n\n```sh\n{long}\n```\n\nThe end."
    chunks = cut(text, settings=MIDDLE)
    assert_exact(text, chunks)
    assert_fit(chunks, 64)
    assert len(chunks) > 5
    assert all(
        (piece.text.count("```sh"), piece.text.count("```")) == (1, 2) for piece in chunks if "said" in piece.text
    )


# --- what pieces of a block stand under -------------------------------------------------------------------------------


def standing(text: str, source: str = "a.md") -> list[Chunk]:
    chunks = cut(text, source, settings=Ingest(chunk_tokens=96, chunk_overlap_tokens=10))
    assert_exact(text, chunks)
    assert_fit(chunks, 96)
    return chunks


def under(chunks: list[Chunk], words: str) -> str:
    """What the chunk repeats in whose own text the words stand first."""
    piece = next(piece for piece in chunks if words in piece.own)
    assert COUNTER.count_tokens([piece.text[: piece.lead]])[0] <= 48
    return piece.text[: piece.lead]


@pytest.mark.parametrize("lead", ["The options are:", "**The options**:", "What `run` takes (all of it): >"])
def test_each_piece_of_a_list_begins_with_what_leads_to_the_list(lead: str) -> None:
    items = "\n".join(f"- `--opt{number}` sets the part that has the number {number}." for number in range(30))
    chunks = standing(f"Before it.\n\n{lead}\n\n{items}\n\nAfter it.\n\n# Next\n\nMore.")
    assert len(chunks) > 3
    assert all(piece.text.startswith(f"{lead}\n\n- ") for piece in chunks[1:-2])
    assert lead not in chunks[-1].text


def test_a_piece_within_an_item_begins_with_the_first_sentence_of_the_item_and_the_lead() -> None:
    long = "\n\n  ".join(f"Paragraph {number} says more about what it does and why that is so." for number in range(12))
    chunks = standing(f"The options are:\n\n- one\n- `--all` takes all. {SENTENCES[:40]}\n\n  {long}\n- last")
    assert under(chunks, "Paragraph 10") == "The options are:\n\n- `--all` takes all.\n"


def test_a_piece_of_code_begins_with_the_lines_that_it_is_indented_under_and_says_where_some_are_left_out() -> None:
    steps = "\n".join(f"        step_{number} = self.run({number})" for number in range(40))
    code = f"import os\n\nclass Pump:\n    def start(self):\n        pass\n\n    def stop(self):\n{steps}"
    chunks = standing(f"Like this:\n\n```python\n{code}\n```\n\nDone.")
    assert under(chunks, "step_30") == (
        "Like this:\n\n```python\n...\nclass Pump:\n    ...\n    def stop(self):\n        ...\n"
    )
    assert under(standing(f"```c\nint main()\n{{\n{steps}\n}}\n```"), "step_30") == "```c\nint main()\n{\n        ...\n"


def test_a_piece_of_code_says_where_it_goes_on_and_ends_without_a_sign_where_it_is_whole() -> None:
    code = "\n".join(f"step_{number} = self.run({number})" for number in range(40))
    chunks = standing(f"```py\n{code}\n```\n\nDone.")
    assert len(chunks) > 2
    assert [piece.text.startswith("```py\n...\nstep_") for piece in chunks] == [False] + [True] * (len(chunks) - 1)
    assert [piece.text.endswith("\n...\n```") for piece in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].text.endswith("step_39 = self.run(39)\n```\n\nDone.")


def test_a_piece_shares_whole_paragraphs_with_the_one_before_and_not_the_end_of_one() -> None:
    paragraph = "The pump {0} has its own valve. It is opened by hand, once. Then it runs for an hour or two."
    text = "\n\n".join(paragraph.format(number) for number in range(12))
    starts = [piece.text.split(".")[0] for piece in cut(text, settings=MIDDLE)]
    assert len(starts) > 3
    assert all(start.startswith("The pump") for start in starts)


def test_what_stands_below_a_label_is_no_term() -> None:
    parts = "".join(f"**Input:**\n\n`size = {number}`\n\n**Output:**\n\n`done`\n\n" for number in range(9))
    chunks = standing(f"`pump/run`\n\nIt runs the pump.\n\n{parts}`pump/stop`\n\nIt stops it.")
    assert under(chunks, "size = 8") == "`pump/run`\n\n"


def test_entries_of_a_table_of_contents_stay_whole() -> None:
    entries = "\n".join(
        f"3.{number} What is it? Why is it so old? And for\nwhom? ... {number + 8}" for number in range(30)
    )
    chunks = cut(entries, settings=MIDDLE)
    assert_exact(entries, chunks)
    assert_exact(f"{entries}\nThat is all.", cut(f"{entries}\nThat is all.", settings=MIDDLE))
    assert len(chunks) > 3
    assert all(piece.text.startswith("3.") and piece.text[-1].isdigit() for piece in chunks)


def test_an_abbreviation_ends_no_sentence() -> None:
    assert tiles("It runs in 64 bit, ie. MinGW 64. See Fig. A, cf. Dr. No. It ends.") == [
        "It runs in 64 bit, ie. MinGW 64. ",
        "See Fig. A, cf. Dr. No. ",
        "It ends.",
    ]


def test_a_piece_of_a_listing_begins_with_the_command_and_the_header() -> None:
    rows = "\n".join(f"{number}ab   2026-01-{number:02}   /home" for number in range(1, 31))
    listing = (
        f"$ pump ls\npassword:\nid     date         path\n---------------------\n{rows}\n\n30 runs\n$ pump stop\nok"
    )
    chunks = standing(f"```\n{listing}\n```")
    assert under(chunks, "20ab") == "```\n$ pump ls\n...\nid     date         path\n"
    assert under(standing(f"```\n$ old\n$ new\n{rows}\n```"), "20ab") == "```\n...\n$ new\n...\n"


@pytest.mark.parametrize("term", ["`--progress`", "**-p** *number*, `--pages`", "`-a`\n\n`--all`"])
def test_a_piece_of_a_definition_begins_with_its_term_where_another_term_says_where_it_ends(term: str) -> None:
    long = "\n\n".join(f"Paragraph {number} says more about what it does and why that is so." for number in range(12))
    after = f"`--next`\n\nShort.\n\n{SENTENCES}\n\n# Other\n\nFirst. {SENTENCES}"
    chunks = standing(f"{term}\n\nIt shows. {long}\n\n{after}")
    assert under(chunks, "Paragraph 10") == f"{term}\n\n"
    assert under(chunks, "number 20 tells") == ""


def test_a_piece_of_a_plain_text_begins_with_the_lines_that_it_is_indented_under() -> None:
    body = "\n\n".join(
        f"           Paragraph {number} says more about what it does and why\n           that is so. It ends."
        for number in range(12)
    )
    text = (
        f"PUMP(1)\n\nOPTIONS\n       -a, --all    takes all\n\n       -b, --both\n{body}\n\nFILES\n       It has none."
    )
    chunks = standing(text, "a.txt")
    assert under(chunks, "Paragraph 10") == "OPTIONS\n       -b, --both\n"
    wrapped = "It tells of words that go on to the next line, and there\nthey end.\n"
    assert under(standing(f"{wrapped}\n{body}", "a.txt"), "Paragraph 10") == ""


def test_a_piece_of_xml_in_a_plain_text_begins_with_the_elements_that_it_stands_in() -> None:
    points = "\n".join(
        f'      <point number="{number}">\n        <to>{number}</to>\n      </point>' for number in range(20)
    )
    chunks = standing(f"<map>\n  <way>\n    <points>\n{points}\n    </points>\n  </way>\n</map>", "a.txt")
    assert "<points>\n      ...\n" in under(chunks, 'number="15"')


def test_a_piece_of_a_drawn_table_begins_with_its_header() -> None:
    rows = "\n├─────┼──────┤\n".join(f"│ {number}  │ run  │" for number in range(10, 30))
    table = f"Table 1. All\n┌─────┬──────┐\n│ no  │ what │\n├─────┼──────┤\n{rows}\n└─────┴──────┘"
    assert "│ no  │ what │\n" in under(standing(table, "a.txt"), "│ 20 ")


def test_a_row_of_a_drawn_table_stays_whole_between_its_rules() -> None:
    rows = "\n├─────┼──────┤\n".join(f"│ {number}  │ run  │\n│     │ no{number} │" for number in range(10, 30))
    chunks = standing(f"┌─────┬──────┐\n│ no  │ what │\n├─────┼──────┤\n{rows}\n└─────┴──────┘", "a.txt")
    assert len(chunks) > 3
    for number in range(10, 30):
        assert any(f"│ {number}  │ run  │\n│     │ no{number} │" in piece.own for piece in chunks)


def test_what_would_take_a_quarter_of_a_chunk_is_not_repeated() -> None:
    lead = f"The options, {'and all the others that there are, ' * 5}are:"
    items = "\n".join(f"- `--opt{number}` sets the part that has the number {number}." for number in range(30))
    assert under(standing(f"{lead}\n\n{items}"), "opt20") == ""
    code = "\n".join(f"{' ' * depth}if level_{depth} is open:" for depth in range(60))
    assert under(standing(f"```py\n{code}\n```"), "level_50").count("\n") < 6


def test_a_lead_does_not_stay_alone_where_its_block_must_be_cut() -> None:
    code = "\n".join(f"step_{number} = run({number})" for number in range(8))
    for words in range(1, 20):
        chunks = cut(f"# Pump\n\n{'Word ' * words}:\n\n```\n{code}\n```\n\nEnd.", settings=MIDDLE)
        assert "step_0" in chunks[0].text


def test_a_piece_loses_what_it_repeats_where_a_part_of_that_is_hidden() -> None:
    items = "\n".join(f"- `--opt{number}` sets the part that has the number {number}." for number in range(30))
    chunks = standing(f"The options are:\n\n{items}")
    old = Evidence(document_id=DocumentId("a"), start=4, end=11)
    assert [piece.text for piece in hide(chunks, [old], 4)][1:] == [piece.own for piece in chunks[1:]]


def test_a_heading_is_never_alone_above_what_is_too_long_for_one_chunk() -> None:
    chunks = cut(f"# Pump\n\n{SENTENCES}\n\n# Fares\n\n{TABLE}")
    assert not any(piece.text.startswith("#") and "\n" not in piece.text for piece in chunks)


@pytest.mark.parametrize(
    ("sentence", "end"),
    [
        ("電源ボタンを五秒間押してください。", "。"),
        ("ກົດປຸ່ມ ຄ້າງໄວ້ ", ""),
        ("กดปุ่มเปิดเครื่อง ค้างไว้ห้าวินาที ", ""),
        ("ចុចប៊ូតុង។", "។"),
    ],
)
def test_a_script_without_spaces_is_cut_at_the_ends_of_its_sentences_or_phrases(sentence: str, end: str) -> None:
    text = sentence * 60
    chunks = cut(text)
    assert_exact(text, chunks)
    phrases = sentence.split() if not end else [sentence]
    assert len(chunks) > 1
    assert all(piece.text.endswith(tuple(phrases)) and piece.text.startswith(tuple(phrases)) for piece in chunks)


@given(st.text(alphabet="aB .!?…。\n\"')-*|1éกข"))
def test_tiles_are_the_text_again(text: str) -> None:
    assert "".join(tiles(text)) == text


def test_a_tile_ends_at_a_mark_an_empty_line_or_before_an_item_and_at_no_other_line_end() -> None:
    assert tiles('It is "on." Then\nwait.\n\nTitle\n\n- one\n- two 3.5 a?b') == [
        'It is "on." ',
        "Then\nwait.\n\n",
        "Title\n\n",
        "- one\n",
        "- two 3.5 a?b",
    ]


def test_a_mark_before_a_small_letter_a_bracket_or_a_number_with_a_comma_ends_no_sentence() -> None:
    assert tiles("See Rev. 2, and add ! to it. (Or not.) Then go! Now.") == [
        "See Rev. 2, and add ! to it. (Or not.) ",
        "Then go! ",
        "Now.",
    ]


def test_a_sentence_that_goes_on_below_code_stays_with_the_code() -> None:
    for before in range(1, 20):
        text = (
            f"{'Some words before it. ' * before}\n\nCalling\n\n```\nrun a\nrun b\n```\n\nstarts the pump. {SENTENCES}"
        )
        [whole] = [piece for piece in cut(text, settings=MIDDLE) if "starts the pump." in piece.text]
        assert "run b\n```\n\nstarts the pump." in whole.own


def test_a_number_before_a_title_and_the_end_of_a_page_end_no_sentence() -> None:
    assert tiles("4.13.7. Ende. [A.1. Was ist das?](b.html) A. Start 3. Next") == [
        "4.13.7. Ende. ", "[A.1. Was ist das?](b.html) A. ", "Start 3. ", "Next",
    ]  # fmt: skip
    words = "the button that is on its side and starts the pump " * 3
    text = f"Hold {words}until\n\f\nthe light goes out. {words}\n\f\nNow wait."
    chunks = cut(text, "a.pdf")
    assert_exact(text, chunks)
    assert_fit(chunks, 32)
    assert any("until\n\f\nthe light" in piece.text for piece in chunks)


def test_a_long_text_is_read_part_by_part_and_keeps_its_headings() -> None:
    text = "# Pump\n\n" + "".join(f"- item {number} of a list that goes on for long\n" for number in range(9000))
    chunks = cut(text, settings=Ingest())
    assert_exact(text, chunks)
    assert {piece.headings for piece in chunks} == {("Pump",)}
    assert all(piece.own.startswith(("- item", "# Pump")) and piece.own.endswith("long") for piece in chunks)


HOSTILE = [
    "word ",
    "x",
    " ",
    "\n",
    "- a\n",
    "|1|2|\n",
    "```\n",
    "# h\n",
    "e\u0301",
    ".\"'",
    "> a\n",
    "中文",
    "a: b\n",
    "<div>\n",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_four_times_the_text_takes_about_four_times_as_long(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        begun = time.process_time()
        cut(text, settings=Ingest())
        return time.process_time() - begun

    seconds(1000)
    small = min(seconds(30_000) for _ in range(2))
    assert seconds(120_000) < 12 * small + 0.5


def test_a_correction_is_one_chunk_with_its_question_and_provenance_however_long_it_is() -> None:
    answer = correction(f"# Answer\n\n{SENTENCES}")
    chunks = chunk(answer, SMALL, COUNTER)
    assert [(piece.text, piece.start, piece.end) for piece in chunks] == [(answer.text, 0, len(answer.text))]
    assert (chunks[0].question, chunks[0].provenance) == ("How?", answer.provenance)
    assert chunks[0].chunk_id == f"correction:c1#0-{len(answer.text)}"


def test_the_same_document_gives_the_same_chunks() -> None:
    assert cut(SENTENCES) == cut(SENTENCES)


def test_a_text_of_white_space_has_no_chunks() -> None:
    assert cut(" \n\n ") == []


def test_chunking_opens_no_connection_and_loads_no_model() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from ingest.chunking import chunk\n"
        "from rag_flywheel.adapters.models.encoder import SentenceEncoder\n"
        "from rag_flywheel.config import Ingest\n"
        "from rag_flywheel.domain import Document\n"
        "text = 'One sentence of six words here. ' * 50\n"
        "encoder = SentenceEncoder('all-MiniLM-L6-v2', batch=1, query_prefix='', document_prefix='')\n"
        "document = Document(document_id='a', title='', text=text, source='a.md')\n"
        "print(len(chunk(document, Ingest(chunk_tokens=50), encoder)))\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5
    assert done.stderr == ""


# --- hiding ---------------------------------------------------------------------------------------------------------

TEXT = "The pump is fast. Hold it for five seconds. It then restarts by itself."
ONE = cut(TEXT)[0]


def span(part: str) -> Evidence:
    start = TEXT.index(part)
    return Evidence(document_id=DocumentId("a"), start=start, end=start + len(part))


def test_a_superseded_span_is_cut_out_and_the_offsets_stay() -> None:
    (left,) = hide([ONE], [span("Hold it for five seconds.")], 4)
    assert left.text == "The pump is fast. It then restarts by itself."
    assert replace(left, text=ONE.text) == ONE


def test_spans_that_overlap_touch_or_reach_beyond_the_chunk_are_cut_once() -> None:
    spans = [
        span("It then restarts by itself."),
        span("Hold it for"),
        span("for five seconds."),
        Evidence(document_id=DocumentId("a"), start=60, end=900),
    ]
    assert [piece.text for piece in hide([ONE], spans, 4)] == ["The pump is fast."]
    assert [piece.text for piece in hide([ONE], [span("The pump is fast.")], 4)] == [
        TEXT.removeprefix("The pump is fast. ")
    ]


def test_lines_stay_divided_where_a_line_is_cut() -> None:
    text = "Line one is here.\nLine two is old.\nLine three is here."
    (whole,) = cut(text)
    old = Evidence(document_id=DocumentId("a"), start=18, end=34)
    assert [piece.text for piece in hide([whole], [old], 4)] == ["Line one is here.\nLine three is here."]


def test_a_chunk_with_too_few_words_left_is_dropped() -> None:
    spans = [span("The pump is fast. Hold it for five seconds. It then")]
    assert hide([ONE], spans, 4) == []
    assert [piece.text for piece in hide([ONE], spans, 3)] == ["restarts by itself."]


def test_spans_of_other_documents_or_other_places_change_nothing() -> None:
    elsewhere = [
        Evidence(document_id=DocumentId("b"), start=0, end=50),
        Evidence(document_id=DocumentId("a"), start=len(TEXT), end=len(TEXT) + 9),
    ]
    short = replace(ONE, text="Two words")
    assert hide([ONE, short], elsewhere, 4) == [ONE, short]


def test_a_superseded_correction_disappears() -> None:
    (old,) = chunk(correction("Hold it for three seconds."), Ingest(), COUNTER)
    assert hide([old], [Evidence(document_id=DocumentId("correction:c1"), start=0, end=26)], 1) == []


def test_a_part_of_a_table_keeps_its_header_where_a_row_is_hidden_and_loses_it_where_that_is() -> None:
    chunks = cut(TABLE, settings=MIDDLE)
    row = chunks[1].own.split("\n")[0]
    start = TABLE.index(row)
    old = Evidence(document_id=DocumentId("a"), start=start, end=start + len(row))
    left = hide(chunks, [old], 4)[1]
    assert left.text == chunks[1].text.replace(f"{row}\n", "")
    assert left.part(0, 5) == left.span
    header = Evidence(document_id=DocumentId("a"), start=2, end=8)
    assert not any("child fare" in piece.text for piece in hide(chunks, [header], 4)[1:])


def test_a_place_in_the_text_of_a_part_of_a_table_is_that_of_its_own_row() -> None:
    piece = cut(TABLE, settings=MIDDLE)[1]
    row = piece.own.split("\n")[1]
    at = piece.text.index(row)
    span = piece.part(at, at + len(row))
    assert TABLE[span.start : span.end] == row
    assert piece.part(0, 3) == piece.span  # of the header, which stands elsewhere


def test_a_title_in_bold_is_not_cut_after_its_number() -> None:
    text = f"{'Some words that fill it. ' * 4}\n\n**Example 10.14. Excerpt of the zone.**\n\n```\nns IN A\n```\n"
    assert all(piece.text.count("**") % 2 == 0 for piece in cut(text))
    assert any("**Example 10.14. Excerpt of the zone.**\n\n```" in piece.text for piece in cut(text))


def test_a_long_line_of_json_is_cut_between_its_members() -> None:
    text = "```json\n{" + ",".join(f'"member_{number}":[{number},"words of it"]' for number in range(40)) + "}\n```\n"
    pieces = cut(text)
    assert len(pieces) > 4
    for piece in pieces:
        inside = piece.own.replace("```json", "").replace("```", "").strip()
        assert inside.endswith((",", "}", "[", "]"))
        assert inside.count('"') % 2 == 0


def test_a_row_with_an_empty_first_cell_is_below_the_row_that_it_goes_on_with() -> None:
    rows = [f"| {name} | Value. |\n|  | {'It waits for the answer of the pump. ' * 6} |\n" for name in "abc"]
    text = "|  |  |\n| --- | --- |\n" + "".join(rows)
    pieces = cut(text, settings=MIDDLE)
    assert_exact(text, pieces)
    below = [piece for piece in pieces if piece.own.startswith("|  | It")]
    assert below
    assert all("| Value. |" in piece.text[: piece.lead] for piece in below)


def test_code_that_begins_a_chunk_has_the_short_paragraph_above_it() -> None:
    code = "```\nstop --now and then wait for it\n```\n"
    text = f"{'Some other words that fill a chunk. ' * 4}\n\nThe pump can be stopped.\n\n{code}"
    assert cut(text)[-1].own.startswith("The pump can be stopped.\n\n```")


def test_a_term_in_a_quotation_is_above_what_it_defines() -> None:
    parts = "".join(f"> It empties pump {number} of what is left in it.\n>\n" for number in range(9))
    text = f"> **purge()**\n>\n{parts}> **stop()**\n>\n> It stops.\n"
    pieces = cut(text, settings=MIDDLE)
    assert len(pieces) > 2
    assert all("**purge()**" in piece.text for piece in pieces if "empties" in piece.own)
