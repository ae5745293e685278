"""Commands on the golden set: list, add, import, retire and check the judged questions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Url, invoked, send, show, span
from rag_flywheel.errors import DONE, UNDECIDED, InvalidInput

group = typer.Typer(help="Look at the judged questions, add to them, retire them.", no_args_is_help=True)


@group.command("list", epilog="Example: rag-flywheel golden list --state stale")
def golden_list(
    context: typer.Context,
    origin: Annotated[
        Literal["folder", "added", "imported", "correction", "confirmed"] | None,
        typer.Option(help="Where they come from; anywhere if not given."),
    ] = None,
    role: Annotated[
        Literal["tuning", "test", "sealed"] | None,
        typer.Option(help="tuning learns from them, the gate tests them, or they wait for its last word."),
    ] = None,
    state: Annotated[
        Literal["in_use", "retired", "stale"] | None, typer.Option(help="stale: what answers them is gone.")
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """The judged questions, with their part in the gate: of people, of accepted corrections, of confirmed answers."""
    invocation = invoked(context, json, url)
    params = {"origin": origin, "role": role, "state": state}
    show(invocation, send(invocation, "GET", "/golden", params=params), _golden_table)


@group.command(
    "add", epilog='Example: rag-flywheel golden add "How do I roll back?" --evidence docs/versions.md:120:264'
)
def golden_add(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="The question.")],
    answer: Annotated[str | None, typer.Option(help="The right answer; scores of answers need one.")] = None,
    evidence: Annotated[
        list[str] | None,
        typer.Option(help="DOCUMENT:START:END, a span that answers it, or DOCUMENT; may be repeated."),
    ] = None,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="Nothing answers it: the right answer is a refusal.")
    ] = False,
    cluster: Annotated[
        str | None, typer.Option(help="A name that all wordings of the question share; they are never split.")
    ] = None,
    who: Annotated[str | None, typer.Option(help="Who judges; your login name if not given. Local files only.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Add a question that you judged. The very same one given again is skipped."""
    invocation = invoked(context, json, url)
    evidence_given = [_judgement(text) for text in evidence or []]
    body = {
        "question": question,
        "answer": answer,
        "documents": [judged for judged in evidence_given if isinstance(judged, str)],
        "evidence": [judged for judged in evidence_given if not isinstance(judged, str)],
        "answerable": not unanswerable,
        "cluster": cluster,
    }
    show(invocation, send(invocation, "POST", "/golden", body=body, who=who), terminal.fields)


Format = Annotated[
    Literal["beir", "ragas", "datasets"],
    typer.Option(help="BEIR, the JSON lines of RAGAS, or a folder of Hugging Face datasets."),
]


@group.command("export", epilog="Example: rag-flywheel golden export --format beir judged-questions")
def golden_export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new or an empty folder.")],
    format: Format = "beir",
    json: Json = False,
    url: Url = "",
) -> None:
    """Write the judged questions in use for other tools, with the passages of the live version for their corpus."""
    from rag_flywheel.cli import golden_files

    invocation = invoked(context, json, url)
    golden_files.refuse_filled(folder)
    reply = send(invocation, "GET", "/golden/export")
    pages = golden_files.passages(lambda after: send(invocation, "GET", "/golden/passages", params={"after": after}))
    corpus = iter(()) if format == "ragas" else pages  # which has no place for one
    show(invocation, golden_files.written(reply, corpus, folder, format), terminal.fields)


@group.command("import", epilog="Example: rag-flywheel golden import judged-questions")
def golden_import(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder of the format; BEIR: queries.jsonl and qrels/test.tsv.")],
    format: Format = "beir",
    who: Annotated[
        str | None, typer.Option(help="Who imports them; your login name if not given. Local files only.")
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Add the judged questions of a folder, all or none. Those that are there with the same content are skipped.

    Passages of another corpus are looked for in our documents, and those that are not found for sure are listed.
    """
    from rag_flywheel.cli import golden_files

    invocation = invoked(context, json, url)
    body, unjudged = golden_files.read(folder, format)
    reply = send(invocation, "POST", "/golden/import", body=body, who=who)
    show(invocation, {**reply, "unjudged": unjudged}, _taken_in)


@group.command("retire", epilog="Example: rag-flywheel golden retire golden:q17 --why 'asked twice'")
def golden_retire(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The case's id, which `golden list` prints.")],
    why: Annotated[str, typer.Option(help="For the ledger, and for whoever reads the list.")],
    who: Annotated[
        str | None, typer.Option(help="Who retires it; your login name if not given. Local files only.")
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Take a case of any origin out of use, for good: neither tuning nor the gate uses it any more."""
    invocation = invoked(context, json, url)
    body = {"case_id": id, "why": why}
    show(invocation, send(invocation, "POST", "/golden/retire", body=body, who=who), terminal.fields)


@group.command("check", epilog="Example: rag-flywheel golden check --json")
def golden_check(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """Look for leaks from tuning to test, contradictions, lost evidence, and questions without a judgement.

    Exit codes: 0 sound, 2 something is to be put right, 4 nothing wrong but too few questions for a decision.
    """
    invocation = invoked(context, json, url)
    result = send(invocation, "GET", "/golden/check")
    show(invocation, result, _checkup)
    raise typer.Exit({"faulty": InvalidInput.exit_code, "undecided": UNDECIDED}.get(result["outcome"], DONE))


def _judgement(text: str) -> str | dict[str, Any]:
    """A span where it ends in two numbers, else a whole document."""
    return span(text) if all(number.isdigit() for number in [*text.rsplit(":", 2), ""][1:3]) else text


def _golden_table(cases: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "origin", "role", "state", "group", "question")
    rows = (
        [
            case["case_id"],
            case["origin"],
            case["role"],
            case["state"].replace("_", " "),
            case["group"],
            case["question"],
        ]
        for case in cases
    )
    terminal.rows("Judged questions", columns, rows, "no judged question is like this")
    for case in cases:
        if case["reason"]:
            terminal.line(f"{case['case_id']}: {case['reason']}", style="dim")
        terminal.followed(case["followed"])


def _taken_in(result: Mapping[str, Any]) -> None:
    counted = ("added", "skipped", "unjudged", "left_out")
    terminal.fields({name: len(result.get(name, ())) for name in counted} | {"masked": result["masked"]})
    for unfound in result.get("unfound", ()):
        terminal.line(f"  not found: {unfound['passage']}, which answers {unfound['case_id']}", style="yellow")


def _checkup(result: Mapping[str, Any]) -> None:
    roles = ", ".join(f"{count} {name}" for name, count in result["roles"].items())
    style = {"sound": "green", "faulty": "red"}.get(result["outcome"], "yellow")
    terminal.line(f"{result['outcome']}: {roles}; {result['stale_share']:.0%} stale", style=style)
    rows = (
        ["\n".join(finding["cases"]), finding["fault"].replace("_", " "), finding["detail"]]
        for finding in result["findings"]
    )
    terminal.rows("Findings", ("case", "fault", "what to do"), rows, "nothing is wrong")
