"""Commands that give feedback and corrections to other tools, and take them in from there."""

import json as json_format
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, reply_to, send, show
from rag_flywheel.errors import Damaged, InvalidInput

group = typer.Typer(help="Feedback and corrections to other tools, and from them.", no_args_is_help=True)
AT_ONCE = 50  # questions of a request


@group.command("export", epilog="Example: rag-flywheel exchange export feedback.jsonl --since 2026-01-01")
def exchange_export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file of JSON lines.")],
    use: Annotated[
        Literal["learn", "evaluate"], typer.Option(help="What it is for: only of people who agree to that.")
    ] = "learn",
    since: Annotated[datetime | None, typer.Option(help="What was said from then on; UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="What was said up to then; UTC.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Write what people said of answers: masked, by pseudonyms, of those who agreed."""
    invocation = invoked(context, json, url)
    if file.exists():
        raise InvalidInput(f"{file} is there already; name a new file")
    params = {"use": use, "since": _utc(since), "until": _utc(until)}
    text = reply_to(invocation, "GET", "/feedback/export", params=params).text
    *lines, last = text.splitlines(keepends=True) or [""]
    if not last.startswith('{"left_out"'):
        raise Damaged("the export broke off before its last line: try again")
    file.write_text("".join(lines), encoding="utf-8")
    show(invocation, {"file": str(file), "questions": len(lines), **json_format.loads(last)}, terminal.fields)


@group.command("import", epilog="Example: rag-flywheel exchange import --format langfuse traces.json scores.csv")
def exchange_import(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Exports of that tool, JSON, JSON lines or CSV.")],
    format: Annotated[Literal["langfuse", "phoenix"], typer.Option(help="Whose exports they are.")],
    score: Annotated[
        list[str] | None,
        typer.Option(help="NAME=KIND: thumb, stars, comment, issue, missing_knowledge or correction; may be repeated."),
    ] = None,
    agreed: Annotated[
        str | None,
        typer.Option(help="What those people agreed to there: yes, no, or answer,learn,evaluate; else the settings."),
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Take in what people said of another service's answers. Corrections wait for their review.

    Given again, only what is new is taken in. A row that cannot be used is listed, and no other one suffers from it.
    """
    from rag_flywheel.feedback.exports import langfuse, phoenix, traces

    invocation = invoked(context, json, url)
    read = {"langfuse": langfuse.read, "phoenix": phoenix.read}[format]
    found = read(files, _kinds(score or [], traces.KINDS))
    problems = [{"file": each.file, "line": each.line, "reason": each.reason} for each in found.problems]
    counts, left_out, masked = Counter[str](), Counter[str](), Counter[str]()
    for batch in traces.batches(found.bodies, most=AT_ONCE):
        body = {"source": format, "agreed": agreed, "traces": batch}
        reply = send(invocation, "POST", "/feedback/import", body=body)
        counts.update({name: reply[name] for name in ("interactions", "feedback", "corrections", "skipped")})
        left_out.update(reply["left_out"])
        masked.update(reply["masked"])
        for refused in reply["refused"]:
            row = found.rows.get(refused["id"])
            where = {"file": "" if row is None else row.file, "line": 0 if row is None else row.line}
            problems.append({**where, "reason": refused["reason"]})
    told = {name: counts[name] for name in ("interactions", "feedback", "corrections", "skipped")}
    result = {**told, "left_out": dict(left_out), "passed_over": dict(found.passed_over), "masked": dict(masked)}
    show(invocation, {**result, "problems": problems}, _imported)


def _kinds(given: list[str], known: tuple[str, ...]) -> dict[str, str]:
    """What scores are, by their names. Raises InvalidInput."""
    found = {}
    for text in given:
        name, _, kind = text.rpartition("=")
        if not name or kind not in known:
            raise InvalidInput(f"--score {text[:60]!r} should be NAME=KIND, with one of {', '.join(known)}")
        found[name] = kind
    return found


def _utc(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.isoformat()}+00:00"


def _imported(result: Mapping[str, Any]) -> None:
    terminal.fields({name: value for name, value in result.items() if name != "problems"})
    columns = ("file", "line", "why it is not taken")
    rows = ([each["file"], each["line"], each["reason"]] for each in result["problems"])
    terminal.rows("Rows that cannot be used", columns, rows, "every row could be used")
