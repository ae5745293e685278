"""What the page of insights costs on the server, by how many answers there are: `python benchmarks/insights.py`.

A ledger in SQLite holds answers of 90 days by three versions: each was shown 5 passages of 500 documents and cites 2; a
fifth was judged; a twentieth was corrected, of which four in five were accepted. Every page is asked for by somebody
else's eyes: all of it, a month, a group of askers, a reviewer who may not read a tenth of the documents, and with a
sensitive source. Milliseconds of the processor, of server and client together: the first one after a start; the median
of five that are made anew after a minute in which somebody asked and said that the answer was good; and the median of
five within the minute. `--folder` keeps the ledger, which takes minutes to fill.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient

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


def live(made: Services, corrections: Sequence[str]) -> None:
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


def spent(http: TestClient, path: str, who: dict[str, str]) -> float:
    began = time.process_time()
    reply = http.get(path, headers={**PAGE, **who})
    assert reply.status_code == 200, reply.text
    return 1e3 * (time.process_time() - began)


def a_minute_later(made: Services, name: str) -> None:
    """The clock goes on by a second each time that it is read."""
    at = [made.now() for _ in range(61)][-1]
    ranking = [shown(f"d{rank}", rank) for rank in range(1, 6)]
    asked = interaction(name, asked=at, user="p1", ranking=ranking, citations=2)
    cited = tuple(replace(each, document_id=ranking[each.number].document_id) for each in asked.citations)
    made.ledger.add_interaction(replace(asked, citations=cited, shown=5, version_id=VersionId("v3"), group="beta"))
    thumb = Feedback(
        feedback_id=FeedbackId(f"f{name}"),
        interaction_id=InteractionId(name),
        given=at,
        user=asked.user,
        kind=FeedbackKind.THUMB,
        value="up",
    )
    made.ledger.add_feedback(thumb)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--answers", type=int, default=100_000)
    given.add_argument("--folder", type=Path)
    chosen = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "used"
        filled = Path(folder) / "filled" if chosen.folder is None else chosen.folder / f"{chosen.answers} answers"
        if not filled.exists():
            filled.mkdir(parents=True)
            ledger = opened(filled)
            fill(ledger, chosen.answers, random.Random(19))
            ledger.close()
        shutil.copytree(filled, home)
        measure(home)


def opened(home: Path) -> Ledger:
    return open_ledger(sqlite_url(home / "l.sqlite"), timeout=10, lock_folder=home, keys=keys_in(home))


def measure(home: Path) -> None:
    ledger = opened(home)
    made = services(home, text=GROUPED, ledger=ledger)
    entries = ledger.corrections()
    live(made, [entry.correction.correction_id for entry in entries if entry.review is not None])
    marked = replace(services(home, text=MARKED, ledger=ledger), index=made.index, now=made.now)
    rita = key(made, "rita", Role.REVIEWER)
    print("| page | first, ms | made anew, ms | within a minute, ms |\n| --- | ---: | ---: | ---: |")
    whole = f"/insights?from={NOON - timedelta(days=DAYS):%Y-%m-%d}&every=week"
    for number, (what, served, path, who) in enumerate(
        (
            ("90 days", made, whole, {}),
            ("30 days", made, "/insights", {}),
            ("90 days of a group of askers", made, f"{whole}&group=beta", {}),
            ("90 days, of a tenth of the documents nothing", made, whole, rita),
            ("90 days, with a sensitive source", marked, whole, {}),
        )
    ):
        http, anew = door(served, f"olga {number}"), []
        http.get("/", headers=PAGE)  # what a first request of any page takes is not counted
        first = spent(http, path, who)
        for again in range(5):
            a_minute_later(served, f"new {number} {again}")
            anew.append(spent(http, path, who))
        within = [spent(http, path, who) for _ in range(5)]
        told = (first, statistics.median(anew), statistics.median(within))
        print(f"| {what} | {' | '.join(f'{each:.0f}' for each in told)} |", flush=True)
    ledger.close()


if __name__ == "__main__":
    main()
