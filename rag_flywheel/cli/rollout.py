"""Commands that say who is answered by which version: alias, canary, hold-out, freeze, and the log of it all."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, Why, invoked, send, show

ARMS = ("control", "treatment")
SIDES = {"hold-out": "holdout", "everybody else": "others"}
COUNTS = ("people", "asked", "bad")

commands = typer.Typer()
canary_group = typer.Typer(
    help="Look at the candidate that shares the traffic, act on it, end it.", no_args_is_help=True
)
holdout_group = typer.Typer(
    help="Keep a few people on an old version, to measure what was gained.", no_args_is_help=True
)


@commands.command(epilog="Example: rag-flywheel promote VERSION --why 'the fix is in'")
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A kept version.")],
    why: Why = "asked for",
    json: Json = False,
    url: Url = "",
) -> None:
    """Point the alias at a kept version."""
    invocation = invoked(context, json, url)
    body = {"version": version, "why": why}
    show(invocation, send(invocation, "POST", "/promote", body=body), terminal.fields)


@commands.command(epilog="Example: rag-flywheel rollback")
def rollback(
    context: typer.Context,
    to: Annotated[str | None, typer.Option(help="A kept version; the one before the live one if not given.")] = None,
    why: Why = "asked for",
    json: Json = False,
    url: Url = "",
) -> None:
    """Put the previous version back, at once."""
    invocation = invoked(context, json, url)
    body = {"to": to, "why": why}
    show(invocation, send(invocation, "POST", "/rollback", body=body), _rolled_back)


@canary_group.command("show", epilog="Example: rag-flywheel canary show")
def canary_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """The canary that is running, or the last one, with what its people met. Changes nothing."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/canary"), _canary)


@canary_group.command("tick", epilog="Example, every minute: * * * * * rag-flywheel canary tick --json")
def canary_tick(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """Look at the canary once, act on its verdict, deliver due webhooks. A running server does so by itself."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", "/canary/tick"), _canary)


@canary_group.command("stop", epilog="Example: rag-flywheel canary stop --why 'complaints by phone'")
def canary_stop(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """End the canary: everybody is on the live version again, at once."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "POST", "/canary/stop", body={"why": why}), _canary)


@commands.command(epilog="Example: rag-flywheel freeze --why 'launch week'")
def freeze(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """Stop all promotions, until `unfreeze`. Rolling back is always possible."""
    invocation = invoked(context, json, url)
    body = {"frozen": True, "why": why}
    show(invocation, send(invocation, "POST", "/freeze", body=body), terminal.fields)


@commands.command(epilog="Example: rag-flywheel unfreeze --why 'launched'")
def unfreeze(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """Allow promotions again."""
    invocation = invoked(context, json, url)
    body = {"frozen": False, "why": why}
    show(invocation, send(invocation, "POST", "/freeze", body=body), terminal.fields)


@holdout_group.command("start", epilog="Example: rag-flywheel holdout start VERSION --share 0.02")
def holdout_start(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A kept version that was live before.")],
    share: Annotated[float | None, typer.Option(help="Of the people; canary.holdout if not given.")] = None,
    why: Why = "asked for",
    json: Json = False,
    url: Url = "",
) -> None:
    """Keep a small share of the people on an old version from now on."""
    invocation = invoked(context, json, url)
    body = {"version": version, "share": share, "why": why}
    show(invocation, send(invocation, "POST", "/holdout", body=body), terminal.fields)


@holdout_group.command("show", epilog="Example: rag-flywheel holdout show")
def holdout_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """What the flywheel is worth: bad outcomes of everybody else against those of the hold-out, with an interval."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/holdout"), _holdout)


@holdout_group.command("end", epilog="Example: rag-flywheel holdout end")
def holdout_end(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """Put everybody on the live version again."""
    invocation = invoked(context, json, url)
    body = {"version": None, "why": why}
    show(invocation, send(invocation, "POST", "/holdout", body=body), terminal.fields)


@commands.command(epilog="Example: rag-flywheel audit --limit 20")
def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Entries, the latest ones.")] = 50,
    json: Json = False,
    url: Url = "",
) -> None:
    """Who did what to which version, correction or judged question, and why."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/audit", params={"limit": limit}), _audit_table)


def _rolled_back(result: Mapping[str, Any]) -> None:
    terminal.fields(result)
    terminal.line(
        "The next version that is built takes all accepted corrections in again. Reject those that are to stay out "
        "(`rag-flywheel review decide CORRECTION --verdict reject`), or stop promotions (`rag-flywheel freeze`)."
    )


def _canary(result: Mapping[str, Any]) -> None:
    """The canary, its arms, and what comes next."""
    canary = result["canary"]
    if canary is None:
        terminal.line("no canary was started yet")
        return
    kind = "shadow" if canary["shadow"] else "canary"
    said = f"{kind} of {canary['treatment']} against {canary['control']}: {canary['state'].replace('_', ' ')}"
    terminal.line(f"{said}, step {canary['step']} of {len(canary['steps'])}, {canary['share']:.0%} of the people")
    rows = (
        [arm, met["people"], met["asked"], met["bad"], f"{met['bad'] / met['asked']:.1%}" if met["asked"] else "-"]
        for arm, met in ((name, result.get(name) or result.get("evidence", {}).get(name)) for name in ARMS)
        if met
    )
    terminal.rows("This step", ("arm", "people", "questions", "bad outcomes", "rate"), rows, "nobody asked yet")
    judged, when = (result, "this look") if "action" in result else (result.get("next") or {}, "the next look")
    for reason in [*canary["reasons"], *judged.get("reasons", [])]:
        terminal.line(f"  {reason}")
    if judged.get("action") not in (None, "none"):
        terminal.line(f"{when}: {judged['action'].replace('_', ' ')}")


def _holdout(result: Mapping[str, Any]) -> None:
    """The hold-out, and what the flywheel is worth against it."""
    holdout = result["holdout"]
    if holdout is None:
        terminal.line("there is no hold-out: `rag-flywheel holdout start VERSION` begins one")
        return
    terminal.line(f"{holdout['share']:.0%} of the people on {holdout['version']} since {holdout['since'][:16]}")
    rows = ([side, *(holdout[name][count] for count in COUNTS)] for side, name in SIDES.items())
    terminal.rows("Since then", ("side", "people", "questions", "bad outcomes"), rows, "nobody asked yet")
    found = holdout["difference"]
    if found is None:
        terminal.line("too few people to compare")
        return
    interval = f"{found['low']:+.1%} to {found['high']:+.1%}"
    terminal.line(f"bad outcomes of everybody else less those of the hold-out: {found['difference']:+.1%} ({interval})")


def _audit_table(entries: Sequence[Mapping[str, Any]]) -> None:
    rows = (
        [
            entry["subject"],
            entry["at"][:16].replace("T", " "),
            entry["who"],
            entry["action"],
            entry["detail"].get("why", ""),
        ]
        for entry in entries
    )
    terminal.rows("Audit log", ("subject", "at", "who", "action", "why"), rows, "nothing was done yet")
