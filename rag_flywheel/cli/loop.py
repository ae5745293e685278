"""Commands that run the loop: serve answers, build the next version."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, Url, invoked, local_services, send, settings_of, show
from rag_flywheel.errors import DONE, REFUSED, UNDECIDED, InvalidInput

commands = typer.Typer()

NAMED = 20  # groups that are counted one by one


@commands.command(epilog="Example: rag-flywheel serve --port 8080")
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Overrides api.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides api.port; 0 takes any free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Overrides api.workers: processes that answer.", min=1)] = None,
) -> None:
    """Serve the chat API, feedback, corrections and reviews over HTTP, in the foreground."""
    from rag_flywheel import config
    from rag_flywheel.api.server import run

    settings = settings_of(invoked(context))
    api = settings.api
    run(
        settings,
        config.secrets(),
        host=host or api.host,
        port=api.port if port is None else port,
        workers=workers or api.workers,
        out=terminal.console(),
    )


@commands.command(epilog="Example, nightly: 0 3 * * * rag-flywheel --config /etc/rag-flywheel.yaml reindex")
def reindex(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Write all of it anew, also when nothing has changed or a canary runs.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and run whenever a correction was accepted. Local files only.")
    ] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """Build a version from sources and accepted corrections, score it against the live one, deploy or refuse it.

    Exit codes: 0 deployed or nothing to do, 3 refused by the gate, 4 undecided, 6 another run is on.
    """
    invocation = invoked(context, json, url)
    if watch and invocation.url:
        raise InvalidInput("--watch runs beside the local files, and --url names a server: leave one of them out")
    if watch and force:
        raise InvalidInput("--force would put each new candidate in the place of a running canary: leave out --watch")
    if watch:
        _watch(invocation)
    elif invocation.url:
        said = f"{invocation.url} builds and scores a version, which takes minutes; its progress is told where it runs"
        terminal.line(said, style="dim", stderr=True)
        result = send(invocation, "POST", "/reindex", params={"force": force})
    else:
        from rag_flywheel import wiring
        from rag_flywheel.cli.progress import shown
        from rag_flywheel.config import logs
        from rag_flywheel.cycle.reindex import reindex as run

        with (
            local_services(invocation) as services,
            wiring.traces(services.config),
            shown(terminal.console(stderr=True)) as steps,
        ):
            logs.configure(services.config.logs)
            result = run(services, force=force, steps=steps).as_json()
    show(invocation, result, _reindex_table)
    raise typer.Exit({"refused": REFUSED, "undecided": UNDECIDED}.get(result["decision"], DONE))


def _watch(invocation: Invocation) -> NoReturn:
    from rag_flywheel import wiring
    from rag_flywheel.cli.progress import shown
    from rag_flywheel.config import logs
    from rag_flywheel.cycle.reindex import reindex as run
    from rag_flywheel.cycle.result import CycleResult
    from rag_flywheel.cycle.watching import whenever_accepted

    with local_services(invocation) as services, wiring.traces(services.config):
        logs.configure(services.config.logs)

        def once() -> CycleResult:
            with shown(terminal.console(stderr=True)) as steps:
                return run(services, force=False, steps=steps)

        for outcome in whenever_accepted(once, ledger=services.ledger, wait=time.sleep):
            if isinstance(outcome, CycleResult):
                show(invocation, outcome.as_json(), _reindex_table)
            else:
                terminal.line(f"held up, and tried again every minute: {outcome}", style="yellow", stderr=True)
    raise AssertionError("watching does not end by itself")


def _reindex_table(result: Mapping[str, Any]) -> None:
    style = {"promoted": "green", "unchanged": "dim"}.get(result["decision"], "yellow")
    terminal.line(f"{result['decision']}: {result['version'] or 'no version'}", style=style)
    for reason in result["reasons"]:
        terminal.line(f"  - {reason}")
    if result["readers"] and result["readers"]["groups"]:
        groups = [f"{name} {count}" for name, count in result["readers"]["groups"].items()]
        more = f" and {len(groups) - NAMED} more groups" if len(groups) > NAMED else ""
        named = ", ".join(groups[:NAMED])
        terminal.line(f"  documents: {result['readers']['open']} open to all; for groups: {named}{more}")
    terminal.left_out(result["skipped"], verb="skipped")
    for removed in result["removed"]:
        terminal.line(f"  {removed['document_id']}: {removed['count']} {removed['what']} taken out", style="dim")
        for line in removed["lines"]:
            terminal.line(f"    {line}", style="dim")
    for alike in result["alike"]:
        terminal.line(f"  nearly the same: {', '.join(alike)}", style="dim")
    terminal.followed(result["followed"])
    terminal.aside(result["aside"])
    if result["report"]:
        terminal.line(f"report: {result['report']}")
    terminal.line(f"{result['seconds']:.1f} s", style="dim")
