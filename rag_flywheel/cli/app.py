"""The command line. Exit codes: 0 done, 1 unexpected, 2 wrong input or settings, 3 refused by the gate, 4 undecided,
5 not found, 6 conflict (locked, moved, nothing live), 7 a service is down, 8 damaged data, 9 not allowed,
10 the doctor found something wrong, 130 interrupted.
"""

import gc
import json as json_format
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Annotated, NoReturn

import typer

from rag_flywheel.cli import (
    aside,
    asking,
    backup,
    doctor,
    exchange,
    feedback,
    gaps,
    golden,
    init,
    insights,
    keys,
    loop,
    mcp,
    people,
    replay,
    review_work,
    rollout,
    settings,
    terminal,
    versions,
)
from rag_flywheel.cli.invocation import Invocation, Json, Url
from rag_flywheel.domain import shown
from rag_flywheel.errors import INTERRUPTED, FlywheelError

app = typer.Typer(
    name="rag-flywheel",
    help="Answers from your documents that get better with every reviewed correction. No language model is fine-tuned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(review_work.group, name="review")
app.add_typer(gaps.group, name="gaps")
app.add_typer(aside.group, name="aside")
app.add_typer(golden.group, name="golden")
app.add_typer(exchange.group, name="exchange")
app.add_typer(insights.group, name="insights")
app.add_typer(versions.group, name="versions")
app.add_typer(rollout.canary_group, name="canary")
app.add_typer(rollout.holdout_group, name="holdout")
app.add_typer(keys.group, name="keys")
app.add_typer(people.group, name="people")
app.add_typer(people.consent_group, name="consent")
app.add_typer(people.receipt_group, name="receipt")
app.add_typer(settings.group, name="config")
for module in (init, doctor, loop, asking, feedback, rollout, versions, replay, people, backup, mcp):
    app.add_typer(module.commands)


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", "-c", help="The settings.", envvar="RAG_FLYWHEEL_CONFIG")] = Path(
        "config.yaml"
    ),
    url: Url = "",
    json: Json = False,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose local files, where there are tenants.")] = "",
) -> None:
    context.obj = Invocation(config=config, url=url, json=json, tenant=tenant)


def main() -> None:
    """The entry point: every expected failure becomes one message and its exit code."""
    _spare_the_processor()
    os.umask(0o077)  # what people asked, and keys, are for nobody else on the machine to read
    sys.excepthook = _unforeseen
    try:
        code = app(standalone_mode=False)
    except FlywheelError as error:
        _fail(type(error).__name__, str(error), error.exit_code)
    except typer.TyperException as error:
        _fail("InvalidInput", f"{error}; --help shows how it is used", 2)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Interrupted", "interrupted; nothing half-done is live, and the next run cleans up", INTERRUPTED)
    sys.exit(code)


def _spare_the_processor() -> None:
    """Before the models' libraries load: threads that wait for one another with their processor busy take ten times its
    time where others want it too, and looking for garbage among millions of new objects takes a fifth of the imports.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    gc.set_threshold(50_000, 20, 20)


def _unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say where it went wrong, without secrets: a traceback shows what vendors were called with."""
    from rag_flywheel.config.hiding import hidden, known_secrets

    sys.stderr.write(hidden("".join(traceback.format_exception(kind, error, trace)), known_secrets()))


def _fail(kind: str, detail: str, code: int) -> NoReturn:
    from rag_flywheel.config.hiding import hidden, known_secrets

    detail = shown(hidden(detail, known_secrets()), keep=terminal.BREAKS)
    if "--json" in sys.argv[1:]:
        print(json_format.dumps({"error": kind, "detail": detail}))  # noqa: T201  # the one JSON document
    else:
        terminal.console(stderr=True).print(f"error: {detail}", markup=False, style="red", soft_wrap=True)
    raise SystemExit(code)
