"""Commands that say what an answer was worth, hand in a better one, and list suspicious answers."""

import json as json_format
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from rag_flywheel.cli import terminal
from rag_flywheel.cli.invocation import Json, Key, Url, User, invoked, segment, send, show, span

commands = typer.Typer()


@commands.command(epilog="Example: rag-flywheel feedback INTERACTION thumb down")
def feedback(
    context: typer.Context,
    interaction: Annotated[str, typer.Argument(help="The interaction's id, which `ask` prints.")],
    kind: Annotated[
        str,
        typer.Argument(
            help="thumb, stars, comment, issue, passage_relevance, missing_knowledge, "
            "meant, used, edited, abandoned, regenerated or citation_click."
        ),
    ],
    value: Annotated[str, typer.Argument(help="As the kind wants it: up, 4, a text, true, or JSON.")] = "true",
    user: User = None,
    key: Key = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say what an answer was worth."""
    invocation = invoked(context, json, url)
    body = {"interaction_id": interaction, "kind": kind, "value": _value(kind, value), "user_id": user}
    show(invocation, send(invocation, "POST", "/feedback", body=body, key=key), terminal.fields)


@commands.command(epilog='Example: rag-flywheel correct INTERACTION --answer "Run rag-flywheel rollback." --user ada')
def correct(
    context: typer.Context,
    interaction: Annotated[str, typer.Argument(help="The interaction's id, which `ask` prints.")],
    answer: Annotated[str, typer.Option(help="The right answer.")],
    evidence: Annotated[
        list[str] | None, typer.Option(help="DOCUMENT:START:END, a span that supports it; may be repeated.")
    ] = None,
    supersedes: Annotated[
        list[str] | None, typer.Option(help="DOCUMENT:START:END, a span that it replaces; may be repeated.")
    ] = None,
    user: User = None,
    key: Key = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Hand in a better answer. It waits for a review."""
    invocation = invoked(context, json, url)
    body = {
        "interaction_id": interaction,
        "answer": answer,
        "evidence": [span(text) for text in evidence or []],
        "supersedes": [span(text) for text in supersedes or []],
        "user_id": user,
    }
    show(invocation, send(invocation, "POST", "/corrections", body=body, key=key), terminal.fields)


@commands.command(epilog="Example: rag-flywheel correction ID")
def correction(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The correction's id.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """Show what became of a correction, up to the version in which it went live."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", f"/corrections/{segment(id)}"), terminal.fields)


@commands.command(epilog="Example: rag-flywheel triage --limit 10")
def triage(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Questions at most.", min=1, max=1000)] = 100,
    json: Json = False,
    url: Url = "",
) -> None:
    """Questions whose answers people turned away from without a word, the most suspicious first."""
    invocation = invoked(context, json, url)
    show(invocation, send(invocation, "GET", "/triage", params={"limit": limit}), _triage_table)


def _value(kind: str, text: str) -> Any:
    """A text as it is, also when it is "42"; for other kinds JSON where it is JSON: 4, true, {"document_id": ...}."""
    if kind in ("comment", "issue", "edited"):
        return text
    try:
        return json_format.loads(text, parse_constant=str)  # NaN is no JSON
    except json_format.JSONDecodeError:
        return text


def _triage_table(found: Sequence[Mapping[str, Any]]) -> None:
    rows = (
        [suspect["interaction_ids"][0], f"{suspect['score']:.1f}", suspect["times"], suspect["question"]]
        for suspect in found
    )
    columns = ("interaction", "score", "times", "question")
    terminal.rows(
        "Suspicious answers",
        columns,
        rows,
        "nothing to look at: no unjudged answer has more signals against it than for it",
    )
