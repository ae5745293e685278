"""CSV: each row as `column: value` lines, so that a row still says what its values are when it stands alone."""

import csv
import io
from pathlib import Path

from ingest.reading.raw import Content, Unreadable, decode


def read(path: Path) -> Content:
    """Each row as `column: value` lines, so that a row still says what its values are when it stands alone."""
    text = decode(path.read_bytes())
    try:
        delimiter = csv.Sniffer().sniff(text[:8192], ",;\t|").delimiter
    except csv.Error:
        delimiter = ","
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise Unreadable(f"is no CSV: {error}") from error
    if len(rows) < 2:
        return Content(title="", text="")
    columns = [name.strip() or f"column {number}" for number, name in enumerate(rows[0], start=1)]
    columns += [f"column {number}" for number in range(len(columns) + 1, max(map(len, rows)) + 1)]
    text = "\n\n".join(
        "\n".join(
            f"{column}: {' '.join(value.split())}" for column, value in zip(columns, row, strict=False) if value.strip()
        )
        for row in rows[1:]
    )
    return Content(title="", text=text)
