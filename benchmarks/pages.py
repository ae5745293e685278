"""What each page costs as the ledger grows: `python benchmarks/pages.py --interactions 100000 --corrections 5000`.

Two ledgers in SQLite are filled side by side, a tenth and the whole, with made-up people who ask questions of five
shown passages, rate one answer in ten and correct some; half of the corrections wait, and the others are decided on by
three reviewers. Every page is then asked for by somebody with all roles, in the same process as the app: time of the
processor of server and client together, the median of `--times`, after one that warms up. The index and the encoder are
small (`tests.fakes.services`), since searching is measured elsewhere. Some pages are asked for again and again after
another process has written: a verdict, or, a minute later, an answer and a thumb. `--folder` keeps the ledgers, which
take minutes to fill.
"""

import argparse
import itertools
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import Feedback, FeedbackId, FeedbackKind, InteractionId, Verdict, VersionId
from rag_flywheel.ports import Ledger
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.doors import door
from tests.fakes.keys import keys_in
from tests.fakes.samples import NOON, correction, interaction, review, shown, span
from tests.fakes.services import publish, services

PEOPLE = 2_000
REVIEWERS = ("grace", "hedy", "ida")
ORDINARY = 4_000  # words in questions, the k-th as often as 1/k (Zipf)
THINGS = ("hub", "lamp", "router", "ledger", "backup", "screen", "clock", "sensor", "cable", "remote")
WISHES = ("reset", "update", "move", "mute", "pair", "export", "rename", "lock", "share", "dim")
PLACES = ("in the office", "abroad", "at night", "on Linux", "for guests", "by phone", "after a failure", "for a team")
PAGES = (
    "/",
    "/conversations",
    "/my-corrections",
    "/consent",
    "/answers/i7",
    "/answers/i7/correct",
    "/documents/rollback",
    "/review",
    "/review?order=oldest",
    "/review?conflicts=true",
    "/review/c8",
    "/review/c8/touches",
    "/review/progress",
    "/review/second",
    "/gaps",
    "/insights?from=2026-01-01",
    "/versions",
    "/aside",
    "/compare",
    "/metrics",
)


def fill(ledger: Ledger, *, interactions: int, corrections: int, rng: random.Random) -> None:
    """As many questions within ninety days, the corrections spread among them."""
    every, salt = interactions // corrections, ledger.salt()
    people = [pseudonym(f"person {number}", salt) for number in range(PEOPLE)]
    for number in range(interactions):
        asked = NOON - timedelta(days=90) * (1 - number / interactions)
        thing = rng.choice(THINGS)
        about = " ".join(f"word{int(ORDINARY ** rng.random())}x" for _ in range(3))
        question = f"How do I {rng.choice(WISHES)} the {thing} {rng.choice(PLACES)} with {about}?"
        ranking = [shown(f"{name}.md", at) for at, name in enumerate(rng.sample(THINGS, 5), 1)]
        made = interaction(
            f"i{number}",
            question=question,
            answer=f"Open the menu of the {thing} and choose the entry.",
            answered=rng.random() < 0.85,
            asked=asked,
            user=people[number % PEOPLE],
            ranking=ranking,
        )
        ledger.add_interaction(replace(made, version_id=VersionId("v1")))
        if number % 10 == 0:
            ledger.add_feedback(
                Feedback(
                    feedback_id=FeedbackId(f"f{number}"),
                    interaction_id=InteractionId(f"i{number}"),
                    given=asked,
                    user=people[number % PEOPLE],
                    kind=FeedbackKind.THUMB,
                    value=rng.choice(("up", "down")),
                )
            )
        if number % every == 0 and number // every < corrections:
            name = f"c{number // every}"
            evidence = [span(f"{thing}.md")]
            ledger.add_correction(
                correction(
                    name,
                    of=f"i{number}",
                    question=question,
                    answer=f"Hold the key of the {thing} for {rng.randrange(2, 30)} seconds, then wait.",
                    evidence=evidence,
                    submitted=asked,
                )
            )
            if (number // every) % 2:
                verdict = rng.choice((Verdict.ACCEPT, Verdict.ACCEPT, Verdict.REJECT))
                ledger.add_review(
                    review(name, verdict, reviewed=asked + timedelta(hours=5), reviewer=rng.choice(REVIEWERS))
                )


def filled(folder: Path, *, interactions: int, corrections: int, seed: int) -> Path:
    """A folder with such a ledger, filled where it is not there yet."""
    home = folder / f"{interactions} {corrections} {seed}"
    if not home.exists():
        home.mkdir(parents=True)
        began, ledger = time.monotonic(), ledger_in(home)
        with ledger.transaction():
            fill(ledger, interactions=interactions, corrections=corrections, rng=random.Random(seed))
        ledger.close()
        print(f"{interactions} interactions, {corrections} corrections filled in {time.monotonic() - began:.0f} s")
    return home


def ledger_in(home: Path) -> Ledger:
    locks = home / "locks"
    return open_ledger(sqlite_url(home / "ledger.db"), timeout=60, lock_folder=locks, keys=keys_in(locks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    services: Services
    http: TestClient
    numbers: Iterator[int]  # of what is written meanwhile


def opened(home: Path) -> Opened:
    made = services(home, text="review: {second_share: 0.1}", ledger=ledger_in(home))
    publish(made, "v1")
    return Opened(services=made, http=door(made, "person 7"), numbers=itertools.count())


def verdict(of: Opened) -> None:
    """By another worker, on a correction that waits."""
    at = of.services.now()
    of.services.ledger.add_review(review(f"c{2 * next(of.numbers)}", Verdict.REJECT, reviewed=at, reviewer="grace"))


def minute(of: Opened) -> None:
    """In which somebody asks and likes the answer. The clock goes on by a second each time that it is read."""
    at, name = [of.services.now() for _ in range(61)][-1], f"new {next(of.numbers)}"
    made = interaction(name, asked=at, user="p1", ranking=[shown("hub.md", 1)], citations=1)
    of.services.ledger.add_interaction(replace(made, version_id=VersionId("v1")))
    of.services.ledger.add_feedback(
        Feedback(
            feedback_id=FeedbackId(f"f {name}"),
            interaction_id=InteractionId(name),
            given=at,
            user="p1",
            kind=FeedbackKind.THUMB,
            value="up",
        )
    )


AFTER: tuple[tuple[str, str, Callable[[Opened], None]], ...] = (
    ("/review", "after a verdict", verdict),
    ("/review/progress", "after a verdict", verdict),
    ("/metrics", "after a verdict", verdict),
    ("/insights?from=2026-01-01", "made anew", minute),
    ("/review", "after a minute", minute),
)


def spent(of: Opened, page: str, times: int, change: Callable[[Opened], None] = lambda of: None) -> float:
    """Milliseconds of the processor, the median."""

    def once() -> float:
        change(of)
        began = time.process_time()
        reply = of.http.get(page, headers={"Accept": "text/html"})
        assert reply.status_code == 200, f"{page}: {reply.status_code}"
        return 1000 * (time.process_time() - began)

    once()
    return statistics.median(once() for _ in range(times))


def measured(small: Opened, large: Opened, times: int) -> Iterator[dict[str, str | float]]:
    for page, when, change in (*((page, "", lambda of: None) for page in PAGES), *AFTER):
        few, many = (spent(of, page, times, change) for of in (small, large))
        name = f"{page}, {when}" if when else page
        yield {"page": name, "tenth_ms": round(few, 1), "whole_ms": round(many, 1), "ratio": round(many / few, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interactions", type=int, default=100_000)
    parser.add_argument("--corrections", type=int, default=5_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / f"of {part}" for part in (10, 1)]
        for home, part in zip(homes, (10, 1), strict=True):
            kept = filled(
                asked.folder or Path(folder),
                interactions=asked.interactions // part,
                corrections=asked.corrections // part,
                seed=asked.seed,
            )
            shutil.copytree(kept, home)
        small, large = map(opened, homes)
        rows = []
        print(f"{'page':<42}{'tenth':>9}{'whole':>9}{'ratio':>7}")
        for row in measured(small, large, asked.times):
            rows.append(row)
            print(f"{row['page']:<42}{row['tenth_ms']:>9}{row['whole_ms']:>9}{row['ratio']:>7}", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
