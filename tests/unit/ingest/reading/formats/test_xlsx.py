"""Workbooks to blocks of `column: value` lines."""

import datetime
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment

from ingest.reading.formats import xlsx
from ingest.reading.raw import Unreadable

DAY = datetime.datetime.fromisoformat("2024-05-01")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.xlsx"


def saved(book: Workbook, path: Path) -> Path:
    book.save(path)
    return path


def test_each_sheet_stands_under_its_name_and_a_hidden_one_says_so(path: Path) -> None:
    book = Workbook()
    book.properties.title = "Price list"
    assert book.active is not None
    book.active.title = "Boats"
    for row in (["vessel", "fee"], ["Sloop", 30], [], ["Ketch", 40]):
        book.active.append(row)
    hidden = book.create_sheet("Old")
    hidden.sheet_state = "hidden"
    hidden.append(["vessel", "fee"])
    hidden.append(["Raft", 5])
    content = xlsx.read(saved(book, path))
    assert content.title == "Price list"
    assert content.text.split("\n\n") == [
        "# Boats",
        "vessel: Sloop\nfee: 30",
        "vessel: Ketch\nfee: 40",
        "# Old (hidden sheet)",
        "vessel: Raft\nfee: 5",
    ]


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (0.25, "0%", "25%"),
        (0.125, "0.0%", "12.5%"),
        (0.1 + 0.2, "General", "0.3"),
        (1234.5, '#,##0.00 "€"', "1234.50 €"),
        (1234.5, "[$$-409]#,##0.00", "$1234.50"),
        (5, '0.0" kg"', "5.0 kg"),
        (3.14159, "0.00", "3.14159"),
        (1234, "00000", "01234"),
        (-20, "0;[Red]-0", "-20"),
        (True, "General", "TRUE"),
        (DAY, "dd.mm.yyyy", "2024-05-01"),
        (DAY.replace(hour=13, minute=30), "dd.mm.yyyy hh:mm", "2024-05-01 13:30"),
        (datetime.time(9, 0), "hh:mm", "09:00"),
        ("#N/A", "General", "#N/A"),
        (" two\nlines ", "@", "two lines"),
    ],
)
def test_a_value_is_shown_as_a_reader_sees_it_with_all_its_digits(value: object, number_format: str, text: str) -> None:
    assert xlsx.shown(value, number_format) == text


def test_merged_cells_repeat_but_for_a_title_above_the_table(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Tariff"], ["kind", "name", "fee"], ["Boat", "Sloop", 3], [None, "Ketch", 4]):
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("A3:A4")
    assert xlsx.read(saved(book, path)).text.split("\n\n")[1:] == [
        "Tariff",
        "kind: Boat\nname: Sloop\nfee: 3",
        "kind: Boat\nname: Ketch\nfee: 4",
    ]


def test_cells_in_far_corners_cost_nothing(path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active["A1"], book.active["XFD1048576"] = "near", "far"
    text = xlsx.read(saved(book, path)).text
    assert "near" in text
    assert "far" in text


def test_a_big_workbook_is_read_without_its_formats(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (["name", "share", "day"], ["A", 0.5, DAY]):
        book.active.append(row)
    book.active["B2"].number_format = "0%"
    saved(book, path)
    assert "share: 50%" in xlsx.read(path).text
    monkeypatch.setattr(xlsx, "FORMATTED", 0)
    assert xlsx.read(path).text.endswith("name: A\nshare: 0.5\nday: 2024-05-01")


def test_what_is_no_workbook_or_locked_is_named_as_such(path: Path) -> None:
    for data, reason in (
        (b"no zip", "no workbook"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "encrypted"),
    ):
        path.write_bytes(data)
        with pytest.raises(Unreadable, match=reason):
            xlsx.read(path)


def test_text_boxes_are_read_and_comments_on_cells_are_counted(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "Fees"
    sheet.append(["Name", "Fee"])
    sheet.append(["Boat", 3])
    sheet["B2"].comment = Comment("Ask the harbour master", "me")
    book.save(path)
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/main"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            "xl/drawings/drawing1.xml",
            f'<d xmlns="{drawing}"><txBody><p><r><t>Closed in </t></r><r><t>winter</t></r></p></txBody></d>',
        )
        archive.writestr("xl/drawings/drawing2.xml", "<d>")
    content = xlsx.read(path)
    assert content.text == "Closed in winter\n\n# Fees\n\nName: Boat\nFee: 3"
    assert [(each.what, each.count) for each in content.removed] == [
        ("comments", 1),
        ("parts that could not be read", 1),
    ]


def test_years_below_a_merged_name_are_names_too(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for cells in (["Region", "", "Sales", ""], ["N", "S", "2023", "2024"], [1, 2, 3, 4], [5, 6, 7, 8]):
        sheet.append(cells)
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("C1:D1")
    sheet.append([datetime.timedelta(hours=30), 6, 7, 8])
    book.save(path)
    text = xlsx.read(path).text
    assert "Region N: 1\nRegion S: 2\nSales 2023: 3\nSales 2024: 4" in text
    assert "Region N: 30:00" in text


def test_a_workbook_that_memory_is_too_small_for_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> list[object]:
        raise MemoryError

    monkeypatch.setattr(xlsx, "_sheets", full)
    (tmp_path / "a.xls").write_bytes(b"x")
    with pytest.raises(MemoryError):
        xlsx.read(tmp_path / "a.xls")
