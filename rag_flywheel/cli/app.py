"""The command line. Exit codes: 0 done, 1 unexpected, 2 wrong input or settings, 3 refused by the gate, 4 undecided,
5 not found, 6 conflict (locked, moved, nothing live), 7 a service is down, 8 damaged data, 130 interrupted.
"""

import contextlib
import getpass
import json as json_format
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console

from rag_flywheel import config as config_file
from rag_flywheel.cli import printed
from rag_flywheel.cli.printed import out
from rag_flywheel.errors import Damaged, FlywheelError, InvalidInput, NotFound

DONE, REFUSED, UNDECIDED, INTERRUPTED = 0, 3, 4, 130

app = typer.Typer(
    name="rag-flywheel",
    help="Answers from your documents that get better with every reviewed correction. No language model is fine-tuned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
review_app = typer.Typer(help="Look at corrections and decide on them.", no_args_is_help=True)
versions_app = typer.Typer(help="List, show and compare index versions.", no_args_is_help=True)
canary_app = typer.Typer(help="Look at the candidate that shares the traffic, act on it, end it.", no_args_is_help=True)
holdout_app = typer.Typer(help="Keep a few people on an old version, to measure what was gained.", no_args_is_help=True)
config_app = typer.Typer(help="Check and show the settings.", no_args_is_help=True)
golden_app = typer.Typer(help="Look at the judged questions, add to them, retire them.", no_args_is_help=True)
app.add_typer(review_app, name="review")
app.add_typer(golden_app, name="golden")
app.add_typer(versions_app, name="versions")
app.add_typer(canary_app, name="canary")
app.add_typer(holdout_app, name="holdout")
app.add_typer(config_app, name="config")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Url = Annotated[str, typer.Option("--url", help="A running server, instead of the local files.", envvar="")]
Why = Annotated[str, typer.Option(help="For the audit log.")]
User = Annotated[str | None, typer.Option("--user", help="Who you are; only a keyed hash of it is stored.")]

err = Console(stderr=True, highlight=False, emoji=False)


@dataclass(slots=True)
class Asked:
    """What stands before the command."""

    config: Path
    url: str
    json: bool


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[Path, typer.Option("--config", "-c", help="The settings.", envvar="RAG_FLYWHEEL_CONFIG")] = Path(
        "config.yaml"
    ),
    url: Url = "",
    json: Json = False,
) -> None:
    context.obj = Asked(config=config, url=url, json=json)


# --- the loop -------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: rag-flywheel serve --port 8080")
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Overrides api.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Overrides api.port; 0 takes any free one.")] = None,
    workers: Annotated[int | None, typer.Option(help="Overrides api.workers: processes that answer.", min=1)] = None,
) -> None:
    """Serve the chat API, feedback, corrections and reviews over HTTP, in the foreground."""
    from rag_flywheel.api.server import run

    settings = config_file.load(context.obj.config)
    api = settings.api
    run(
        settings,
        config_file.secrets(),
        host=host or api.host,
        port=api.port if port is None else port,
        workers=workers or api.workers,
        out=out,
    )


@app.command(epilog="Example, nightly: 0 3 * * * rag-flywheel --config /etc/rag-flywheel.yaml reindex")
def reindex(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Build even when nothing has changed, or a canary is running.")
    ] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """Build a version from sources and accepted corrections, score it against the live one, deploy or refuse it.

    Exit codes: 0 deployed or nothing to do, 3 refused by the gate, 4 undecided, 6 another run is on.
    """
    asked = _asked(context, json, url)
    if asked.url:
        result = _send(asked, "POST", "/reindex", params={"force": force})
    else:
        from rag_flywheel.cli.progress import shown
        from rag_flywheel.cycle.reindex import reindex as run

        with _local(context) as services, shown(err) as steps:
            result = run(services, force=force, steps=steps).as_json()
    _print(asked, result, printed.reindex_table)
    raise typer.Exit({"refused": REFUSED, "undecided": UNDECIDED}.get(result["decision"], DONE))


@app.command(epilog='Example: rag-flywheel ask "How do I roll back?" --user ada')
def ask(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="The question.")],
    user: User = None,
    group: Annotated[
        str | None, typer.Option(help="The group of people you belong to: a plan, a region, a team; never a person.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="The conversation it belongs to.")] = None,
    consent: Annotated[
        bool | None, typer.Option("--consent/--no-consent", help="Whether the texts may be kept and learned from.")
    ] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Ask a question; the answer comes with citations and the id of the interaction."""
    asked = _asked(context, json, url)
    body = {
        "question": text,
        "user_id": user,
        "user_group": group,
        "session_id": session,
        "consent": consent,
    }
    _print(asked, _send(asked, "POST", "/chat", body=body), printed.answer)


@app.command(epilog="Example: rag-flywheel explain INTERACTION --limit 5")
def explain(
    context: typer.Context,
    interaction: Annotated[str, typer.Argument(help="The interaction's id, which `ask` prints.")],
    limit: Annotated[int, typer.Option(help="Passages at most, and known questions.", min=1, max=1000)] = 10,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say why an answer's passages rank as they do, and which known questions were admitted or kept out, and why."""
    asked = _asked(context, json, url)
    reply = _send(asked, "GET", f"/interactions/{interaction}/explain", params={"limit": limit})
    _print(asked, reply, printed.explanation)


@app.command(epilog="Example: rag-flywheel feedback INTERACTION thumb down")
def feedback(
    context: typer.Context,
    interaction: Annotated[str, typer.Argument(help="The interaction's id, which `ask` prints.")],
    kind: Annotated[
        str,
        typer.Argument(
            help="thumb, stars, comment, issue, passage_relevance, missing_knowledge, "
            "used, edited, abandoned, regenerated or citation_click."
        ),
    ],
    value: Annotated[str, typer.Argument(help="As the kind wants it: up, 4, a text, true, or JSON.")] = "true",
    user: User = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: a repeated request is recorded once.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Say what an answer was worth."""
    asked = _asked(context, json, url)
    body = {"interaction_id": interaction, "kind": kind, "value": _value(kind, value), "user_id": user}
    _print(asked, _send(asked, "POST", "/feedback", body=body, key=key), printed.fields)


@app.command(epilog='Example: rag-flywheel correct INTERACTION --answer "Run rag-flywheel rollback." --user ada')
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
    key: Annotated[str | None, typer.Option(help="Idempotency key: a repeated request is recorded once.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Hand in a better answer. It waits for a review."""
    asked = _asked(context, json, url)
    body = {
        "interaction_id": interaction,
        "answer": answer,
        "evidence": [_span(text) for text in evidence or []],
        "supersedes": [_span(text) for text in supersedes or []],
        "user_id": user,
    }
    _print(asked, _send(asked, "POST", "/corrections", body=body, key=key), printed.fields)


@app.command(epilog="Example: rag-flywheel correction ID")
def correction(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The correction's id.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """Show what became of a correction, up to the version in which it went live."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", f"/corrections/{id}"), printed.fields)


@review_app.command("list", epilog="Example: rag-flywheel review list --status quarantined")
def review_list(
    context: typer.Context,
    status: Annotated[
        str | None, typer.Option(help="pending (if not given), accepted, rejected or quarantined.")
    ] = None,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Only those that another correction contradicts, in any state.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Corrections at most.", min=1, max=1000)] = 100,
    json: Json = False,
    url: Url = "",
) -> None:
    """The corrections that wait for a decision: those in conflict with another one first, then the oldest."""
    asked = _asked(context, json, url)
    params = {"status": status, "conflicts": conflicts, "limit": limit}
    _print(asked, _send(asked, "GET", "/review", params=params), printed.review_table)


@review_app.command("show", epilog="Example: rag-flywheel review show ID")
def review_show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The correction's id.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """One correction beside what was answered, and what contradicts it."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", f"/review/{id}"), printed.review_item)


@review_app.command("decide", epilog="Example: rag-flywheel review decide ID --verdict accept")
def review_decide(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The correction's id.")],
    verdict: Annotated[str, typer.Option(help="accept, reject or quarantine.")],
    answer: Annotated[str | None, typer.Option(help="Accept it in these words instead.")] = None,
    note: Annotated[str | None, typer.Option(help="Why; its author sees it.")] = None,
    reviewer: Annotated[str | None, typer.Option(help="Who decides; your login name if not given.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Accept, reject or quarantine a correction. The latest verdict counts; the next reindex acts on it."""
    asked = _asked(context, json, url)
    body = {"verdict": verdict, "answer": answer, "note": note, "reviewer": reviewer or _login()}
    _print(asked, _send(asked, "POST", f"/review/{id}", body=body), printed.review_item)


@app.command(epilog="Example: rag-flywheel gaps --limit 10")
def gaps(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Questions at most.", min=1, max=1000)] = 100,
    json: Json = False,
    url: Url = "",
) -> None:
    """Questions that the documents could not answer, most frequent first."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", "/gaps", params={"limit": limit}), printed.gaps_table)


@app.command(epilog="Example: rag-flywheel triage --limit 10")
def triage(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="Questions at most.", min=1, max=1000)] = 100,
    json: Json = False,
    url: Url = "",
) -> None:
    """Questions whose answers people turned away from without a word, the most suspicious first."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", "/triage", params={"limit": limit}), printed.triage_table)


# --- the golden set -------------------------------------------------------------------------------------------------


@golden_app.command("list", epilog="Example: rag-flywheel golden list --state stale")
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
    asked = _asked(context, json, url)
    params = {"origin": origin, "role": role, "state": state}
    _print(asked, _send(asked, "GET", "/golden", params=params), printed.golden_table)


@golden_app.command(
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
    who: Annotated[str | None, typer.Option(help="Who judges; your login name if not given.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Add a question that you judged. The very same one given again is skipped."""
    asked = _asked(context, json, url)
    named = [_judgement(text) for text in evidence or []]
    body = {
        "question": question,
        "answer": answer,
        "documents": [one for one in named if isinstance(one, str)],
        "evidence": [one for one in named if not isinstance(one, str)],
        "answerable": not unanswerable,
        "cluster": cluster,
        "who": who or _login(),
    }
    _print(asked, _send(asked, "POST", "/golden", body=body), printed.fields)


@golden_app.command("import", epilog="Example: rag-flywheel golden import judged-questions")
def golden_import(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A BEIR folder: queries.jsonl and qrels/test.tsv.")],
    who: Annotated[str | None, typer.Option(help="Who imports them; your login name if not given.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Add the judged questions of a folder, all or none. Those that are there with the same content are skipped."""
    from rag_flywheel.golden_set.changes import read_folder

    asked = _asked(context, json, url)
    cases, unjudged = read_folder(folder)
    reply = _send(asked, "POST", "/golden/import", body={"cases": cases, "who": who or _login()})
    _print(asked, {**reply, "unjudged": unjudged}, printed.taken_in)


@golden_app.command("retire", epilog="Example: rag-flywheel golden retire golden:q17 --why 'asked twice'")
def golden_retire(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The case's id, which `golden list` prints.")],
    why: Annotated[str, typer.Option(help="For the ledger, and for whoever reads the list.")],
    who: Annotated[str | None, typer.Option(help="Who retires it; your login name if not given.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """Take a case of any origin out of use, for good: neither tuning nor the gate uses it any more."""
    asked = _asked(context, json, url)
    body = {"case_id": id, "why": why, "who": who or _login()}
    _print(asked, _send(asked, "POST", "/golden/retire", body=body), printed.fields)


@golden_app.command("check", epilog="Example: rag-flywheel golden check --json")
def golden_check(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """Look for leaks from tuning to test, contradictions, lost evidence, and questions without a judgement.

    Exit codes: 0 sound, 2 something is to be put right, 4 nothing wrong but too few questions for a decision.
    """
    asked = _asked(context, json, url)
    result = _send(asked, "GET", "/golden/check")
    _print(asked, result, printed.checkup)
    raise typer.Exit({"faulty": InvalidInput.exit_code, "undecided": UNDECIDED}.get(result["outcome"], DONE))


# --- versions -------------------------------------------------------------------------------------------------------


@versions_app.command("list", epilog="Example: rag-flywheel versions list --deleted")
def versions_list(
    context: typer.Context,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are gone too.")] = False,
    json: Json = False,
    url: Url = "",
) -> None:
    """The index versions, oldest first."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", "/versions", params={"deleted": deleted}), printed.versions_table)


@versions_app.command("show", epilog="Example: rag-flywheel versions show VERSION --json")
def versions_show(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The version's name.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """The manifest, the states and the gate's decision of a version."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", f"/versions/{version}"), printed.document)


@versions_app.command("diff", epilog="Example: rag-flywheel versions diff OLD NEW")
def versions_diff(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="The one before.")],
    other: Annotated[str, typer.Argument(help="The one after.")],
    json: Json = False,
    url: Url = "",
) -> None:
    """What changed from one version to another."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", f"/versions/{version}/diff/{other}"), printed.document)


@app.command(epilog="Example: rag-flywheel promote VERSION --why 'the fix is in'")
def promote(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A kept version.")],
    why: Why = "asked for",
    json: Json = False,
    url: Url = "",
) -> None:
    """Point the alias at a kept version."""
    asked = _asked(context, json, url)
    body = {"version": version, "who": _login(), "why": why}
    _print(asked, _send(asked, "POST", "/promote", body=body), printed.fields)


@app.command(epilog="Example: rag-flywheel rollback")
def rollback(
    context: typer.Context,
    to: Annotated[str | None, typer.Option(help="A kept version; the one before the live one if not given.")] = None,
    why: Why = "asked for",
    json: Json = False,
    url: Url = "",
) -> None:
    """Put the previous version back, at once."""
    asked = _asked(context, json, url)
    body = {"to": to, "who": _login(), "why": why}
    _print(asked, _send(asked, "POST", "/rollback", body=body), printed.fields)


@canary_app.command("show", epilog="Example: rag-flywheel canary show")
def canary_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """The canary that is running, or the last one, with what its people met. Changes nothing."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", "/canary"), printed.canary)


@canary_app.command("tick", epilog="Example, every minute: * * * * * rag-flywheel canary tick --json")
def canary_tick(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """Look at the canary once, act on its verdict, deliver due webhooks. A running server does so by itself."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "POST", "/canary/tick"), printed.canary)


@canary_app.command("stop", epilog="Example: rag-flywheel canary stop --why 'complaints by phone'")
def canary_stop(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """End the canary: everybody is on the live version again, at once."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "POST", "/canary/stop", body={"who": _login(), "why": why}), printed.canary)


@app.command(epilog="Example: rag-flywheel freeze --why 'launch week'")
def freeze(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """Stop all promotions, until `unfreeze`. Rolling back is always possible."""
    asked = _asked(context, json, url)
    body = {"frozen": True, "who": _login(), "why": why}
    _print(asked, _send(asked, "POST", "/freeze", body=body), printed.fields)


@app.command(epilog="Example: rag-flywheel unfreeze --why 'launched'")
def unfreeze(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """Allow promotions again."""
    asked = _asked(context, json, url)
    body = {"frozen": False, "who": _login(), "why": why}
    _print(asked, _send(asked, "POST", "/freeze", body=body), printed.fields)


@holdout_app.command("start", epilog="Example: rag-flywheel holdout start VERSION --share 0.02")
def holdout_start(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A kept version that was live before.")],
    share: Annotated[float | None, typer.Option(help="Of the people; canary.holdout if not given.")] = None,
    why: Why = "asked for",
    json: Json = False,
    url: Url = "",
) -> None:
    """Keep a small share of the people on an old version from now on."""
    asked = _asked(context, json, url)
    body = {"version": version, "share": share, "who": _login(), "why": why}
    _print(asked, _send(asked, "POST", "/holdout", body=body), printed.fields)


@holdout_app.command("show", epilog="Example: rag-flywheel holdout show")
def holdout_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """What the flywheel is worth: bad outcomes of everybody else against those of the hold-out, with an interval."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", "/holdout"), printed.holdout)


@holdout_app.command("end", epilog="Example: rag-flywheel holdout end")
def holdout_end(context: typer.Context, why: Why = "asked for", json: Json = False, url: Url = "") -> None:
    """Put everybody on the live version again."""
    asked = _asked(context, json, url)
    body = {"version": None, "who": _login(), "why": why}
    _print(asked, _send(asked, "POST", "/holdout", body=body), printed.fields)


@app.command(epilog="Example: rag-flywheel audit --limit 20")
def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Entries, the latest ones.")] = 50,
    json: Json = False,
    url: Url = "",
) -> None:
    """Who did what to which version, correction or judged question, and why."""
    asked = _asked(context, json, url)
    _print(asked, _send(asked, "GET", "/audit", params={"limit": limit}), printed.audit_table)


@app.command(epilog="Example: rag-flywheel report --html report.html")
def report(
    context: typer.Context,
    version: Annotated[str | None, typer.Argument(help="The version; the newest one if not given.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    json: Json = False,
    url: Url = "",
) -> None:
    """The gate's report on a version, also of one that was refused."""
    asked = _asked(context, json, url)
    name = version or _newest(asked)
    if html is not None:
        html.write_text(_reply(asked, "GET", f"/reports/{name}", params={"format": "html"}).text, encoding="utf-8")
        _print(asked, {"version": name, "html": str(html.resolve())}, printed.fields)
    elif asked.json:
        _print(asked, _send(asked, "GET", f"/reports/{name}"), printed.document)
    else:
        out.print(_reply(asked, "GET", f"/reports/{name}", params={"format": "md"}).text, markup=False, soft_wrap=True)


# --- measuring ------------------------------------------------------------------------------------------------------


@app.command(epilog="Example: rag-flywheel replay my-questions --mode gap --seeds 3 --html replay.html")
def replay(
    context: typer.Context,
    dataset: Annotated[
        Path, typer.Argument(help="A BEIR folder: corpus.jsonl, queries.jsonl with answer and cluster, qrels/test.tsv.")
    ],
    mode: Annotated[
        Literal["full", "gap"],
        typer.Option(help="full: all documents; gap: without those that answer the corrected questions."),
    ] = "full",
    accepted: Annotated[
        float, typer.Option(help="Share of the other questions that are asked and confirmed.", min=0, max=1)
    ] = 0.5,
    hostile: Annotated[
        float, typer.Option(help="Share of the corrections that are wrong or poisoned.", min=0, max=1)
    ] = 0.0,
    noise: Annotated[
        float,
        typer.Option(help="Share of the askers who also leave an implicit signal, by chance.", min=0, max=1),
    ] = 0.0,
    turns: Annotated[int, typer.Option(help="Cycles that the corrections come in.", min=1, max=100)] = 1,
    seeds: Annotated[int, typer.Option(help="How often it is played, each time dealt anew.", min=1, max=1000)] = 5,
    methods: Annotated[
        str | None,
        typer.Option(help="Which of flywheel, static, dense, append, override, weights, memory; all if not given."),
    ] = None,
    no_titles: Annotated[bool, typer.Option("--no-titles", help="Index passages without their titles.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file.")] = None,
    work: Annotated[
        Path | None, typer.Option(help="Where it is played and finished seeds are kept; in data_dir if not given.")
    ] = None,
    json: Json = False,
) -> None:
    """Play real questions through the real loop: what corrections help, and what they harm, beside other methods."""
    from eval.replay import page
    from rag_flywheel import wiring
    from rag_flywheel.cli.progress import shown
    from rag_flywheel.replay.replay import Options, Playground
    from rag_flywheel.replay.replay import replay as run
    from rag_flywheel.replay.simulation import METHODS

    asked = _asked(context, json, "")
    config = config_file.load(asked.config)
    if html is not None and not html.parent.is_dir():  # better said now than when all is played
        raise InvalidInput(f"--html: there is no folder {html.parent}; make it first, or name another file")
    with shown(err) as steps:
        result = run(
            dataset,
            options=Options(
                mode=mode, accepted=accepted, hostile=hostile, noise=noise, turns=turns, titles=not no_titles
            ),
            methods=METHODS if methods is None else [name.strip() for name in methods.split(",")],
            seeds=range(seeds),
            playground=Playground(
                config=config,
                secrets=config_file.secrets(),
                work=config.data / "replay" if work is None else work,
                opened=wiring.services,
            ),
            steps=steps,
        ).as_json()
    if html is not None:
        html.write_text(page.render(result), encoding="utf-8")
    _print(asked, result, printed.replay_table)


# --- settings and demo ----------------------------------------------------------------------------------------------


@config_app.command("check", epilog="Example: rag-flywheel --config config.yaml config check")
def config_check(context: typer.Context, json: Json = False) -> None:
    """Read the settings and say what is wrong with them."""
    asked = _asked(context, json, "")
    config = config_file.load(asked.config)
    result = {"file": str(config.file), "ok": True, "unknown_variables": config_file.unknown_variables()}
    _print(asked, result, printed.fields)


@config_app.command("show", epilog="Example: rag-flywheel config show --json")
def config_show(context: typer.Context, json: Json = False, url: Url = "") -> None:
    """The settings as they are in force, environment included, passwords masked."""
    asked = _asked(context, json, url)
    shown = _send(asked, "GET", "/config") if asked.url else config_file.shown(config_file.load(asked.config))
    _print(asked, shown, printed.document)


@app.command(epilog="Example: rag-flywheel demo --no-serve")
def demo(
    context: typer.Context,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Leave the server up at the end.")] = True,
) -> None:
    """Turn the whole loop once on the project's handbook, before your eyes."""
    from rag_flywheel.cli.demo import run

    asked = _asked(context, False, "")
    run(config_file.load(asked.config), serve=serve, out=out)


def main() -> None:
    """The entry point: every expected failure becomes one message and its exit code."""
    try:
        code = app(standalone_mode=False)
    except FlywheelError as error:
        _fail(type(error).__name__, str(error), error.exit_code)
    except typer.TyperException as error:
        _fail("InvalidInput", f"{error}; --help shows how it is used", 2)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Interrupted", "interrupted; nothing half-done is live, and the next run cleans up", INTERRUPTED)
    sys.exit(code)


# --- plumbing -------------------------------------------------------------------------------------------------------


def _asked(context: typer.Context, json: bool, url: str) -> Asked:
    before: Asked = context.obj
    return Asked(config=before.config, url=url or before.url, json=json or before.json)


@contextlib.contextmanager
def _local(context: typer.Context) -> Iterator[Any]:
    from rag_flywheel.wiring import services

    asked: Asked = context.obj
    with services(config_file.load(asked.config), config_file.secrets()) as opened:
        yield opened


def _reply(
    asked: Asked,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Any:
    """The HTTP reply, of the server named or of the app over the local files."""
    from rag_flywheel.cli import client

    if asked.url:
        return client.call(method, path, to=asked.url, body=body, params=params, key=key)
    from rag_flywheel.wiring import services

    with services(config_file.load(asked.config), config_file.secrets()) as opened:
        return client.call(method, path, to=opened, body=body, params=params, key=key)


def _send(
    asked: Asked,
    method: str,
    path: str,
    *,
    body: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Any:
    reply = _reply(asked, method, path, body=body, params=params, key=key)
    try:
        return reply.json()
    except ValueError as error:
        raise Damaged(f"{asked.url} replied with no JSON: is it a rag-flywheel server?") from error


def _newest(asked: Asked) -> str:
    known = _send(asked, "GET", "/versions", params={"deleted": True})
    if not known:
        raise NotFound("there is no version yet: run `rag-flywheel reindex`")
    return str(known[-1]["version"])


def _value(kind: str, text: str) -> Any:
    """A text as it is, also when it is "42"; for other kinds JSON where it is JSON: 4, true, {"document_id": ...}."""
    if kind in ("comment", "issue", "edited"):
        return text
    try:
        return json_format.loads(text, parse_constant=str)  # NaN is no JSON
    except json_format.JSONDecodeError:
        return text


def _span(text: str) -> dict[str, Any]:
    document, start, end = [*text.rsplit(":", 2), "", ""][:3]
    if not (start.isdigit() and end.isdigit()):
        raise InvalidInput(f"{text!r} is no span; expected DOCUMENT:START:END, such as docs/install.md:120:264")
    return {"document_id": document, "start": int(start), "end": int(end)}


def _judgement(text: str) -> str | dict[str, Any]:
    """A span where it ends in two numbers, else a whole document."""
    return _span(text) if all(part.isdigit() for part in [*text.rsplit(":", 2), ""][1:3]) else text


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def _fail(kind: str, detail: str, code: int) -> NoReturn:
    if "--json" in sys.argv[1:]:
        print(json_format.dumps({"error": kind, "detail": detail}))  # noqa: T201  # the one JSON document
    else:
        err.print(f"error: {detail}", markup=False, style="red", soft_wrap=True)
    raise SystemExit(code)


def _print(asked: Asked, result: Any, render: Callable[[Any], None]) -> None:
    if asked.json:
        print(json_format.dumps(result, indent=2, ensure_ascii=False))  # noqa: T201  # the one JSON document
    else:
        render(result)
