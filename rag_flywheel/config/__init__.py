"""config.yaml and the environment to one frozen value, read once at a door."""

from rag_flywheel.config.loading import (
    ENV_PREFIX,
    known_keys,
    load,
    masked,
    secrets,
    shown,
    unknown_variables,
)
from rag_flywheel.config.sections import (
    Api,
    CanarySection,
    Config,
    Embedder,
    Gate,
    Generator,
    Guardrails,
    IndexSection,
    Ingest,
    Judge,
    LedgerSection,
    Privacy,
    Reranker,
    Retrieval,
    ReviewSection,
    Secrets,
)
from rag_flywheel.config.source import Source
from rag_flywheel.config.urls import masked_url

__all__ = [
    "ENV_PREFIX",
    "Api",
    "CanarySection",
    "Config",
    "Embedder",
    "Gate",
    "Generator",
    "Guardrails",
    "IndexSection",
    "Ingest",
    "Judge",
    "LedgerSection",
    "Privacy",
    "Reranker",
    "Retrieval",
    "ReviewSection",
    "Secrets",
    "Source",
    "known_keys",
    "load",
    "masked",
    "masked_url",
    "secrets",
    "shown",
    "unknown_variables",
]
