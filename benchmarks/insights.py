"""How long the page of insights takes on the server, by how many answers there are: `python benchmarks/insights.py`.

A ledger in SQLite holds answers of 90 days by three versions: each was shown 5 passages of 500 documents and cites 2; a
fifth was judged; a twentieth was corrected, of which four in five were accepted. Every page is asked for by somebody
else's eyes: all of it, a month, a group of askers, a reviewer who may not read a tenth of the documents, and with a
sensitive source. Each is asked for six times; the first and the median of the rest are shown.
"""

import argparse
import random
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.domain import (
    Confidence,
    Feedback,
    FeedbackId,
    FeedbackKind,
    InteractionId,
    Readership,
    Role,
    Stage,
    VersionId,
)
from rag_flywheel.ports import Ledger
from rag_flywheel.rollout.promotion import act_of, promote
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.encoder import HashingEncoder
from tests.fakes.keys import keys_in
from tests.fakes.samples import NOON, chunk, correction, decision, interaction, manifest, review, shown, span
from tests.fakes.services import DIMENSION, entries, services

DOCUMENTS, DAYS, AT_ONCE = 500, 90, 1000
PAGE = {"Accept": "text/html"}
GROUPED = "sources: [{path: docs, groups: {'x/': [hr]}}]\n"
MARKED = "sources: [{path: docs}, {path: ward, sensitive: true}]\n"


def groups(number: int) -> tuple[str, ...]:
    return ("hr",) if number % 10 == 0 else ()


def fill(ledger: Ledger, many: int, rng: random.Random) -> None:
    for start in range(0, many, AT_ONCE):
        with ledger.transaction():
            for number in range(start, min(start + AT_ONCE, many)):
                add(ledger, number, NOON - timedelta(days=DAYS) * (1 - number / many), rng)


def add(ledger: Ledger, number: int, at, rng: random.Random) -> None:  # type: ignore[no-untyped-def]
    seen = rng.sample(range(DOCUMENTS), 5)
    ranking = [replace(shown(f"d{of}", rank), groups=groups(of)) for rank, of in enumerate(seen, 1)]
    answered, name = rng.random() < 0.9, f"i{number}"
    asked = interaction(name, asked=at, user=f"p{number % 2000}", ranking=ranking, citations=2 if answered else 0)
    cited = tuple(replace(each, document_id=ranking[each.number].document_id) for each in asked.citations)
    low = Confidence.LOW if rng.random() < 0.1 else Confidence.HIGH
    version = VersionId(f"v{1 + rng.randrange(3)}")
    ledger.add_interaction(
        replace(
            asked,
            answered=answered,
            citations=cited,
            shown=5,
            confidence=low,
            version_id=version,
            group="beta" if number % 4 == 0 else None,
        )
    )
    if rng.random() < 0.2:
        value = rng.choice(("up", "up", "down"))
        ledger.add_feedback(
            Feedback(
                feedback_id=FeedbackId(f"f{number}"),
                interaction_id=InteractionId(name),
                given=at,
                user=asked.user,
                kind=FeedbackKind.THUMB,
                value=value,
                stage=rng.choice(list(Stage)) if value == "down" else None,
            )
        )
    if rng.random() < 0.05:
        held = [span(f"d{seen[0]}")]
        ledger.add_correction(correction(f"c{number}", of=name, submitted=at, evidence=held, supersedes=held))
        if rng.random() < 0.8:
            ledger.add_review(review(f"c{number}", reviewed=at + timedelta(hours=rng.expovariate(0.1))))


def live(made: Services, corrections: list[str]) -> None:
    chunks = [replace(chunk(f"d{number}"), groups=groups(number)) for number in range(DOCUMENTS)]
    made.index.build(VersionId("v3"), dimension=DIMENSION, batches=[entries(chunks, HashingEncoder(DIMENSION))])
    held = sum(bool(piece.groups) for piece in chunks)
    of = replace(
        manifest("v3", corrections=corrections, created=NOON - timedelta(hours=1)),
        readership=Readership(open=DOCUMENTS - held, groups={"hr": held}),
    )
    made.ledger.add_version(of)
    made.ledger.add_decision(decision("v3"))
    act = act_of("b", "b", at=NOON)
    promote(VersionId("v3"), expected=None, index=made.index, ledger=made.ledger, act=act)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--answers", type=int, default=100_000)
    many = given.parse_args().answers
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ledger = open_ledger(sqlite_url(home / "l.sqlite"), timeout=10, lock_folder=home, keys=keys_in(home))
        began = time.perf_counter()
        fill(ledger, many, random.Random(19))
        took = time.perf_counter() - began
        print(f"{many} answers written in {took:.0f} s, {1e3 * took / many:.2f} ms each\n")
        made = services(home, text=GROUPED, ledger=ledger)
        accepted = [entry.correction.correction_id for entry in ledger.corrections() if entry.review is not None]
        live(made, accepted)
        marked = services(home, text=MARKED, ledger=ledger)
        marked = replace(marked, index=made.index)
        rita = key(made, "rita", Role.REVIEWER)
        print("| page | first, ms | then, ms |\n| --- | --- | --- |")
        whole = f"/insights?from={NOON - timedelta(days=DAYS):%Y-%m-%d}&every=week"
        for what, served, path, who in (
            ("90 days", made, whole, {}),
            ("30 days", made, "/insights", {}),
            ("90 days of a group of askers", made, f"{whole}&group=beta", {}),
            ("90 days, of a tenth of the documents nothing", made, whole, rita),
            ("90 days, with a sensitive source", marked, whole, {}),
        ):
            http, times = door(served), []
            for _ in range(6):
                began = time.perf_counter()
                reply = http.get(path, headers={**PAGE, **who})
                times.append(1e3 * (time.perf_counter() - began))
                assert reply.status_code == 200, reply.text
            print(f"| {what} | {times[0]:.0f} | {statistics.median(times[1:]):.0f} |", flush=True)
        ledger.close()


if __name__ == "__main__":
    main()
