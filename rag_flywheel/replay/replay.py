"""Real questions through the real loop: what corrections help and what they harm, beside other ways to use them.

Each seed is played by `simulation` in a project of its own below the work folder, so nothing of the user's is touched.
"""

import dataclasses
import hashlib
import importlib.resources
import json
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from pydantic import TypeAdapter

from eval.replay.dataset import Dataset, load
from eval.replay.measure import measure
from eval.replay.plan import Options, Plan, draw
from eval.replay.trial import Trial
from rag_flywheel.config import Config, Secrets, Source
from rag_flywheel.cycle.scoring_run import Steps
from rag_flywheel.errors import InvalidInput
from rag_flywheel.replay.simulation import FLYWHEEL, METHODS, simulate
from rag_flywheel.services import Services

LOCK = "replay"
FILES = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")

_TRIALS = TypeAdapter(list[Trial])


Opened = Callable[[Config, Secrets], AbstractContextManager[Services]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """Where it is played, and with what."""

    config: Config  # the user's: all of it holds but for what `_project` puts in its place
    secrets: Secrets
    work: Path  # projects and finished seeds are kept below this folder until all are finished
    opened: Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What was played, what was measured, and what the gate decided."""

    dataset: str
    seeds: tuple[int, ...]
    options: Options
    measured: Mapping[str, Any]  # as `eval.replay.measure.measure` gives it
    decisions: Mapping[int, tuple[str, ...]]  # by seed: what came of each turn, in words

    def as_json(self) -> dict[str, Any]:
        """As the command shows it."""
        return {
            "dataset": self.dataset,
            "seeds": list(self.seeds),
            "mode": self.options.mode,
            "options": dataclasses.asdict(self.options),
            **self.measured,
            "decisions": {str(seed): list(notes) for seed, notes in self.decisions.items()},
        }


def replay(
    folder: Path,
    *,
    options: Options,
    methods: Sequence[str],
    seeds: Sequence[int],
    playground: Playground,
    steps: Steps,
) -> ReplayResult:
    """Play the data set of a BEIR folder once for each seed, and measure every method on the same questions.

    A run that was interrupted goes on where it was. Raises InvalidInput for an unusable data set or an unknown method,
    and AlreadyRunning when the same replay is on in the same work folder.
    """
    chosen = _checked(methods)
    dataset = load(folder)
    config, secrets = playground.config, playground.secrets
    place = playground.work / _digest(folder, config, options, chosen)
    with playground.opened(_project(config, place / "home", options), secrets) as home, home.ledger.lock(LOCK):
        trials: list[Trial] = []
        for done, seed in enumerate(seeds):
            steps("seeds", done, len(seeds))
            finished = place / f"seed-{seed}.json"
            if not finished.exists():
                project = replace(playground, config=_project(config, place / "project", options))
                _keep(finished, _play(_plan(dataset, seed, options), dataset, chosen, project, steps))
            trials += _TRIALS.validate_json(finished.read_bytes())
        steps("seeds", len(seeds), len(seeds))
        steps("measuring", 0, 1)
        measured = measure(
            trials,
            encoder=home.encoders(config.embedder),
            resamples=config.gate.resamples,
            seed=config.gate.seed,
        )
    shutil.rmtree(place)
    with suppress(OSError):  # it is not empty: another replay is kept there
        playground.work.rmdir()
    return ReplayResult(
        dataset=dataset.name,
        seeds=tuple(seeds),
        options=options,
        measured=measured,
        decisions={trial.seed: trial.notes for trial in trials if trial.method == FLYWHEEL},
    )


def _checked(methods: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        found = f"unknown methods {', '.join(map(repr, unknown))}" if unknown else "no method is named"
        raise InvalidInput(f"{found}; expected some of {', '.join(METHODS)}")
    return tuple(dict.fromkeys(methods))


def _digest(folder: Path, config: Config, options: Options, methods: Sequence[str]) -> str:
    """Of all that a seed's result depends on: data set, options, methods, settings, and this program itself."""
    elsewhere = {"data_dir", "sources", "golden", "ledger", "index", "api"}
    asked = [dataclasses.asdict(options), list(methods)]
    parts = [json.dumps(asked).encode(), config.model_dump_json(exclude=elsewhere).encode()]
    parts += [(folder / name).read_bytes() for name in FILES]
    for package in ("rag_flywheel", "ingest", "eval"):
        root = Path(str(importlib.resources.files(package)))
        parts += [file.read_bytes() for file in sorted(root.rglob("*.py"))]
    digests = [hashlib.sha256(part).digest() for part in parts]
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


def _project(config: Config, folder: Path, options: Options) -> Config:
    """The user's settings over sources, an index and a ledger that are not the user's."""
    titles = config.ingest.embed_titles and options.titles
    # Every version is kept, for the rivals search the first one to the end.
    index = config.index.model_copy(update={"url": "", "keep_versions": options.turns + 1})
    return config.model_copy(
        update={
            "file": folder / "config.yaml",
            "data_dir": Path("data"),
            "sources": (Source(path=FILES[0]),),
            "golden": "",
            "ingest": config.ingest.model_copy(update={"embed_titles": titles}),
            "canary": config.canary.model_copy(
                update={"strategy": "direct"}
            ),  # who is played here likes no version more
            "ledger": config.ledger.model_copy(update={"url": ""}),
            "index": index,
        }
    )


def _plan(dataset: Dataset, seed: int, options: Options) -> Plan:
    return draw(dataset, options, seed=seed)


def _play(plan: Plan, dataset: Dataset, methods: Sequence[str], playground: Playground, steps: Steps) -> list[Trial]:
    _prepare(plan, dataset, playground.config)
    chance = Random(plan.seed)  # ids of the seed's own, so that the same command gives the same numbers
    with playground.opened(playground.config, playground.secrets) as opened:
        services = replace(opened, new_id=lambda: uuid.UUID(int=chance.getrandbits(128), version=4).hex)
        return simulate(plan, methods=methods, services=services, steps=steps)


def _prepare(plan: Plan, dataset: Dataset, project: Config) -> None:
    """The project's folder with its sources, and of earlier seeds nothing but the cache, which makes this one quick."""
    project.data.mkdir(parents=True, exist_ok=True)
    for entry in project.data.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif not entry.name.startswith("cache.db"):
            entry.unlink()
    lines = (
        json.dumps({"_id": source.document_id, "title": source.title, "text": source.text}) + "\n"
        for source in dataset.documents
        if source.document_id not in plan.removed
    )
    (project.folder / FILES[0]).write_text("".join(lines), encoding="utf-8")


def _keep(file: Path, trials: Sequence[Trial]) -> None:
    partial = file.with_suffix(".partial")
    partial.write_bytes(_TRIALS.dump_json(list(trials)))
    partial.replace(file)
