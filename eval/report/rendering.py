"""What the pages of a report and of a replay share: how numbers are written, and the templates."""

from pathlib import Path

import jinja2


def environment() -> jinja2.Environment:
    """The templates, where a name that is not given is an error and the HTML ones escape every text."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.jinja",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "signed": signed, "words": words}
    return made


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def signed(value: float | None, digits: int = 3) -> str:
    if value is None:
        return "–"
    rounded = round(value, digits) + 0.0  # no -0.000
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def words(name: str) -> str:
    return name.replace("_", " ")
