"""Jupyter notebooks."""

import json
from pathlib import Path

import pytest

from ingest.reading.formats.notebook import read
from ingest.reading.raw import Content, Unreadable


def notebook(folder: Path, *cells: dict[str, object]) -> Content:
    (folder / "a.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": cells}))
    return read(folder / "a.ipynb")


def test_text_cells_are_markdown_and_code_cells_are_code_with_what_they_printed(tmp_path: Path) -> None:
    table = {"text/html": ["<table><tr><th>a", "<tr><td>1</table>"], "text/plain": "a\n1"}
    content = notebook(
        tmp_path,
        {"cell_type": "markdown", "source": ["# Pump\n", "Hold <b>it</b>."]},
        {
            "cell_type": "code",
            "source": "# no heading\nprint(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"output_type": "display_data", "data": {"image/png": "AAAA"}},
                {"output_type": "execute_result", "data": table},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad"},
            ],
        },
        {"cell_type": "raw", "source": "Raw."},
    )
    assert content.title == "Pump"
    assert content.text == (
        "# Pump\nHold it.\n\n```python\n# no heading\nprint(1)\n```\n\n```\n1\n```\n\n| a |\n| --- |\n| 1 |\n\n"
        "```\nValueError: bad\n```\n\nRaw.\n"
    )


def test_a_long_output_is_cut_and_that_is_reported(tmp_path: Path) -> None:
    content = notebook(
        tmp_path, {"cell_type": "code", "source": "x", "outputs": [{"output_type": "stream", "text": "line\n" * 9000}]}
    )
    assert len(content.text) < 5000
    assert [(removal.what, removal.count) for removal in content.removed] == [("long outputs of code, cut", 1)]


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[]", '"x"'])
def test_what_is_no_notebook_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.ipynb").write_text(text)
    with pytest.raises(Unreadable, match="no notebook"):
        read(tmp_path / "a.ipynb")


def test_outputs_in_markdown_and_formulas_are_shown_as_such(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "display_data", "data": {"text/markdown": ["**5 bar**"], "text/plain": "<Markdown>"}},
        {"output_type": "display_data", "data": {"text/latex": "$x^2$", "application/json": {}}},
    ]
    content = notebook(tmp_path, {"cell_type": "code", "source": "show()", "outputs": outputs})
    assert content.text == "```python\nshow()\n```\n\n**5 bar**\n\n$x^2$\n"
