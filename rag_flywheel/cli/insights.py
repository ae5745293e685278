"""Commands that count what people did with what is sensitive, with noise, and say what that costs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, send, show

group = typer.Typer(help="Counts about what is sensitive, with noise.", no_args_is_help=True)
Month = Annotated[str | None, typer.Option(help="Such as 2026-11, in UTC; if not given, the last one that is over.")]


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
