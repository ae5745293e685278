"""CSV and TSV to blocks of `column: value` lines."""

import csv as standard
import time
from pathlib import Path

import pytest

from ingest.reading.formats import csv
from ingest.reading.raw import Content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def read(path: Path, text: str, encoding: str = "utf-8") -> Content:
    path.write_bytes(text.encode(encoding))
    return csv.read(path)


def blocks(path: Path, text: str, encoding: str = "utf-8") -> list[str]:
    return read(path, text, encoding).text.split("\n\n")


def test_each_row_names_its_columns_also_where_rows_are_ragged(path: Path) -> None:
    assert blocks(path, "mode,watts\nEco,5\nTurbo\nMax,9,extra\n\n") == [
        "mode: Eco\nwatts: 5",
        "mode: Turbo",
        "mode: Max\nwatts: 9\ncolumn 3: extra",
    ]


@pytest.mark.parametrize("delimiter", list(",;\t|"))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_usual_delimiter_and_encoding_is_recognised(path: Path, delimiter: str, encoding: str) -> None:
    rows = [["name", "watts", "note"], ["Föhn", "5", "hot"], ["Max", "9", "cold"]]
    text = "".join(delimiter.join(row) + "\r\n" for row in rows)
    assert blocks(path, text, encoding) == ["name: Föhn\nwatts: 5\nnote: hot", "name: Max\nwatts: 9\nnote: cold"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("mode;watts\nEco;5,5\nMax;9,5\n", "mode: Eco\nwatts: 5,5"),
        ("1,5;2,5;3,5\n2,5;3,5;4,5\n", "column 1: 1,5\ncolumn 2: 2,5\ncolumn 3: 3,5"),
        ("name,price\nPump,\"1,234.50\"\nValve,\"2,345.00\"\n", "name: Pump\nprice: 1,234.50"),
        ('id,remark\n1,"a; b; c"\n2,"d; e; f"\n', "id: 1\nremark: a; b; c"),
        ("id,tags\n" + "".join(f"{number},a;b\n" for number in range(30)), "id: 0\ntags: a;b"),
        ("a\tb\n1\tx, y; z\n2\tq\n", "a: 1\nb: x, y; z"),
        ("Q;A\nHow, then?;So, and so.\nWhy, now?;x\n", "Q: How, then?\nA: So, and so."),
        ("a, b, c\n1, 2, 3\n4, 5, 6\n", "a: 1\nb: 2\nc: 3"),
        ("sep=;\nname;shelf, row\nBolt;K, 4\n", "name: Bolt\nshelf, row: K, 4"),
        ("sep=^\nname^shelf\nBolt^K\n", "name: Bolt\nshelf: K"),
    ],
)  # fmt: skip
def test_the_delimiter_is_what_makes_whole_cells(path: Path, text: str, first: str) -> None:
    assert blocks(path, text)[0] == first


def test_one_column_of_sentences_is_text(path: Path) -> None:
    assert blocks(path, "note\nHello, world\nGood, day\nWe go; now\n") == [
        "note",
        "Hello, world",
        "Good, day",
        "We go; now",
    ]
    assert blocks(path, "apple\npear\n") == ["apple", "pear"]


def test_quoted_cells_hold_delimiters_and_line_ends(path: Path) -> None:
    text = '\ufeffid,remark\n1,"first line\nsecond; line, ""so"""\n2,plain\n'
    assert blocks(path, text) == ['id: 1\nremark: first line second; line, "so"', "id: 2\nremark: plain"]


def test_a_quotation_mark_that_is_not_closed_spoils_its_own_line_only(path: Path) -> None:
    text = 'size;note\n5";wide\n"7;open\n8;"fine; yes"\n'
    assert blocks(path, text) == ['size: 5"\nnote: wide', 'size: "7\nnote: open', "size: 8\nnote: fine; yes"]


def test_a_huge_cell_is_kept_and_the_limit_of_the_process_stays(path: Path) -> None:
    limit = standard.field_size_limit()
    assert f"note: {'wave ' * 60_000}".strip() in read(path, f"id,note\n1,key\n2,{'wave ' * 60_000}\n").text
    assert standard.field_size_limit() == limit


def test_lines_above_the_names_of_the_columns_are_text_and_title(path: Path) -> None:
    content = read(
        path, "Tariff of the harbour,,,\nAs of,May\n,,,\nvessel,berth fee,water fee,sum\nSloop,30,3,33\n,,,\n"
    )
    assert content.title == "Tariff of the harbour"
    assert content.text.split("\n\n") == [
        "Tariff of the harbour",
        "As of: May",
        "vessel: Sloop\nberth fee: 30\nwater fee: 3\nsum: 33",
    ]


def test_after_an_empty_row_a_table_goes_on_or_a_new_one_begins(path: Path) -> None:
    text = "name,watts\nA,1\n\nB,2\n\nValves\npart,inches\nC,3\nD,4\n"
    assert blocks(path, text) == [
        "name: A\nwatts: 1",
        "name: B\nwatts: 2",
        "Valves",
        "part: C\ninches: 3",
        "part: D\ninches: 4",
    ]


@pytest.mark.parametrize(
    "text", ["Monday,4,9\nTuesday,5,8\n", "ann,yes\nbob,no\ncid,yes\n", "2024-01-01,1\n2024-01-02,2\n", "a,b\n"]
)
def test_a_first_row_like_the_others_is_no_head(path: Path, text: str) -> None:
    first, second = text.split("\n")[0].split(",")[:2]
    assert blocks(path, text)[0].startswith(f"column 1: {first}\ncolumn 2: {second}")


def test_years_may_name_columns_and_a_second_row_of_names_joins_the_first(path: Path) -> None:
    assert blocks(path, "area,2021,2022\nNorth,1,2\n") == ["area: North\n2021: 1\n2022: 2"]
    text = "item,weight,power\n,(kg),(W)\nValve,3,5\nHose,4,6\n"
    assert blocks(path, text)[0] == "item: Valve\nweight (kg): 3\npower (W): 5"


def test_columns_without_a_name_and_of_the_same_name_are_told_apart(path: Path) -> None:
    assert blocks(path, "name,,name\nA,1,2\nB,3,4\n")[0] == "name: A\ncolumn 2: 1\nname (2): 2"


def test_a_wide_row_comes_in_blocks_that_each_begin_with_its_first_value(path: Path) -> None:
    head = ["name", *(f"n{number}" for number in range(200))]
    rows = [["A", *map(str, range(200))], ["B", *map(str, range(200))]]
    found = blocks(path, "\n".join(map(",".join, [head, *rows])))
    assert {block.split("\n")[0] for block in found} == {"name: A", "name: B"}
    assert max(block.count("\n") for block in found) < 30
    assert [line for block in found for line in block.split("\n")[1:]] == [f"n{n}: {n}" for n in range(200)] * 2


def test_a_sign_of_markdown_in_a_name_makes_no_heading(path: Path) -> None:
    assert blocks(path, "# of items,txt\n1,# so\n2,```\n")[0] == "\\# of items: 1\ntxt: # so"


def test_the_work_grows_with_the_text_alone(path: Path) -> None:
    started = time.perf_counter()
    for text in ('a,"b\n' * 20_000, "x,y,z\n" * 100_000, ",".join(map(str, range(50_000))), '"' * 200_000):
        assert read(path, text).text
    assert time.perf_counter() - started < 60


def test_years_and_months_may_name_columns_among_words(path: Path) -> None:
    assert blocks(path, "Region,2023,2024,Note\nNorth,5,6,new\nSouth,7,8,old\n")[0] == (
        "Region: North\n2023: 5\n2024: 6\nNote: new"
    )
    assert blocks(path, "Region,2023/24,Share\nNorth,5,60%\nSouth,7,40%\n")[0] == (
        "Region: North\n2023/24: 5\nShare: 60%"
    )
    assert blocks(path, "Pump,1999,new\nValve,2001,old\n")[0] == "column 1: Pump\ncolumn 2: 1999\ncolumn 3: new"
    assert blocks(path, "Pump,1999,new\nValve,12,old\n")[0] == "column 1: Pump\ncolumn 2: 1999\ncolumn 3: new"
