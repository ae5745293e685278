"""What is kept of a person as a page: no script, nothing from elsewhere, and every text escaped."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from rag_flywheel.domain import Json, shown
from rag_flywheel.domain.retention import Kind

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #bbb; margin-top: 1.5rem; }
dl { display: grid; grid-template-columns: 12rem 1fr; margin: 0.5rem 0 1.5rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
"""
STYLE_DIGEST = f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
"""By which the page's policy allows this style and no other (CSP Level 3)."""
HEADINGS: Mapping[str, str] = {
    "consent": "What you agreed to",
    "interactions": "What you asked, and what you were told",
    "feedback": "What you said of answers",
    "corrections": "What you corrected, and what became of it",
    "retention": "Days for which each kind of record is kept",
}
NOTHING = "nothing"
ENDLESS = "no end"
_ENDS = frozenset({*(kind.value for kind in Kind), "kept_until"})
"""Fields of periods and days, which may be without one."""


def wants_page(accept: str) -> bool:
    """Whether a reader would rather have a page than JSON (RFC 9110, 12.5.1): programs take anything, and get JSON."""
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.lower().split(";"))
        weights = [piece[2:] for piece in parameters if piece.startswith("q=")]
        try:
            wanted[kind] = float(weights[0]) if weights else 1.0
        except ValueError:
            wanted[kind] = 0.0
    return wanted.get("text/html", 0.0) > wanted.get("application/json", 0.0)


def page(data: Mapping[str, Json]) -> str:
    """The export as HTML, in its own order; what has no heading of its own stands above."""
    above = {name: value for name, value in data.items() if name not in HEADINGS}
    sections = "".join(
        f"<section><h2>{heading}</h2>{_block(data[name])}</section>"
        for name, heading in HEADINGS.items()
        if name in data
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Your data</title>'
        f"<style>{STYLE}</style></head><body><h1>What is kept of you</h1>{_block(above)}{sections}</body></html>"
    )


def _block(value: Json) -> str:
    if isinstance(value, list):
        return "".join(map(_block, value)) or f"<p>{NOTHING}</p>"
    if isinstance(value, dict):
        rows = "".join(
            f"<dt>{_text(name.replace('_', ' '))}</dt><dd>{_cell(name, held)}</dd>" for name, held in value.items()
        )
        return f"<dl>{rows}</dl>"
    return f"<p>{_text(value)}</p>"


def _cell(name: str, value: Json) -> str:
    if value is None and name in _ENDS:
        return ENDLESS
    if isinstance(value, Sequence) and not isinstance(value, str) and not any(isinstance(held, dict) for held in value):
        return _text(", ".join(str(held) for held in value) or NOTHING)
    return _block(value) if isinstance(value, list | dict) else _text(value)


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not said" if value is None else escape(shown(str(value), keep="\n\t"))
