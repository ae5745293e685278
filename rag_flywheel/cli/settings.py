"""Commands on the settings: check and show them."""

from collections.abc import Mapping
from typing import Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, send, settings_of, show
from rag_flywheel.errors import DONE, ConfigError

group = typer.Typer(help="Check and show the settings.", no_args_is_help=True)


@group.command("check", epilog="Example: rag-flywheel --config config.yaml config check")
def config_check(context: typer.Context, json: Json = False) -> None:
    """Read the settings, look at the sources, and say what is wrong with them.

    Exit codes: 0 sound, 2 a mistake in the settings, or a source that gives nothing.
    """
    from rag_flywheel import config as settings
    from rag_flywheel.cycle.source_check import look_at

    invocation = invoked(context, json)
    config = settings_of(invocation)
    looks = [look_at(source, config) for source in config.sources]
    sound = all(look.problem is None for look in looks)
    result = {
        "file": str(config.file),
        "ok": sound,
        "unknown_variables": settings.unknown_variables(),
        "sources": [look.as_json() for look in looks],
    }
    show(invocation, result, _check_table)
    raise typer.Exit(DONE if sound else ConfigError.exit_code)


def _check_table(result: Mapping[str, Any]) -> None:
    terminal.fields({name: value for name, value in result.items() if name != "sources"})
    for look in result["sources"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in look["kinds"].items())
        fetched = f"fetched {look['fetched']}" if look["fetched"] else "not fetched yet"
        said = look["problem"] or (kinds if look["reader"] is None else f"{look['reader']}, {fetched}")
        terminal.line(f"{look['source']}: {said}", style="yellow" if look["problem"] else "")
        if look["excluded"]:
            terminal.line(f"  excluded: {terminal.some(look['excluded'])}", style="dim")
        terminal.left_out(look["passed_over"], verb="passed over")


@group.command("show", epilog="Example: rag-flywheel config show --json")
def config_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """The settings as they are in force, environment included, passwords masked."""
    invocation = invoked(context, json, url)
    if invocation.url:
        in_force = send(invocation, "GET", "/config")
    else:
        from rag_flywheel import config as settings

        in_force = settings.shown(settings_of(invocation))
    show(invocation, in_force, terminal.document)
