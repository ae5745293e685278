"""A small installation on real stores, for tests that break one thing of it."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel import config, wiring
from rag_flywheel.adapters.privacy.redactor import NoRedactor
from rag_flywheel.cli.checkup import apart
from rag_flywheel.cli.checkup.every import EVERY
from rag_flywheel.cli.checkup.finding import Finding
from rag_flywheel.config import Config, Embedder, Secrets
from rag_flywheel.domain import Counts, VersionId
from rag_flywheel.ports import Encoder
from rag_flywheel.rollout.promotion import act_of, promote
from rag_flywheel.services import Services
from tests.fakes.samples import chunk, decision, manifest
from tests.fakes.services import ASSUMED, HANDBOOK, entries

Look = Callable[[str], Finding]


@functools.cache
def encoder() -> Encoder:
    return wiring.encoder(Embedder(), Secrets(), NoRedactor())


def settings(folder: Path, text: str = "") -> Config:
    file = folder / "config.yaml"
    file.write_text(f"sources: [docs]\napi: {{port: 0}}\n{text}")
    return config.load(file, ASSUMED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a document, settings, and a live version `v2` beside `v1`."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# Reset\n\nHold the button for ten seconds.\n")
    with wiring.services(settings(tmp_path), Secrets()) as made:
        for name in ("v1", "v2"):
            publish(made, name)
    return tmp_path


def publish(made: Services, name: str, *, promoted: bool = True) -> None:
    chunks = [chunk(document, text) for document, text in HANDBOOK.items()]
    made.index.build(VersionId(name), dimension=384, batches=[entries(chunks, encoder())])
    counts = Counts(documents=len(chunks), passages=len(chunks), corrections=0, superseded=0, skipped=0)
    live = made.index.live()
    made.ledger.add_version(replace(manifest(name, parent=live), counts=counts))
    made.ledger.add_decision(decision(name))
    if promoted:
        act = act_of("test", "test", at=made.now())
        promote(VersionId(name), expected=live, index=made.index, ledger=made.ledger, act=act)


@pytest.fixture
def opened(folder: Path) -> Iterator[Services]:
    """Its services, to do something with them."""
    with wiring.services(settings(folder), Secrets()) as made:
        yield made


@pytest.fixture
def look(folder: Path) -> Look:
    """The one finding of a check, by its name."""

    def found(name: str) -> Finding:
        (finding,) = apart.looked(name, EVERY[name], config.load(folder / "config.yaml", ASSUMED), Secrets())
        return finding

    return found
