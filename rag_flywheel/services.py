"""What a door is handed: the ports, filled by `wiring`, and the settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rag_flywheel.config import Config, Embedder, Secrets, Source
from rag_flywheel.domain import Manifest
from rag_flywheel.ports import (
    Cache,
    Elsewhere,
    Encoder,
    Generator,
    IdentityProvider,
    Ledger,
    Noise,
    PassageIndex,
    Rates,
    Redactor,
    Rephraser,
    RerankerStore,
    Slack,
    Webhooks,
)
from rag_flywheel.search.versions import Searcher, open_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a door needs, made once from one configuration."""

    config: Config
    secrets: Secrets
    ledger: Ledger
    index: PassageIndex
    encoders: Callable[[Embedder], Encoder]
    rerankers: RerankerStore
    generator: Generator
    answerer: Generator | None = None  # of those who ask, where it differs: a cycle has no use for another's answers
    away: Callable[[], list[str]] = list  # services that this process leaves alone, since they did not answer
    rephraser: Rephraser | None  # where a language model is configured
    redactor: Redactor  # of what people say
    document_redactor: Callable[[Source], Redactor]  # of what a source holds
    cache: Cache
    rates: Rates
    noise: Noise  # on what is published of sensitive counts
    webhooks: Webhooks
    slack: Slack | None  # where its secret is set
    elsewhere: Elsewhere | None = None  # where the work of a build is done that this process would do alone
    provider: IdentityProvider | None  # where one is configured
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @property
    def reports(self) -> Path:
        """Where each version's report folder is."""
        return self.config.data / "reports"

    def open(self, manifest: Manifest) -> Searcher:
        """A version with the embedder that it was built with, which need not be the one that is configured now.

        Raises NotFound when its reranker is not kept.
        """
        return open_version(manifest, index=self.index, encoders=self.encoders, rerankers=self.rerankers)
