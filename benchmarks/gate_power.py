"""What the gate does to versions of which the truth is known: chance alone, true losses, true gains, planted faults.

The data set, a BEIR folder, goes through the real cycle; its questions are answered and scored under real rankings.
Each run draws guard questions (whole clusters, without replacement), makes both scorecards of them, and asks the real
`eval.comparison.compare` and `eval.gate.decide` with the default settings.

- A/A: both sides are the same version.
- Chance: a share of the questions has its first result right under one side alone, either side with equal chance. The
  values of both sides are those of two real rankings, learned and untuned, of questions on which these differ. The
  target questions of these runs are drawn and flipped in the same way. With two parts, each half of the guards has to
  hold on its own, as slices and sources of 100 questions do.
- Loss: questions that were right lose, each with the same probability, so that hit@1 falls by so many points in
  expectation. One that loses has its best passage that does not answer put first, and nothing else changes: no smaller
  loss can be seen by fewer metrics. Alone, or after chance flips.
- Attempts: a night of eight rankings, each with the same true loss, of which the first that passes goes live. All lose
  the same questions, or a share of the questions is lost by each attempt's own chance.
- Blame: some corrections take the questions that are lost, each as many, and the third attempt is without those that
  took a question that was looked at (`gate_blame.How`).
- Gain: questions that the live version answers badly are corrected, and a version with the corrections is built; in a
  run some of these are the target. The guards are as before, or those of the version that was built.
- Faults: a version is built with the fault in it, and everything is real: index, embedder, answers, what guardrails
  set aside before the gate is asked, and the invariants (`eval.guardrails.invariants.check`). The failing judge is made
  of its scores: none for the half of the questions that the live version ranks worst.

What was drawn from is finite, so a share of 5% in N runs is itself uncertain: by 3 points with 200 runs. A promise is
broken when the share that was seen breaks it; the exit code is then 1. Usage:

    python benchmarks/gate_power.py DATASET [--runs 200] [--seed 0] [--workers 2] [--work FOLDER] [--parts PARTS]
        [--json]
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from gate_blame import BlameTally, How, Night
from gate_blame import play as play_night
from gate_faults import FAULTS, failing_judge, no_fault
from gate_runs import Guards, Scenario, Table, Tally, Targets, draw, play, ruled, tally
from gate_worlds import (
    Planted,
    World,
    begin,
    checked,
    guards,
    questions,
    settings_for,
    suspected,
    values,
    with_first,
)
from gate_worlds import targets as corrected_targets
from rich.console import Console
from rich.table import Table as Shown

from eval.gate import ATTEMPTS
from eval.guardrails.checks import Check
from eval.questions.golden import GUARDS, Case, Slice
from rag_flywheel import wiring
from rag_flywheel.cli import progress
from rag_flywheel.cli.progress import Steps
from rag_flywheel.config import Config, Gate, Secrets
from rag_flywheel.services import Services

SIZE = 200  # guard questions of the promises
SIZES = (50, 100, 200, 500)
FLIPS = (0.01, 0.02, 0.05, 0.1, 0.15)
LOSSES = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1)
USUAL_FLIPS = 0.02  # where chance comes on top of something else
GAINS = 12  # corrections of one night
CORRECTED = 40  # questions that are corrected, to draw those from
RARE = 0.05
CULPRITS = (1, 2, 5, 20, 50)  # corrections that take guard questions
APART = (0.0, 0.25, 0.5, 1.0)
PARTS = ("aa", "chance", "loss", "attempts", "blame", "gain", "faults")
NO_FAULT, CORRECTED_VERSION, FAILING_JUDGE = "no fault", "corrected version", "judge failing on the hard half"

_Told = Tally | BlameTally
Opened = Callable[[Config, Secrets], AbstractContextManager[Services]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is simulated. What the promises are about is not among it."""

    runs: int
    seed: int
    workers: int
    size: int = SIZE
    sizes: tuple[int, ...] = SIZES
    parts: tuple[str, ...] = PARTS
    faults: tuple[str, ...] = (*FAULTS, FAILING_JUDGE)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the gate does to versions of which the truth is known.")
    parser.add_argument("dataset", type=Path, help="a BEIR folder: corpus.jsonl, queries.jsonl, qrels/test.tsv")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--work", type=Path, help="a folder that keeps what was embedded, for another time")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, by commas")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    arguments = parser.parse_args()
    parts = tuple(arguments.parts.split(","))
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; expected some of {', '.join(PARTS)}")
    options = Options(runs=arguments.runs, seed=arguments.seed, workers=arguments.workers, parts=parts)
    with progress.shown(Console(stderr=True)) as steps, tempfile.TemporaryDirectory() as folder:
        result = measure(arguments.dataset, arguments.work or Path(folder), options, steps=steps)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        show(result, Console())
    sys.exit(0 if all(promise["held"] for promise in result["promises"].values()) else 1)


def measure(
    dataset: Path, work: Path, options: Options, *, steps: Steps, opened: Opened = wiring.services
) -> dict[str, Any]:
    """{dataset, runs, seed, questions, aa, chance, loss, attempts, blame, gain, faults, promises}, as JSON values."""
    config = settings_for(dataset, work)
    with opened(config, Secrets()) as services:
        world = begin(services, steps)
        asked = guards(world)
        target, planted = corrected_targets(world, asked.learned, CORRECTED)
        simulated = _simulate(scenarios(options), asked, target, config.gate, options, steps)
        found = _planted(world, planted, asked, config.gate, options, steps) if "faults" in options.parts else {}
    result = {
        "dataset": dataset.resolve().name,
        "runs": options.runs,
        "seed": options.seed,
        "questions": len(asked.cases),
        "corrected": len(target.cases),
        **simulated,
        "faults": found,
    }
    return {**result, "promises": promises(result, options)}


# --- what is simulated ----------------------------------------------------------------------------------------------


def scenarios(options: Options) -> dict[str, list[tuple[dict[str, Any], Scenario | Night]]]:
    """By part of the result: how a row is described, and what is true in it."""
    plain = Scenario(guards=options.size, flips=0.0, loss=0.0, parts=1)
    null = replace(plain, target_loss=0.0)  # a target that nothing was done for: never better
    rows: dict[str, list[tuple[dict[str, Any], Scenario | Night]]] = {
        "aa": [({"strata": parts}, replace(null, parts=parts)) for parts in (1, 2)],
        "chance": [
            ({"flips": flips, "strata": parts}, replace(null, flips=flips, parts=parts))
            for parts in (1, 2)
            for flips in FLIPS
        ],
        "loss": [
            ({"loss": loss, "guards": size, "flips": flips}, replace(plain, guards=size, loss=loss, flips=flips))
            for flips, sizes in ((0.0, options.sizes), (USUAL_FLIPS, (options.size,)))
            for size in sizes
            for loss in LOSSES
        ],
        "attempts": [
            (
                {"loss": loss, "attempts": ATTEMPTS, "apart": apart},
                replace(plain, loss=loss, attempts=ATTEMPTS, apart=apart),
            )
            for loss in (0.05, 0.07)
            for apart in APART
        ],
        "blame": [
            (
                {"loss": loss, "culprits": culprits, "flips": flips, "how": how.value},
                Night(guards=options.size, flips=flips, loss=loss, culprits=culprits, how=how),
            )
            for loss, flips in ((0.05, 0.0), (0.1, 0.0), (0.1, USUAL_FLIPS))
            for culprits in CULPRITS
            for how in How
        ],
        "gain": [
            ({"corrections": GAINS, "flips": 0.0, "loss": 0.0}, replace(plain, gains=GAINS)),
            ({"corrections": GAINS, "flips": USUAL_FLIPS, "loss": 0.0}, replace(plain, gains=GAINS, flips=USUAL_FLIPS)),
            ({"corrections": GAINS, "flips": 0.0, "loss": 0.02}, replace(plain, gains=GAINS, loss=0.02)),
            ({"corrections": 1, "flips": 0.0, "loss": 0.0}, replace(plain, gains=1)),
            ({"corrections": 0, "flips": 0.0, "loss": 0.0, "target_loss": 0.02}, replace(plain, target_loss=0.02)),
        ],
    }
    return {part: some if part in options.parts else [] for part, some in rows.items()}


def _simulate(
    wanted: Mapping[str, Sequence[tuple[dict[str, Any], Scenario | Night]]],
    asked: Guards,
    target: Targets,
    settings: Gate,
    options: Options,
    steps: Steps,
) -> dict[str, list[dict[str, Any]]]:
    """Each part's rows. Scenarios are dealt to processes; what a run draws depends on seed and number alone."""
    rows = [(part, row, scenario) for part, some in wanted.items() for row, scenario in some]
    rows = [row for row in rows if row[2].guards <= len(asked.cases)]
    found: dict[str, list[dict[str, Any]]] = {part: [] for part in wanted}
    with _pool(options.workers) as submit:
        told = [
            submit(
                partial(play_night, scenario, asked, settings=settings, runs=options.runs, seed=options.seed)
                if isinstance(scenario, Night)
                else partial(play, scenario, asked, target, settings=settings, runs=options.runs, seed=options.seed)
            )
            for _, _, scenario in rows
        ]
        for done, ((part, row, _), result) in enumerate(zip(rows, told, strict=True), start=1):
            found[part].append({**row, **asdict(result())})
            steps("deciding", done, len(rows))
    return found


@contextmanager
def _pool(workers: int) -> Iterator[Callable[[Callable[[], _Told]], Callable[[], _Told]]]:
    """What starts a piece of work and returns what waits for it; one worker is this process."""
    if workers == 1:
        yield lambda work: work
        return
    context = multiprocessing.get_context("spawn")  # the models' threads do not survive a fork
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield lambda work: pool.submit(work).result


def _planted(
    world: World, corrections: Planted, asked: Guards, settings: Gate, options: Options, steps: Steps
) -> dict[str, dict[str, Any]]:
    """Each fault's tally by name; two versions without a fault come first."""
    found = {
        NO_FAULT: _fault(world, no_fault(world), asked, settings, options),
        CORRECTED_VERSION: _fault(world, corrections, asked, settings, options),
    }
    named = [name for name in options.faults if name != FAILING_JUDGE]
    for done, name in enumerate(named, start=1):
        steps("planting faults", done, len(named))
        planted = FAULTS[name](world)
        found[name] = _set_aside(world, planted, options) or _fault(world, planted, asked, settings, options)
    if FAILING_JUDGE in options.faults:
        scores = failing_judge(asked.cases, asked.learned)
        found[FAILING_JUDGE] = asdict(_runs(asked.cases, scores, scores, (), settings, options))
    return found


def _set_aside(world: World, planted: Planted, options: Options) -> dict[str, Any] | None:
    """Runs that the gate is not asked in, as the fault is left out before; None where nothing is suspected."""
    caught_by = {f"set aside: {guardrail}": options.runs for guardrail in suspected(world, planted)}
    none = dict.fromkeys(("refused", "undecided", "passed", "worse", "better", "promoted_better"), 0)
    return {"runs": options.runs, **none, "caught_by": caught_by} if caught_by else None


def _fault(world: World, planted: Planted, asked: Guards, settings: Gate, options: Options) -> dict[str, Any]:
    cases = questions(world, planted.built, planted.snapshot)
    checks = checked(world, planted)
    before = values(world, world.services, world.live, cases)
    after = values(world, planted.services, with_first(planted.built), cases)
    return asdict(_runs(cases, before, after, checks, settings, options))


def _runs(
    cases: Sequence[Case],
    before: Table,
    after: Table,
    checks: Sequence[Check],
    settings: Gate,
    options: Options,
) -> Tally:
    """Runs with drawn guards and, where there are any, drawn corrections of one night."""
    chances = [Random(f"{options.seed} {number}") for number in range(options.runs)]
    guarding = [case for case in cases if case.slice in GUARDS]
    new = [case for case in cases if case.slice is Slice.CORRECTED]
    drawn = [[*draw(guarding, options.size, chance), *draw(new, GAINS, chance)] for chance in chances]
    rulings = [ruled(some, before, after, checks=checks, parts={}, settings=settings) for some in drawn]
    return tally(rulings, settings)


# --- what was promised ----------------------------------------------------------------------------------------------


def promises(result: Mapping[str, Any], options: Options) -> dict[str, dict[str, Any]]:
    """By name: the worst share that was seen, the limit, and whether it was held. What was not played is absent."""
    lost = [row for row in result["loss"] if row["loss"] == 0.05 and row["guards"] == options.size]
    two = [row for row in result["loss"] if row["loss"] == 0.02]
    target_loss = [row for row in result["gain"] if "target_loss" in row]
    night = [row for row in result["gain"] if row["corrections"] == GAINS and not row["loss"] and not row["flips"]]
    single = [row for row in result["gain"] if row["corrections"] == 1]
    sound = [row for name, row in result["faults"].items() if name == NO_FAULT]
    faults = [row for name, row in result["faults"].items() if name not in (NO_FAULT, CORRECTED_VERSION)]
    eight = [row for row in result["attempts"] if row["loss"] == 0.05]
    blamed = [row for row in result["blame"] if row["how"] == How.LONE]
    culprit = [row for row in blamed if row["culprits"] == 1 and not row["flips"]]
    size = options.size
    asked = [
        ("A/A is called worse in at most 5% of runs", result["aa"], _seen("worse"), RARE),
        ("A/A is never called better", result["aa"], _seen("better"), 0.0),
        ("chance alone is called worse in at most 5% of runs", result["chance"], _seen("worse"), RARE),
        ("chance alone is called better in at most 5% of runs", result["chance"], _seen("better"), RARE),
        (f"a loss of 5 points on {size} questions passes in at most 5% of runs", lost, _seen("passed"), RARE),
        ("of nights whose attempts all lose 5 points at most 5% pass", eight, _seen("passed"), RARE),
        ("of nights where blame left in what takes 5 points at most 5% pass", blamed, _seen("harmful"), RARE),
        ("of nights with one harmful correction at most 5% do not pass", culprit, _missing("passed"), RARE),
        ("a loss of 2 points is never promoted as better", [*two, *target_loss], _seen("promoted_better"), 0.0),
        ("12 corrections are not called better in at most 5% of runs", night, _missing("promoted_better"), RARE),
        ("1 correction is not decided in at most 5% of runs", single, _missing("passed", "refused"), RARE),
        ("1 correction is never called better", single, _seen("better"), 0.0),
        ("a planted fault never passes", faults, _seen("passed"), 0.0),
        ("a version without a fault does not pass in at most 5% of runs", sound, _seen("refused", "undecided"), RARE),
    ]
    worst = [(name, max(map(share, rows)), limit) for name, rows, share, limit in asked if rows]
    return {
        name: {"share": round(share, 4), "limit": limit, "held": share <= limit + 1e-9} for name, share, limit in worst
    }


def _seen(*counts: str) -> Callable[[Mapping[str, Any]], float]:
    return lambda row: sum(row[count] for count in counts) / row["runs"]


def _missing(*counts: str) -> Callable[[Mapping[str, Any]], float]:
    seen = _seen(*counts)
    return lambda row: 1.0 - seen(row)


# --- tables ---------------------------------------------------------------------------------------------------------


def show(result: Mapping[str, Any], console: Console) -> None:
    """Shares of the runs in per cent, a table for each part, then the promises."""
    head = f"{result['dataset']}: {result['questions']} judged questions, {result['runs']} runs"
    console.print(f"{head}; shares of runs in %", highlight=False)
    for part in ("aa", "chance", "loss", "attempts", "gain"):
        rows = result[part]
        if rows:
            names = list(dict.fromkeys(name for row in rows for name in row if name not in Tally.__slots__))
            _table(console, part, names, [([_said(row.get(name)) for name in names], row) for row in rows])
    if result["blame"]:
        names = ["loss", "culprits", "flips", "how", "passed", "harmful", "left_out"]
        table = Shown(*names, title="blame", title_justify="left")
        for row in result["blame"]:
            shares = (row["passed"] / row["runs"], row["harmful"] / row["runs"], row["left_out"])
            table.add_row(*(str(row[name]) for name in names[:4]), *(f"{100 * share:.1f}" for share in shares))
        console.print(table)
    if result["faults"]:
        _table(console, "faults", ["fault"], [([name], row) for name, row in result["faults"].items()])
    for name, promise in result["promises"].items():
        console.print(
            f"{'held  ' if promise['held'] else 'BROKEN'}  {name}: {100 * promise['share']:.1f}%", highlight=False
        )


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _table(
    console: Console, title: str, names: Sequence[str], rows: Sequence[tuple[list[str], Mapping[str, Any]]]
) -> None:
    counts = ("refused", "undecided", "passed", "worse", "better", "promoted_better")
    table = Shown(*names, *counts, "caught by", title=title, title_justify="left")
    for cells, row in rows:
        shares = [f"{100 * row[count] / row['runs']:.1f}" for count in counts]
        table.add_row(*cells, *shares, ", ".join(f"{rule} {n}" for rule, n in row["caught_by"].items()))
    console.print(table)


if __name__ == "__main__":
    main()
