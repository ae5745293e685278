"""Corrections one after the other at a terminal: each is shown, a letter decides on it, and the last one can be taken
back.
"""

import difflib
import os
import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.domain import shown
from rag_flywheel.errors import FlywheelError

if TYPE_CHECKING:
    from rich.text import Text

KEYS = {
    "a": "accept",
    "e": "edit and accept",
    "r": "reject",
    "q": "quarantine",
    "s": "skip",
    "u": "undo",
    "x": "end",
}
VERDICTS = {"a": "accept", "e": "accept", "r": "reject", "q": "quarantine"}
ALIKE = 0.3
"""Of the words of two texts, from which one is shown as a change of the other."""

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a reviewer said of a correction, before it is sent."""

    item: Item
    verdict: str
    answer: str | None
    note: str | None


def walk(items: Sequence[Item], send: Callable[[Decided], None]) -> Counter[str]:
    """Ask about each; a decision is sent when the next one is made, so that the last can be undone. Returns how many
    of which verdict were sent.
    """
    done: Counter[str] = Counter()
    waiting: tuple[int, Decided] | None = None
    at = 0
    try:
        while at < len(items):
            key = _asked(items[at], f"{at + 1} of {len(items)}")
            if key == "x":
                break
            if key == "u":
                at, waiting = (at, None) if waiting is None else (waiting[0], None)
            elif key == "s":
                at += 1
            elif (decided := _decided(key, items[at])) is not None:
                _sent(waiting, send, done)
                at, waiting = at + 1, (at, decided)
    except (KeyboardInterrupt, typer.Abort):
        if waiting is not None:
            terminal.line(f"\n{waiting[1].item['id']}: not sent, as the review was interrupted", style="yellow")
        raise
    _sent(waiting, send, done)
    return done


def _sent(waiting: tuple[int, Decided] | None, send: Callable[[Decided], None], done: Counter[str]) -> None:
    """Send a decision. One that is refused is told, and the review goes on."""
    if waiting is None:
        return
    decided = waiting[1]
    try:
        send(decided)
    except FlywheelError as error:
        terminal.line(f"{decided.item['id']}: {decided.verdict} was refused: {error}", style="red")
        return
    done[decided.verdict] += 1


def _asked(item: Item, place: str) -> str:
    """Show a correction, and return the letter that is typed."""
    terminal.line(f"\n{place}: {item['id']}, {item['status']}", style="bold")
    terminal.line(f"question: {item['question']}")
    _compared(item["answered"], item["answer"])
    for name in ("evidence", "supersedes"):
        spans = ", ".join(f"{span['document_id']}:{span['start']}:{span['end']}" for span in item[name])
        if spans:
            terminal.line(f"{name}: {spans}", style="dim")
    terminal.followed(item["followed"])
    for concern in item["concerns"]:
        terminal.line(f"look twice ({concern['kind']}): {concern['said']}", style="yellow")
    for other in item["conflicts"]:
        same = "the same question" if other["same_question"] else f"nearly the same question, {other['question']}"
        terminal.line(f"in conflict with {other['id']} ({other['status']}; {same}): {other['answer']}", style="yellow")
    if item["waits_for"]:
        terminal.line(item["waits_for"], style="dim")
    every = ", ".join(f"{key} {meaning}" for key, meaning in KEYS.items())
    while True:
        typed = str(typer.prompt(every, prompt_suffix=": ")).strip().casefold()
        if typed in KEYS:
            return typed
        terminal.line(f"one letter of {' '.join(KEYS)}", style="yellow")


def _compared(answered: str, answer: str) -> None:
    """Both answers: the new one as a change of the old one where they have words in common."""
    if _matched(answered.split(), answer.split()).ratio() < ALIKE:
        terminal.line(f"was answered: {answered}")
        terminal.line(f"correction: {answer}")
        return
    before, after = (shown(text, keep=terminal.BREAKS) for text in (answered, answer))
    terminal.console().print(changed(before, after), soft_wrap=True)


def changed(old: str, new: str) -> "Text":
    """The words of both, what goes as [-words-] and what comes as {+words+}, also in colours."""
    from rich.text import Text

    before, after = old.split(), new.split()
    said = Text("changed: ")
    for change, start, end, new_start, new_end in _matched(before, after).get_opcodes():
        if change == "equal":
            said.append(" ".join(before[start:end]) + " ")
            continue
        if start < end:
            said.append(f"[-{' '.join(before[start:end])}-] ", style="red strike")
        if new_start < new_end:
            said.append(f"{{+{' '.join(after[new_start:new_end])}+}} ", style="green")
    said.rstrip()
    return said


def _matched(before: Sequence[str], after: Sequence[str]) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, before, after, autojunk=False)


def _decided(key: str, item: Item) -> Decided | None:
    """The decision with what it needs besides; None where that is not given."""
    answer = _edited(item["answer"]) if key == "e" else None
    if answer == "":
        return None
    note = ""
    if key in "rq":
        note = str(typer.prompt("why (its author sees it; nothing goes back)", default="", show_default=False)).strip()
        if not note:
            return None
    return Decided(item=item, verdict=VERDICTS[key], answer=answer, note=note or None)


def _edited(text: str) -> str:
    """The text as it is after an editor was on it; without one, as it is typed in one line."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        return str(typer.prompt("the answer, in one line (EDITOR names a program for more)", default=text)).strip()
    with tempfile.TemporaryDirectory() as folder:  # for nobody else to read
        file = Path(folder) / "answer.md"
        file.write_text(text, encoding="utf-8")
        subprocess.run([*shlex.split(editor), str(file)], check=False)
        return file.read_text(encoding="utf-8").strip()
