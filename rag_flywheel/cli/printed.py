"""What the commands print for people. Where a script listens, `--json` prints the reply as it is instead."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, emoji=False)

EXCERPT = 80  # characters of a passage in a table
ARMS = ("control", "treatment")
SIDES = {"hold-out": "holdout", "everybody else": "others"}
COUNTS = ("people", "asked", "bad")
_COUNTED = ("documents", "passages", "corrections")


def answer(reply: Mapping[str, Any]) -> None:
    out.print(reply["answer"], markup=False, soft_wrap=True)
    for citation in reply["citations"]:
        out.print(
            f"  [{citation['number']}] {citation['title']} ({_place(citation)})",
            markup=False,
            style="dim",
            soft_wrap=True,
        )
    out.print(f"interaction {reply['interaction_id']}, version {reply['version']}", style="dim", soft_wrap=True)


def explanation(said: Mapping[str, Any]) -> None:
    learned, admission = said["learned"], said["learned"]["admission"]
    weights = (f"{name.replace('_', ' ')} {weight:.2f}" for name, weight in learned["fusion"].items())
    needed = "no known question is used"
    if admission is not None:
        parts = f"cosine + {admission['words']:.2f} x words - {admission['passage']:.2f} x best passage"
        above = f"{parts} is above {admission['threshold']:.2f}"
        needed = f"a known question is used where {above}, and no passage is nearer"
    lines = [
        said["question"] or "question not kept",
        *([f"searched for: {said['query']}"] if said["query"] != said["question"] else []),
        f"version {said['version']}, {'live' if said['live'] else 'not live'}",
        f"fusion: {', '.join(weights) or 'reciprocal rank fusion'}; reranker: {learned['reranker'] or 'none'}",
        f"admission: {needed}",
    ]
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
    for note in said["notes"]:
        out.print(f"note: {note}", markup=False, style="yellow", soft_wrap=True)
    passages = ([passage["rank"], *_ranked(passage)] for passage in said["passages"])
    _rows("Ranking", ("rank", "passage", "score", "why", "used"), passages, "nothing was found")
    judged = ([_known(question), question["question"], *_fitted(question)] for question in said["questions"])
    columns = ("answered by", "known question", "fit", "why")
    _rows("Known questions near the query", columns, judged, "no known question is near the query")


def _ranked(one: Mapping[str, Any]) -> Iterator[str]:
    """The cells of a passage after its rank."""
    text = " ".join((one["text"] or "").split())
    excerpt = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    yield "\n".join(part for part in (one["title"], _place(one), excerpt) if part)
    yield f"{one['score']:.3f}"
    weighed = (
        f"{part['name'].replace('_', ' ')} {part['value']:.2f} x {part['weight']:.2f} = {part['contribution']:.2f}"
        for part in one["features"]
        if part["weight"]
    )
    admitted = [] if one["scores"]["question"] is None else [_known(one)]
    yield "\n".join([_numbers(one["scores"]), *admitted, *weighed])
    yield "cited" if one["cited"] else "shown" if one["shown"] else ""


def _fitted(one: Mapping[str, Any]) -> Iterator[str]:
    """The cells of a known question after the question itself."""
    yield "-" if one["fit"] is None else f"{one['fit']:.2f}"
    parts = {"cosine": one["cosine"], "words": one["words"], "best passage": one["passage"]}
    yield f"{one['reason']}\n{_numbers(parts)}"


def _known(one: Mapping[str, Any]) -> str:
    """Where the answer to a known question comes from, the ids on lines of their own."""
    confirmed, correction = one["confirmed"], one["correction_id"]
    parts = [f"confirmed answer of interaction\n{confirmed}"] if confirmed is not None else []
    parts += [f"correction\n{correction}"] if correction is not None else []
    return "\n".join(parts) or "confirmed answer"


def _numbers(named: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in named.items() if value is not None)


def _place(one: Mapping[str, Any]) -> str:
    """A span as `correct --evidence` takes it."""
    return f"{one['document_id']}:{one['start']}:{one['end']}"


def fields(result: Mapping[str, Any]) -> None:
    table = Table(show_header=False, box=None)
    for name, value in result.items():
        table.add_row(name.replace("_", " "), Text("-" if value is None else _short(value)))
    out.print(table)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def document(result: Any) -> None:
    out.print(yaml.safe_dump(result, sort_keys=False, allow_unicode=True), markup=False, soft_wrap=True)


def _rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], nothing: str) -> None:
    table = Table(title=title)
    for number, name in enumerate(columns):
        # The first is what other commands want to be given, whole.
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    out.print(table if table.row_count else nothing)


def review_table(items: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "status", "stage", "question", "was answered", "correction")
    rows = ([item[name] for name in ("id", "status", "stage", "question", "answered", "answer")] for item in items)
    _rows("Corrections", columns, rows, "no correction is in this state")
    for item in items:
        _conflicts(item)


def review_item(item: Mapping[str, Any]) -> None:
    fields({name: value for name, value in item.items() if name != "conflicts"})
    _conflicts(item)


def _conflicts(item: Mapping[str, Any]) -> None:
    for other in item["conflicts"]:
        same = "the very same question: the one accepted last supersedes the other"
        near = f"nearly the same question: both stay until one is rejected: {other['question']}"
        said = f"{item['id']} is in conflict with {other['id']} ({other['status']}): {other['answer']}"
        out.print(said, markup=False, soft_wrap=True)
        out.print(f"  {same if other['same_question'] else near}", markup=False, style="dim", soft_wrap=True)


def gaps_table(found: Sequence[Mapping[str, Any]]) -> None:
    rows = ([one["times"], one["question"], one["last"][:19]] for one in found)
    _rows("Knowledge gaps", ("times", "question", "last asked"), rows, "no gaps: every question was answered")


def triage_table(found: Sequence[Mapping[str, Any]]) -> None:
    rows = ([one["interaction_ids"][0], f"{one['score']:.1f}", one["times"], one["question"]] for one in found)
    columns = ("interaction", "score", "times", "question")
    _rows(
        "Suspicious answers",
        columns,
        rows,
        "nothing to look at: no unjudged answer has more signals against it than for it",
    )


def golden_table(items: Sequence[Mapping[str, Any]]) -> None:
    columns = ("id", "origin", "role", "state", "group", "question")
    rows = (
        [
            item["case_id"],
            item["origin"],
            item["role"],
            item["state"].replace("_", " "),
            item["group"],
            item["question"],
        ]
        for item in items
    )
    _rows("Judged questions", columns, rows, "no judged question is like this")
    for item in items:
        if item["reason"]:
            out.print(f"{item['case_id']}: {item['reason']}", markup=False, style="dim", soft_wrap=True)


def taken_in(result: Mapping[str, Any]) -> None:
    fields({name: len(result[name]) for name in ("added", "skipped", "unjudged")} | {"masked": result["masked"]})


def checkup(result: Mapping[str, Any]) -> None:
    roles = ", ".join(f"{count} {name}" for name, count in result["roles"].items())
    style = {"sound": "green", "faulty": "red"}.get(result["outcome"], "yellow")
    out.print(f"{result['outcome']}: {roles}; {result['stale_share']:.0%} stale", style=style)
    rows = (
        ["\n".join(finding["cases"]), finding["fault"].replace("_", " "), finding["detail"]]
        for finding in result["findings"]
    )
    _rows("Findings", ("case", "fault", "what to do"), rows, "nothing is wrong")


def versions_table(found: Sequence[Mapping[str, Any]]) -> None:
    rows = (
        [one["version"], one["state"], one["created"][:19], *(one["counts"][name] for name in _COUNTED)]
        for one in found
    )
    _rows("Index versions", ("version", "state", "created", *_COUNTED), rows, "no version yet: run reindex")


def replay_table(result: Mapping[str, Any]) -> None:
    from eval.replay import page

    title = f"hit@1 on {result['dataset']}, mode {result['mode']}, seeds {len(result['seeds'])}"
    table = Table(*page.COLUMNS, title=title, box=None, padding=(0, 1, 0, 0))  # it fits into 80 columns
    for row in page.table(result):
        table.add_row(*row)
    out.print(table)
    for name, verdict in result["verdicts"].items():
        better = ", ".join(verdict["dominated_by"])
        said = f"{name}: help {verdict['help']:+.3f}, harm {verdict['harm']:+.3f}"
        out.print(said + (f"; more help at no more harm: {better}" if better else ""), markup=False, soft_wrap=True)
    for seed, notes in result["decisions"].items():
        for note in notes:
            out.print(f"  seed {seed}, {note}", markup=False, style="dim", soft_wrap=True)


def reindex_table(result: Mapping[str, Any]) -> None:
    style = {"promoted": "green", "unchanged": "dim"}.get(result["decision"], "yellow")
    out.print(f"{result['decision']}: {result['version'] or 'no version'}", style=style)
    for reason in result["reasons"]:
        out.print(f"  - {reason}", markup=False, soft_wrap=True)
    for one in result["skipped"]:
        out.print(f"  skipped {one['name']}: {one['reason']}", markup=False, style="dim", soft_wrap=True)
    if result["report"]:
        out.print(f"report: {result['report']}", markup=False, soft_wrap=True)
    out.print(f"{result['seconds']:.1f} s", style="dim")


def canary(result: Mapping[str, Any]) -> None:
    """The canary, its arms, and what comes next."""
    one = result["canary"]
    if one is None:
        out.print("no canary was started yet")
        return
    kind = "shadow" if one["shadow"] else "canary"
    said = f"{kind} of {one['treatment']} against {one['control']}: {one['state'].replace('_', ' ')}"
    out.print(f"{said}, step {one['step']} of {len(one['steps'])}, {one['share']:.0%} of the people", soft_wrap=True)
    rows = (
        [arm, met["people"], met["asked"], met["bad"], f"{met['bad'] / met['asked']:.1%}" if met["asked"] else "-"]
        for arm, met in ((name, result.get(name) or result.get("evidence", {}).get(name)) for name in ARMS)
        if met
    )
    _rows("This step", ("arm", "people", "questions", "bad outcomes", "rate"), rows, "nobody asked yet")
    judged, when = (result, "this look") if "action" in result else (result.get("next") or {}, "the next look")
    for reason in [*one["reasons"], *judged.get("reasons", [])]:
        out.print(f"  {reason}", markup=False, soft_wrap=True)
    if judged.get("action") not in (None, "none"):
        out.print(f"{when}: {judged['action'].replace('_', ' ')}", soft_wrap=True)


def holdout(result: Mapping[str, Any]) -> None:
    """The hold-out, and what the flywheel is worth against it."""
    one = result["holdout"]
    if one is None:
        out.print("there is no hold-out: `rag-flywheel holdout start VERSION` begins one", soft_wrap=True)
        return
    out.print(f"{one['share']:.0%} of the people on {one['version']} since {one['since'][:16]}", soft_wrap=True)
    rows = ([side, *(one[name][count] for count in COUNTS)] for side, name in SIDES.items())
    _rows("Since then", ("side", "people", "questions", "bad outcomes"), rows, "nobody asked yet")
    found = one["difference"]
    if found is None:
        out.print("too few people to compare", soft_wrap=True)
        return
    interval = f"{found['low']:+.1%} to {found['high']:+.1%}"
    out.print(f"bad outcomes of everybody else less those of the hold-out: {found['difference']:+.1%} ({interval})")


def audit_table(entries: Sequence[Mapping[str, Any]]) -> None:
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
    _rows("Audit log", ("subject", "at", "who", "action", "why"), rows, "nothing was done yet")
