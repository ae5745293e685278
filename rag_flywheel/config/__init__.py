"""config.yaml and the environment to one frozen value, read once at a door."""

from rag_flywheel.config.elsewhere import Slack, Web
from rag_flywheel.config.keeping import PrivacyNotice, Retention
from rag_flywheel.config.loading import (
    ENV_PREFIX,
    known_keys,
    load,
    masked,
    of_tenant,
    secrets,
    shown,
    unknown_variables,
    without_settings,
)
from rag_flywheel.config.secret_values import Secrets
from rag_flywheel.config.sections import (
    Access,
    Api,
    CanarySection,
    Config,
    Embedder,
    Gate,
    Generator,
    Guardrails,
    Ingest,
    Judge,
    Limits,
    Oidc,
    Privacy,
    Releases,
    Reranker,
    Retrieval,
    ReviewSection,
)
from rag_flywheel.config.source import Source
from rag_flywheel.config.stores import IndexSection, LedgerSection
from rag_flywheel.config.urls import masked_url
from rag_flywheel.config.watching import Logs, Telemetry

__all__ = [
    "ENV_PREFIX",
    "Access",
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
    "Limits",
    "Logs",
    "Oidc",
    "Privacy",
    "PrivacyNotice",
    "Releases",
    "Reranker",
    "Retention",
    "Retrieval",
    "ReviewSection",
    "Secrets",
    "Slack",
    "Source",
    "Telemetry",
    "Web",
    "known_keys",
    "load",
    "masked",
    "masked_url",
    "of_tenant",
    "secrets",
    "shown",
    "unknown_variables",
    "without_settings",
]
