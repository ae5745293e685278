"""Faults that people reported of other products, in office files, tables and PDFs (the data set `cases`)."""

from pathlib import PurePosixPath

import pytest

from ingest.cleaning.screening import Cleaned, clean
from ingest.reading import formats
from tests.paths import DATA

CASES = DATA / "cases"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the data set `cases` is not here")


@pytest.mark.parametrize(
    ("file", "kept", "dropped"),
    [
        ("13-csv-sep-line/bolts.csv", ["name: Hex bolt\nshelf: Row K"], ["sep="]),
        ("14-csv-title-row/tariff.csv", ["berth fee: 30", "Tariff of the harbour"], []),
        ("14-csv-title-row/huge-cell.csv", ["lighthouse key"], []),
        ("14-csv-title-row/quoted.csv", ["id: 1\nremark: first line of remark second; line of remark"], []),
        ("16-docx-table/rates.docx", ["# Rates", "| Monday | 4 | 9 |", "# Refunds"], []),
        ("17-docx-footnote/waiver.docx", ["age of nineteen"], ["cloakroom", "Lockers"]),
        ("19-pdf-furniture/sheets.pdf", ["Model 4420", "spins 1100"], []),
        ("19-pdf-furniture/faults.pdf", ["Error code 17", "Error code 34"], []),
    ],
)
def test_nothing_is_lost_that_a_reader_would_miss(file: str, kept: list[str], dropped: list[str]) -> None:
    (raw,), skipped = formats.read(PurePosixPath(file).name, CASES / file)
    cleaned = clean(raw)
    assert skipped == []
    assert isinstance(cleaned, Cleaned)
    assert [words for words in kept if words not in cleaned.document.text] == []
    assert [words for words in dropped if words in cleaned.document.text] == []
