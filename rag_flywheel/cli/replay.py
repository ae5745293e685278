"""Commands that play the loop: `replay` to measure it, `demo` to show it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, invoked, settings_of, show
from rag_flywheel.errors import InvalidInput

commands = typer.Typer()


Share = partial(typer.Option, min=0, max=1)
Dataset = Annotated[
    Path, typer.Argument(help="A BEIR folder: corpus.jsonl, queries.jsonl with answer and cluster, qrels/test.tsv.")
]
Mode = Annotated[
    Literal["full", "gap"],
    typer.Option(help="full: all documents; gap: without those that answer the corrected questions."),
]
Methods = Annotated[
    str | None,
    typer.Option(help="Which of flywheel, static, dense, append, override, weights, memory; all if not given."),
]
Work = Annotated[
    Path | None, typer.Option(help="Where it is played and finished seeds are kept; in data_dir if not given.")
]


@commands.command(epilog="Example: rag-flywheel replay my-questions --mode gap --seeds 3 --html replay.html")
def replay(
    context: typer.Context,
    dataset: Dataset,
    mode: Mode = "full",
    corrections: Annotated[
        int | None,
        typer.Option(help="Questions that are asked to be corrected, at most; half if not given.", min=1),
    ] = None,
    accepted: Annotated[float, Share(help="Share of the other questions that are asked and confirmed.")] = 0.5,
    hostile: Annotated[float, Share(help="Share of the corrections that are wrong or poisoned.")] = 0.0,
    noise: Annotated[float, Share(help="Share of the askers who also leave an implicit signal, by chance.")] = 0.0,
    turns: Annotated[int, typer.Option(help="Cycles that the corrections come in.", min=1, max=100)] = 1,
    seeds: Annotated[int, typer.Option(help="How often it is played, each time dealt anew.", min=1, max=1000)] = 5,
    methods: Methods = None,
    no_titles: Annotated[bool, typer.Option("--no-titles", help="Index passages without their titles.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file.")] = None,
    work: Work = None,
    json: Json = False,
) -> None:
    """Play real questions through the real loop: what corrections help, and what they harm, beside other methods."""
    from eval.replay import page
    from eval.replay.plan import Options
    from rag_flywheel import config as settings
    from rag_flywheel import wiring
    from rag_flywheel.cli.progress import shown
    from rag_flywheel.replay.replay import Playground
    from rag_flywheel.replay.replay import replay as run
    from rag_flywheel.replay.simulation import METHODS

    invocation = invoked(context, json)
    config = settings_of(invocation)
    if html is not None and not html.parent.is_dir():  # better said now than when all is played
        raise InvalidInput(f"--html: there is no folder {html.parent}; make it first, or name another file")
    options = Options(
        mode=mode,
        corrections=corrections,
        accepted=accepted,
        hostile=hostile,
        noise=noise,
        turns=turns,
        titles=not no_titles,
    )
    with shown(terminal.console(stderr=True)) as steps:
        result = run(
            dataset,
            options=options,
            methods=METHODS if methods is None else [name.strip() for name in methods.split(",")],
            seeds=range(seeds),
            playground=Playground(
                config=config,
                secrets=settings.secrets(),
                work=config.data / "replay" if work is None else work,
                opened=wiring.services,
            ),
            steps=steps,
        ).as_json()
    if html is not None:
        html.write_text(page.render(result), encoding="utf-8")
    show(invocation, result, _replay_table)


@commands.command(epilog="Example: rag-flywheel demo --no-serve")
def demo(
    context: typer.Context,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Leave the server up at the end.")] = True,
) -> None:
    """Turn the whole loop once on the project's handbook, before your eyes."""
    from rag_flywheel.cli.demo import run

    run(settings_of(invoked(context)), serve=serve, out=terminal.console())


def _replay_table(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from eval.replay import page

    title = f"hit@1 on {result['dataset']}, mode {result['mode']}, seeds {len(result['seeds'])}"
    table = Table(*page.COLUMNS, title=title, box=None, padding=(0, 1, 0, 0))  # it fits into 80 columns
    for row in page.table(result):
        table.add_row(*row)
    terminal.console().print(table)
    for name, verdict in result["verdicts"].items():
        better = ", ".join(verdict["dominated_by"])
        said = f"{name}: help {verdict['help']:+.3f}, harm {verdict['harm']:+.3f}"
        terminal.line(said + (f"; more help at no more harm: {better}" if better else ""))
    for seed, notes in result["decisions"].items():
        for note in notes:
            terminal.line(f"  seed {seed}, {note}", style="dim")
