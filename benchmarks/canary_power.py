"""What the canary does to candidates of which the truth is known, with a look after every question.

In each run (`canary_runs`) a canary begins with the settings that config.yaml has by default. People, of whom some are
hard to please and some ask much more than others, are assigned by `canary.arm`; the rate of bad outcomes rises and
falls over the day; `canary.decide` looks. A run ends with the verdict or at the limit on questions of its row.

- Promises: two equal versions; a candidate with 30% more bad outcomes; one with 20% fewer; one that is worse by the
  whole of `canary.margin`. A look after every question. Time is no limit here: `canary.maximum_hours` is set out of
  reach, so that the limit on questions counts alone.
- Faults: people of the candidate who are lost from the records; more failures. Time is no limit.
- Curves: time to the verdict by effect and base rate, without a limit on time, and by effect and traffic, where the
  limit is `canary.maximum_hours`. A look after every tenth question, and a tenth of the runs, 20 at least.

A median of questions counts runs without a verdict as longer than all others, and is absent where they are the half.
"Needed" is what `questions_needed` says of the last step, for the design effect that was seen; beside it stands the
simulated value, within which 90% of runs came to a verdict in that step.

Of the runs two of each promise are recorded in full, and what the rules were given is compared with `tally.tally`.
A share of 5% in N runs is itself uncertain: by 2.5 points with 300. The exit code is 1 where a promise is broken.
Usage:

    python benchmarks/canary_power.py [--runs 300] [--seed 0] [--expected 0.2] [--parts PARTS] [--json]
"""

import argparse
import json
import math
import sys
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from canary_runs import World, play
from rich.console import Console
from rich.table import Table

from rag_flywheel.cli import progress
from rag_flywheel.cli.progress import Steps
from rag_flywheel.config import CanarySection
from rag_flywheel.rollout.canary import Action, questions_needed

PARTS = ("promises", "faults", "rates", "traffic")
LIMIT = 10_000  # questions, of the promise on equal versions and of the faults
LONG = 30_000  # of the others
WORSE, BETTER = 0.3, -0.2
EFFECTS = (-0.4, -0.2, 0.0, 0.1, 0.3, 0.5, 1.0)
RATES = (0.05, 0.1, 0.2)
TRAFFIC = (10.0, 100.0, 1000.0)  # questions an hour
RECORDED = 2
WITHOUT_TIME = 1e6  # hours
WIDTH = 160  # characters, of the tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is simulated."""

    runs: int
    seed: int
    expected: float = 0.2
    parts: tuple[str, ...] = PARTS
    limit: int = LIMIT
    long: int = LONG
    effects: tuple[float, ...] = EFFECTS
    rates: tuple[float, ...] = RATES
    traffic: tuple[float, ...] = TRAFFIC
    every: int = 10

    @property
    def some(self) -> int:
        """Runs of each point of a curve."""
        return min(self.runs, max(20, self.runs // 10))


def main() -> None:
    parser = argparse.ArgumentParser(description="What the canary does to candidates of which the truth is known.")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--expected", type=float, default=0.2, help="the live version's rate of bad outcomes")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, by commas")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    arguments = parser.parse_args()
    parts = tuple(arguments.parts.split(","))
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; expected some of {', '.join(PARTS)}")
    if arguments.runs < 1 or not 0.02 <= arguments.expected <= 0.5:
        parser.error("expected --runs of 1 at least and --expected within 0.02..0.5")
    options = Options(runs=arguments.runs, seed=arguments.seed, expected=arguments.expected, parts=parts)
    with progress.shown(Console(stderr=True)) as steps:
        result = measure(options, steps=steps)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        show(result, Console(width=WIDTH))
    sys.exit(0 if all(promise["held"] for promise in result["promises"].values()) else 1)


def measure(options: Options, *, steps: Steps) -> dict[str, Any]:
    """{runs, seed, rows: [{part, world.., runs, endings..}], promises}, as JSON values."""
    wanted = [(part, name, world) for part in options.parts for name, world in worlds(options)[part].items()]
    rows = []
    for done, (part, name, world) in enumerate(wanted):
        steps("simulating canaries", done, len(wanted))
        runs = options.runs if part in ("promises", "faults") else options.some
        rows.append(_row(part, name, world, runs, options, recorded=RECORDED if part == "promises" else 0))
    steps("simulating canaries", len(wanted), len(wanted))
    return {"runs": options.runs, "seed": options.seed, "rows": rows, "promises": promises(rows)}


# --- what is simulated ------------------------------------------------------------------------------------------------


def worlds(options: Options) -> dict[str, dict[str, World]]:
    """By part and name."""
    plain = World(expected=options.expected, limit=options.limit)
    longer = replace(plain, limit=options.long)
    curve = replace(longer, every=options.every)
    by_rate = {
        f"rate {rate:g} effect {effect:+g}": replace(curve, expected=rate, effect=effect)
        for rate in options.rates
        for effect in options.effects
    }
    by_traffic = {
        f"traffic {traffic:g} effect {effect:+g}": replace(
            curve,
            effect=effect,
            traffic=traffic,
            limit=min(int(CanarySection().maximum_hours * traffic) + 1, 2 * options.long),
        )
        for traffic in options.traffic
        for effect in options.effects
    }
    return {
        "promises": {
            "equal": plain,
            "worse": replace(longer, effect=WORSE),
            "better": replace(longer, effect=BETTER),
            "at the margin": replace(plain, effect=CanarySection().margin),
        },
        "faults": {
            "1 in 3 of its people lost": replace(plain, lost=1 / 3),
            "1 in 10 of its people lost": replace(longer, lost=0.1, every=options.every),
            "failures 2% to 4%": replace(curve, failing=0.02, failures=2.0),
            "failures 0.5% to 1%": replace(curve, failures=2.0),
            "failures 0.5% to 5%": replace(plain, failures=10.0),
            "every answer fails": replace(plain, failures=1000.0),
        },
        "rates": by_rate,
        "traffic": by_traffic,
    }


def _row(part: str, name: str, world: World, runs: int, options: Options, *, recorded: int) -> dict[str, Any]:
    settings = CanarySection() if part == "traffic" else CanarySection(maximum_hours=WITHOUT_TIME)
    world_seed = zlib.crc32(name.encode())
    endings = [
        play(world, settings, seed=(options.seed, world_seed, number), record=number < recorded)
        for number in range(runs)
    ]
    design = float(np.median([ending.design for ending in endings]))
    needed = questions_needed(expected=world.expected, effect=world.effect, design=design, settings=settings)
    verdicts = [ending for ending in endings if ending.action is not Action.HOLD and "timeout" not in ending.rules]
    questions = _quantiles([ending.questions for ending in verdicts], runs)
    return {
        "part": part,
        "name": name,
        "expected": world.expected,
        "effect": world.effect,
        "traffic": world.traffic,
        "limit": world.limit,
        "every": world.every,
        "runs": runs,
        "roll_back": sum(ending.action is Action.ROLL_BACK for ending in verdicts),
        "promote": sum(ending.action is Action.PROMOTE for ending in verdicts),
        "open": runs - len(verdicts),
        "rules": dict(Counter(rule for ending in endings for rule in ending.rules)),
        "step": round(sum(ending.step for ending in endings) / runs, 2),
        "questions": questions,
        "hours": {
            at: None if question is None else round(question / world.traffic, 1) for at, question in questions.items()
        },
        "last_step": _quantiles(
            [ending.in_step for ending in verdicts if ending.step == len(settings.shares) - 1], runs
        ),
        "design": round(design, 2),
        "needed": round(needed),
    }


def _quantiles(values: Sequence[float], runs: int) -> dict[str, float | None]:
    """Of all runs, those without a value being above all that have one."""
    ranked = sorted(values)
    places = {"median": math.ceil(0.5 * runs), "90%": math.ceil(0.9 * runs)}
    return {name: ranked[place - 1] if place <= len(ranked) else None for name, place in places.items()}


# --- what was promised ------------------------------------------------------------------------------------------------


def promises(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By name: the share that was seen, the limit, and whether it was held. What was not played is absent."""
    named = {row["name"]: row for row in rows if row["part"] == "promises"}
    asked = (
        ("equal", "roll_back", 0.05, "two equal versions are rolled back in at most 5% of runs"),
        ("worse", "roll_back", 0.95, "30% more bad outcomes are rolled back in at least 95% of runs"),
        ("better", "promote", 0.9, "20% fewer bad outcomes are promoted in at least 90% of runs"),
        ("at the margin", "promote", 0.05, "what is worse by the whole margin is promoted in at most 5% of runs"),
    )
    found = {}
    for name, ending, limit, said in asked:
        if name in named:
            share = named[name][ending] / named[name]["runs"]
            held = share <= limit if limit < 0.5 else share >= limit
            found[f"{said}, within {named[name]['limit']} questions"] = {
                "share": round(share, 4),
                "limit": limit,
                "held": held,
            }
    return found


# --- tables -----------------------------------------------------------------------------------------------------------


HEAD = (
    "run",
    "limit",
    "rolled back",
    "promoted",
    "open",
    "questions",
    "90%",
    "hours",
    "in last step, 90%",
    "needed",
    "design",
    "rules",
)


def show(result: Mapping[str, Any], console: Console) -> None:
    """Shares of the runs in per cent, a table for each part, then the promises."""
    for part in PARTS:
        rows = [row for row in result["rows"] if row["part"] == part]
        if rows:
            table = Table(*HEAD, title=f"{part}, {rows[0]['runs']} runs each", title_justify="left")
            for row in rows:
                table.add_row(*_cells(row))
            console.print(table)
    for name, promise in result["promises"].items():
        console.print(
            f"{'held  ' if promise['held'] else 'BROKEN'}  {name}: {100 * promise['share']:.1f}%", highlight=False
        )


def _cells(row: Mapping[str, Any]) -> list[str]:
    shares = [f"{100 * row[ending] / row['runs']:.1f}" for ending in ("roll_back", "promote", "open")]
    numbers = (row["questions"]["median"], row["questions"]["90%"], row["hours"]["median"], row["last_step"]["90%"])
    rules = ", ".join(f"{rule} {count}" for rule, count in row["rules"].items())
    said = ["–" if number is None else f"{number:g}" for number in numbers]
    return [row["name"], str(row["limit"]), *shares, *said, str(row["needed"]), f"{row['design']:.2f}", rules]


if __name__ == "__main__":
    main()
