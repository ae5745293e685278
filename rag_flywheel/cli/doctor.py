"""The command that finds what is wrong, and says how to mend it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Invocation, Json, invoked, settings_of, show
from rag_flywheel.errors import DONE, SICK, ConfigError, InvalidInput

if TYPE_CHECKING:
    from rag_flywheel.cli.checkup.finding import Finding
    from rag_flywheel.config import Config

commands = typer.Typer()

SETTINGS = "settings"
STYLES = {"ok": "green", "warning": "yellow", "wrong": "red", "skipped": "dim"}


@commands.command(epilog="Example: rag-flywheel doctor --json")
def doctor(
    context: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option(help="One check, such as index; may be given more than once. All if not given.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="That a check may take.", min=1)] = 60.0,
    json: Json = False,
) -> None:
    """Look for what is wrong, from the settings and the disk to locks, keys and models, and say how to mend it.

    Nothing is changed. Local files only.

    Exit codes: 0 nothing is wrong, though there may be warnings, 10 something is.
    """
    invocation = invoked(context, json)
    found = []
    for finding in _found(invocation, only or (), seconds):
        found.append(finding)
        if not invocation.json:
            _told(finding)
    levels = Counter(finding.level.value for finding in found)
    result = {"ok": not levels["wrong"], "findings": [asdict(finding) for finding in found]}
    counted = ", ".join(f"{number} {level}" for level, number in levels.items())
    show(invocation, result, lambda _: terminal.line(counted, style="bold"))
    raise typer.Exit(SICK if levels["wrong"] else DONE)


def _found(invocation: Invocation, only: Sequence[str], seconds: float) -> "Iterator[Finding]":
    """Each finding as it is made. Raises InvalidInput for a check that there is not."""
    from rag_flywheel import config
    from rag_flywheel.cli.checkup import apart
    from rag_flywheel.cli.checkup.every import EVERY
    from rag_flywheel.cli.checkup.finding import wrong

    unknown = sorted(set(only) - {SETTINGS, *EVERY})
    if unknown:
        raise InvalidInput(f"there is no check {', '.join(unknown)}; there are {', '.join((SETTINGS, *EVERY))}")
    try:
        settings = settings_of(invocation)
    except ConfigError as error:
        yield wrong(SETTINGS, str(error), expected="settings without a mistake", do="mend the file, then try again")
        return
    if not only or SETTINGS in only:
        yield from _settings(settings)
    wanted = [name for name in EVERY if not only or name in only]
    yield from apart.run(wanted, EVERY, settings, config.secrets(), seconds=seconds)


def _settings(settings: "Config") -> "Iterator[Finding]":
    """Of settings that can be read: tenants, and variables that do nothing."""
    from rag_flywheel import config
    from rag_flywheel.cli.checkup.finding import ok, warning, wrong

    unknown = config.unknown_variables()
    if unknown:
        do = "correct their names, or unset them; `rag-flywheel config show` prints what is in force"
        said = f"the environment has {', '.join(unknown)}, which no setting reads"
        yield warning(SETTINGS, said, expected="names of settings", do=do)
    try:
        for name in settings.tenants:
            config.of_tenant(settings, name)
    except ConfigError as error:
        yield wrong(SETTINGS, str(error), expected="a file of settings for each tenant", do="mend that file")
        return
    said = (
        f", and those of {len(settings.tenants)} tenants (`--tenant NAME doctor` looks at one)"
        if settings.tenants
        else ""
    )
    yield ok(SETTINGS, f"{settings.file} has no mistake{said}")


def _told(finding: "Finding") -> None:
    level = finding.level.value
    terminal.line(f"{level.ljust(8)} {finding.check}: {finding.found}", style=STYLES[level])
    for name, text in (("expected", finding.expected), ("do", finding.do)):
        if text:
            terminal.line(f"         {name}: {text}")
