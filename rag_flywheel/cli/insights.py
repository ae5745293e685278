"""Commands that tell how the flywheel is doing in numbers, and count what is sensitive with noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, reply_to, send, show
from rag_flywheel.errors import DiskUnavailable

group = typer.Typer(help="How the flywheel is doing, in numbers; what is sensitive with noise.", no_args_is_help=True)
Month = Annotated[str | None, typer.Option(help="Such as 2026-11, in UTC; if not given, the last one that is over.")]

From = Annotated[str | None, typer.Option("--from", help="First day, in UTC, such as 2026-11-01; else 30 days ago.")]
To = Annotated[str | None, typer.Option("--to", help="Last day, in UTC; else today.")]
Every = Annotated[Literal["day", "week", "month"], typer.Option(help="How long a line of `times` is.")]
Askers = Annotated[str | None, typer.Option("--group", help="Of this group of askers alone.")]


@group.command("show", epilog="Example: rag-flywheel insights show --from 2026-11-01 --every week")
def insights_show(
    context: typer.Context,
    first: From = None,
    last: To = None,
    every: Every = "week",
    askers: Askers = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Answers by version and time, failures, corrections, documents, and what a hold-out says of the gain."""
    invocation = invoked(context, json, url)
    params = {"from": first, "to": last, "every": every, "group": askers}
    show(invocation, send(invocation, "GET", "/insights/overview", params=params), _overview)


@group.command("export", epilog="Example: rag-flywheel insights export versions versions.csv")
def insights_export(
    context: typer.Context,
    table: Annotated[
        str,
        typer.Argument(help="versions, times, stages, corrections, useful, useless, stale or changed."),
    ],
    file: Annotated[Path, typer.Argument(help="The file to write; one that ends with .json is JSON, else CSV.")],
    first: From = None,
    last: To = None,
    every: Every = "day",
    askers: Askers = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Write one of the tables."""
    invocation = invoked(context, json, url)
    form = "json" if file.suffix == ".json" else "csv"
    params = {"table": table, "format": form, "from": first, "to": last, "every": every, "group": askers}
    told = _write(file, reply_to(invocation, "GET", "/insights/export", params=params).content)
    show(invocation, told, terminal.fields)


@group.command("digest", epilog="Example: rag-flywheel insights digest --since 2026-11-23 --output week.md")
def insights_digest(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(help="The first of its seven days; else the Monday of the last week that is over.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The Markdown file to write; else it is printed.")] = None,
    webhook: Annotated[bool, typer.Option("--webhook", help="Leave it for the webhooks, once.")] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """A week on a page of Markdown, beside the week before: printed, as a file, or told to the webhooks."""
    invocation = invoked(context, json, url)
    if webhook:
        show(invocation, send(invocation, "POST", "/insights/digest", body={"since": since}), terminal.fields)
    if output is None and webhook:
        return
    text = reply_to(invocation, "GET", "/insights/digest", params={"since": since})
    if output is not None:
        show(invocation, _write(output, text.content), terminal.fields)
    else:
        show(invocation, {"markdown": text.text}, lambda told: terminal.whole(told["markdown"]))


@group.command("release", epilog="Example: rag-flywheel insights release gaps --month 2026-11 --dry-run")
def insights_release(
    context: typer.Context,
    measure: Annotated[str, typer.Argument(help="satisfaction, gaps or usage.")],
    month: Month = None,
    epsilon: Annotated[float | None, typer.Option(help="Privacy loss; if not given, releases.epsilon.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and release nothing.")] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """Release counts of a month, once: asked again, the same release is shown and costs nothing."""
    invocation = invoked(context, json, url)
    body = {"measure": measure, "month": month, "epsilon": epsilon, "dry_run": dry_run}
    show(invocation, send(invocation, "POST", "/insights", body=body), _release)


@group.command("list", epilog="Example: rag-flywheel insights list --month 2026-11")
def insights_list(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="Of this month alone.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """What was released, the latest first."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/insights", params={"month": month}), _releases)


@group.command("budget", epilog="Example: rag-flywheel insights budget --month 2026-11")
def insights_budget(context: typer.Context, month: Month = None, json: Json = False, url: Url = "") -> None:
    """How much privacy loss the releases about a month took, and how much they may take."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/insights/budget", params={"month": month}), terminal.fields)


def _releases(found: Sequence[Mapping[str, Any]]) -> None:
    for made in found:
        _release(made)
    if not found:
        terminal.line("nothing was released yet")


def _release(made: Mapping[str, Any]) -> None:
    costs = f"epsilon {made['epsilon']:g}, delta {made['delta']:.2g}"
    if made["state"] == "preview":
        terminal.line(f"{made['measure']} of {made['month']} would cost {costs}; nothing was released")
        return
    title = f"{made['measure']} of {made['month']}, at {costs}"
    cells = ((cell["name"], "too small" if cell["count"] is None else cell["count"]) for cell in made["cells"])
    terminal.rows(title, ("what", "count"), cells, f"{title}: nothing that enough people did")
    terminal.line(
        f"95 of 100 counts are off by {made['within']} or less; of each person {made['per_person']} questions count"
    )


def _write(file: Path, content: bytes) -> Mapping[str, Any]:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise DiskUnavailable(f"{file} cannot be written: {error.strerror}") from error
    return {"file": str(file), "bytes": len(content)}


def _overview(told: Mapping[str, Any]) -> None:
    heads = ("answers", "answered", "doubtful", "refused", "good")
    for title, lines in (("version", told["versions"]), (told["every"], told["times"])):
        cells = ((line["name"], line["answers"], *(_share(line[name]) for name in heads[1:])) for line in lines)
        terminal.rows(f"By {title}", (title, *heads), cells, f"By {title}: nobody asked anything in this time")
    stages = ((line["stage"], line["answers"], line["corrections"]) for line in told["stages"])
    terminal.rows("Where answers failed", ("stage", "thumbs down", "corrections"), stages, "")
    terminal.line("Corrections")
    terminal.fields(
        {name: _share(value) if isinstance(value, dict) else value for name, value in told["corrections"].items()}
    )
    for title, name in (("Most useful documents", "useful"), ("Least useful documents", "useless")):
        rows = ((line["document_id"], line["answers"], _share(line["good"])) for line in told[name])
        terminal.rows(title, ("document", "cited by", "called good"), rows, f"{title}: none")
    stale = ((line["document_id"], len(line["corrections"])) for line in told["stale"])
    terminal.rows("Stale documents", ("document", "corrections"), stale, "Stale documents: none")
    changed = ((line["correction_id"], line["document_id"], line["fate"]) for line in told["changed"])
    title = "Corrections whose evidence changed"
    terminal.rows(title, ("correction", "document", "what became of it"), changed, f"{title}: none")
    gain = told["holdout"] and told["holdout"]["difference"]
    if gain:
        points = [f"{100 * gain[name]:+.1f}" for name in ("difference", "low", "high")]
        terminal.line(
            f"All but the hold-out have {points[0]} bad answers in 100 questions ({points[1]} to {points[2]})."
        )


def _share(rate: Mapping[str, Any]) -> str:
    if rate["value"] is None:
        return "–"
    return f"{100 * rate['value']:.1f}% ({100 * rate['low']:.1f} to {100 * rate['high']:.1f})"
