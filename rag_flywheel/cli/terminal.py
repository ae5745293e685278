"""What people see on the terminal: lines and tables. For scripts, `--json` prints the reply as it is instead.

rich is imported when there is something to print, since `--help` and `--json` do without.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rag_flywheel.domain import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

BREAKS = "\n\t"
READABLE = 24
"""Characters of a line that can be read as a text."""
NAMED = 5
"""Of a list of names, so many are shown."""


def console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, emoji=False)


def line(text: str, *, style: str = "", stderr: bool = False) -> None:
    """Print a text as it is: no markup in it counts, no line is broken, and nothing in it controls the terminal."""
    console(stderr=stderr).print(shown(text, keep=BREAKS), markup=False, style=style, soft_wrap=True)


def whole(text: str) -> None:
    """Print what a program reads, as it is."""
    print(text, end="")  # noqa: T201  # no line is folded


def rows(title: str, columns: Sequence[str], cells: Iterable[Sequence[Any]], nothing: str) -> None:
    """Print a table, or a block for each row where that would be too narrow to read; `nothing` where there are none."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    printed = [[Text("-" if cell is None else shown(str(cell), keep=BREAKS)) for cell in row] for row in cells]
    if not printed:
        line(nothing)
        return
    if not _fit(columns, printed, out.width):
        out.print(title, style="italic")
        for row in printed:
            out.print()
            _block(out, list(zip(columns, row, strict=True)))
        return
    table = Table(title=title)
    for number, name in enumerate(columns):
        # The first is what other commands want to be given, whole.
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    for row in printed:
        table.add_row(*row)
    out.print(table)


def _block(out: "Console", named: Sequence[tuple[str, "Text"]]) -> None:
    """Print names and values, a pair a line. A word that is longer than the line, such as an id or a path, is not
    broken, so that it can be copied.
    """
    from rich.table import Table

    width = max((len(name) for name, _ in named), default=0)
    for name, value in named:
        longest = max(map(len, value.plain.split()), default=0)
        if longest > out.width - width - 4:
            out.print(f" {name.ljust(width)}  ", value, sep="", markup=False, soft_wrap=True)
            continue
        pair = Table(show_header=False, box=None)
        pair.add_column(min_width=width, no_wrap=True)
        pair.add_column(overflow="fold")
        pair.add_row(name, value)
        out.print(pair)


def _fit(columns: Sequence[str], cells: Sequence[Sequence["Text"]], width: int) -> bool:
    """Whether all columns are as wide as what they hold, but for the widest after the first, and that is wide enough to
    be read, and to break no word.
    """
    widths, words = (
        [
            max(len(name), *(max(map(len, parts(str(row[number]))), default=0) for row in cells))
            for number, name in enumerate(columns)
        ]
        for parts in (str.splitlines, str.split)
    )
    widest = max(range(1, len(columns)), key=widths.__getitem__, default=0)
    narrowest = max(min(widths[widest], READABLE), words[widest])
    return sum(widths) - widths[widest] + narrowest + 3 * len(columns) + 1 <= width


def left_out(entries: Iterable[Mapping[str, Any]], *, verb: str) -> None:
    """Print what is left out by the reasons for it, each with some of the names."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry["reason"], []).append(entry["name"])
    for reason, those in names.items():
        line(f"  {verb} {some(those)}: {reason}", style="dim")


def aside(those: Iterable[Mapping[str, Any]]) -> None:
    """Print every item that a guardrail points at, and what can be done about it."""
    for found in those:
        verb = "reported" if found["official"] else "set aside"
        line(f"  {verb} {item(found)} ({found['guardrail']}): {found['reason']}", style="yellow")
        line(f"    {found['id']}: {found['do']}", style="dim")


def item(found: Mapping[str, Any]) -> str:
    """How an item that a guardrail points at is called."""
    return str(found["place"]) if found["place"] else f"{found['kind']} {found['item']}"


def some(names: Sequence[str]) -> str:
    """The first of many names, and how many there are besides; `--json` has them all."""
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def fields(result: Mapping[str, Any]) -> None:
    """Print names and values, a pair a line."""
    from rich.text import Text

    texts = {name: "-" if value is None else shown(_short(value), keep=BREAKS) for name, value in result.items()}
    _block(console(), [(name.replace("_", " "), Text(text)) for name, text in texts.items()])


def document(result: Any) -> None:
    """Print a nested value as YAML."""
    import yaml

    line(yaml.safe_dump(result, sort_keys=False, allow_unicode=True))


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def followed(spans: Sequence[Mapping[str, Any]]) -> None:
    """Spans that do not stand where they were named, those that were not found again standing out."""
    for span in spans:
        now = f", now {', '.join(span['now'])}" if span["now"] else ""
        of = f"superseded by {span['of']}" if span["superseded"] else f"which answers {span['of']}"
        line(f"  {span['fate']}: {span['was']}, {of}{now}", style="yellow" if span["fate"] == "stale" else "dim")
