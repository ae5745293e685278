"""Services made of fakes, and versions to serve from them: the doors are real, and nothing behind them is slow."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from rag_flywheel import config
from rag_flywheel.adapters.privacy.noise import OpenDpNoise
from rag_flywheel.adapters.rates import MemoryRates
from rag_flywheel.adapters.web.webhooks import HttpWebhooks
from rag_flywheel.answering.extractive import Extractive
from rag_flywheel.domain import Chunk, DocumentId, LearnedRanking, VersionId
from rag_flywheel.ports import Encoder, Entry, Generator, IdentityProvider, Ledger, PassageIndex
from rag_flywheel.rollout.promotion import act_of, promote
from rag_flywheel.services import Services
from tests.fakes.encoder import HashingEncoder
from tests.fakes.index import MemoryIndex
from tests.fakes.ledger import MemoryLedger
from tests.fakes.rankings import MemoryCache, MemoryRerankers
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import NOON, chunk, confirmed_chunk, correction_chunk, decision, manifest

DIMENSION = 512
ASSUMED = {"RAG_FLYWHEEL_PRIVACY__CONSENT": "assumed"}
"""For settings that are not about consent, which have to say something of it."""
WITHOUT_MEANING = {"RAG_FLYWHEEL_GUARDRAILS__UNSAFE_THRESHOLD": "0.99"}
"""A hashing encoder knows no meaning: what is unsafe cannot be told by it, and chance must not refuse."""

HANDBOOK = {
    "rollback": "To put the previous version back, run rag-flywheel rollback. It takes one second.",
    "install": "To install the service on Linux, run pip install rag-flywheel inside a virtual environment.",
    "backup": "A backup of the ledger is made by copying the database file while nothing writes to it.",
}


def services(
    folder: Path,
    *,
    text: str = "",
    ledger: Ledger | None = None,
    generator: Generator | None = None,
    provider: IdentityProvider | None = None,
) -> Services:
    """Services over empty fakes, with the settings `text`. Their clock starts at noon, and goes on when it is read."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    encoder = HashingEncoder(DIMENSION)
    seconds, numbers = itertools.count(), itertools.count(1)
    return Services(
        config=config.load(file, WITHOUT_MEANING if "consent:" in text else WITHOUT_MEANING | ASSUMED),
        secrets=config.secrets({}),
        ledger=ledger or MemoryLedger(),
        index=MemoryIndex(),
        encoders=lambda settings: encoder,
        rerankers=MemoryRerankers(),
        generator=generator or Extractive(encoder, minimum_similarity=0.3, sentences=1),
        rephraser=None,
        redactor=FakeRedactor(),
        document_redactor=lambda source: FakeRedactor(),
        cache=MemoryCache(),
        rates=MemoryRates(),
        noise=OpenDpNoise(),
        webhooks=HttpWebhooks([], secret=""),
        slack=None,
        provider=provider,
        now=lambda: NOON + timedelta(seconds=next(seconds)),
        new_id=lambda: f"id{next(numbers)}",
    )


def publish(
    services: Services,
    version: str,
    texts: Mapping[str, str] | None = None,
    *,
    corrections: Mapping[str, tuple[str, str]] | None = None,
    confirmed: Mapping[str, tuple[str, str]] | None = None,
    learned: LearnedRanking | None = None,
    live: bool = True,
) -> None:
    """Build a version of these texts, corrections (id -> question and answer) and confirmed answers (interaction ->
    question and the document that answers it), and promote it.
    """
    build(services.index, version, texts, corrections=corrections, confirmed=confirmed)
    parent = services.index.live()
    made = manifest(
        version, parent=parent, created=services.now(), corrections=list(corrections or {}), learned=learned
    )
    services.ledger.add_version(made)
    services.ledger.add_decision(decision(made.version_id))
    if live:
        promote(
            VersionId(version),
            expected=parent,
            index=services.index,
            ledger=services.ledger,
            act=act_of("test", "test", at=services.now()),
        )


def build(
    index: PassageIndex,
    version: str,
    texts: Mapping[str, str] | None = None,
    *,
    corrections: Mapping[str, tuple[str, str]] | None = None,
    confirmed: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """A version in the index that the ledger does not know of."""
    chunks = [chunk(name, text) for name, text in (HANDBOOK if texts is None else texts).items()]
    chunks += [correction_chunk(name, *asked_and_answered) for name, asked_and_answered in (corrections or {}).items()]
    answers = {piece.document_id: piece for piece in chunks}
    for name, (question, document) in (confirmed or {}).items():
        chunks.append(confirmed_chunk(answers[DocumentId(document)], question, by=name))
    index.build(VersionId(version), dimension=DIMENSION, batches=[entries(chunks, HashingEncoder(DIMENSION))])


def entries(chunks: Sequence[Chunk], encoder: Encoder) -> list[Entry]:
    made = []
    for piece in chunks:
        question = None if piece.question is None else encoder.encode_queries([piece.question])[0]
        made.append(Entry(chunk=piece, vector=encoder.encode_documents([piece.text])[0], question_vector=question))
    return made
