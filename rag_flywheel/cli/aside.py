"""Commands on what guardrails set aside: list, show, release, drop."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, Url, invoked, segment, send, show

group = typer.Typer(help="Look at what guardrails set aside, release it or drop it.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Its id, which `aside list` and the reindex print.")]
Reason = Annotated[str, typer.Option("--why", help="For the ledger, and for whoever reads the list.")]
Who = Annotated[str | None, typer.Option(help="Who rules; your login name if not given. Local files only.")]


@group.command("list", epilog="Example: rag-flywheel aside list --state released")
def aside_list(
    context: typer.Context,
    state: Annotated[
        Literal["aside", "reported", "released", "dropped", "gone"] | None,
        typer.Option(help="What became of it; if not given, what is aside or reported and waits for a ruling."),
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """What versions were built without, and what was reported of official sources, the latest first."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/aside", params={"state": state}), _table)


@group.command("show", epilog="Example: rag-flywheel aside show 3f2a9c01b7d4")
def aside_show(context: typer.Context, id: Id, json: Json = False, url: Url = "") -> None:
    """One of them, with what it says and what can be done."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/aside/{segment(id)}"), terminal.fields)


@group.command("release", epilog="Example: rag-flywheel aside release 3f2a9c01b7d4 --why 'it quotes an attack'")
def aside_release(
    context: typer.Context, id: Id, why: Reason, who: Who = None, json: Json = False, url: Url = ""
) -> None:
    """Let it pass for as long as its text does not change. The next reindex takes it in."""
    _rule(id, "release", why, who, invoked(context, json, url))


@group.command("drop", epilog="Example: rag-flywheel aside drop 3f2a9c01b7d4 --why 'an attack'")
def aside_drop(context: typer.Context, id: Id, why: Reason, who: Who = None, json: Json = False, url: Url = "") -> None:
    """Leave it out for good, for as long as its text does not change. A correction is rejected."""
    _rule(id, "drop", why, who, invoked(context, json, url))


def _rule(id: str, ruling: str, why: str, who: str | None, invocation: Invocation) -> None:
    reply = send(invocation, "POST", f"/aside/{segment(id)}/{ruling}", body={"why": why}, who=who)
    show(invocation, reply, terminal.fields)


def _table(those: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "state", "guardrail", "what")
    rows = ([found["id"], found["state"], found["guardrail"], terminal.item(found)] for found in those)
    terminal.rows("Set aside", columns, rows, "nothing is set aside")
    for found in those:
        terminal.line(f"{found['id']}: {found['reason']}. {found['do']}", style="dim")
