"""What `performance` found, as a page of the handbook and as a picture."""

from collections.abc import Mapping
from html import escape

from performance_rows import Measured, Part

HEAD = """# Performance

What embedding, building and answering cost, beside what others take for the same work. `make bench` writes this
page, the picture, and `build/performance.json`. Each part runs in a process of its own; what is compared in it
alternates, with the same model, the same texts and the same number of threads on both sides. Figures are
medians; a ratio above 1 speaks for this project. Where an aim is not met, the table says so.

A machine with other work makes all times longer, so beside each table stands its load, the number of processes
that wanted a core. Only ratios hold there. How much was measured stands there too, with the command that
measures that part again. LlamaIndex needs the extra `[bench]`, and OpenVINO `[openvino]`.

![Ratios of speed: this project beside others](pictures/performance.svg)
"""
TITLES = {
    "models": "Models",
    "build": "Building",
    "search": "Searching",
    "chat": "Answering",
    "engine": "Beside a query engine",
}
COLUMNS = "| what | unit | here | other | there | ratio | aim | met | came to the same |"
WIDTH, LINE, LEFT = 640, 34, 290


def page(parts: Mapping[str, Part], machine: Mapping[str, str]) -> str:
    text = HEAD
    for name, part in parts.items():
        load = ", ".join(f"{value:.1f}" for value in part.load)
        said = f"not measured: {part.problem}" if part.problem else f"threads: {part.threads}, load {load}"
        text += f"\n## {TITLES[name]}\n\n{said[0].upper()}{said[1:]}.\n"
        text += f"Measured: {part.amount}.\n" if part.amount else ""
        text += f"\n    {part.command}\n" if part.command else ""
        if part.rows:
            text += f"\n{COLUMNS}\n|{' --- |' * 9}\n" + "".join(f"{_line(row)}\n" for row in part.rows)
    told = "".join(f"| {name} | {value} |\n" for name, value in machine.items())
    return f"{text}\n## The machine\n\n| | |\n| --- | --- |\n{told}"


def _line(row: Measured) -> str:
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    cells = (row.what, row.unit, row.ours, row.other, row.theirs, row.ratio, row.aim, met, row.quality)
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"


def picture(parts: Mapping[str, Part]) -> str:
    """A bar for each ratio; the line is at 1, where both are as fast."""
    rows = [row for part in parts.values() for row in part.rows if row.ratio is not None]
    most = max((row.ratio or 0 for row in rows), default=1) * 1.15
    scale, height = (WIDTH - LEFT - 20) / max(most, 1.2), LINE * len(rows) + 24
    bars = ""
    for number, row in enumerate(rows):
        assert row.ratio is not None
        top = number * LINE + 8
        bars += (
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(row.what)}</text>'
            f'<rect x="{LEFT}" y="{top}" width="{row.ratio * scale:.0f}" height="20" fill="#2f6f8f"/>'
            f'<text x="{LEFT + row.ratio * scale + 4:.0f}" y="{top + 14}">{row.ratio}</text>\n'
        )
    one = LEFT + scale
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>How many times as fast as others</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n{bars}'
        f'<path d="M{one:.0f} 0V{height - 16}" stroke="#333" stroke-dasharray="4 3"/>'
        f'<text x="{one:.0f}" y="{height - 4}" text-anchor="middle">as fast</text></svg>\n'
    )
