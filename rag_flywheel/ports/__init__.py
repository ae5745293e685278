"""What the use cases ask of the outside world. Each port has one contract suite in tests/contract/.

Arrays are numpy float32. Vectors have unit length, so that a dot product is a cosine.
"""

from rag_flywheel.ports.cache import ANSWERS, Cache, answers_of
from rag_flywheel.ports.index import ALL_ENGLISH, Entry, Like, PassageIndex, Vectors
from rag_flywheel.ports.leaving import Erasure, Expiry, Rekeying
from rag_flywheel.ports.ledger import (
    Asides,
    Consents,
    Conversations,
    Corrections,
    GoldenCases,
    Insights,
    Keys,
    Ledger,
    Operations,
    Outbox,
    Releases,
    Replies,
    Rollouts,
    Sessions,
    Topics,
    Versions,
)
from rag_flywheel.ports.models import Encoder, Generator, Pair, Rephraser, Reranker, RerankerStore, TokenCounter
from rag_flywheel.ports.privacy import PLACEHOLDER, Mask, Noise, Noised, Redacted, Redactor
from rag_flywheel.ports.rates import Rates
from rag_flywheel.ports.web import IdentityProvider, Slack, Webhooks
from rag_flywheel.ports.workers import Elsewhere, Remembering, Tools, Workers

__all__ = [
    "ALL_ENGLISH",
    "ANSWERS",
    "PLACEHOLDER",
    "Asides",
    "Cache",
    "Consents",
    "Conversations",
    "Corrections",
    "Elsewhere",
    "Encoder",
    "Entry",
    "Erasure",
    "Expiry",
    "Generator",
    "GoldenCases",
    "IdentityProvider",
    "Insights",
    "Keys",
    "Ledger",
    "Like",
    "Mask",
    "Noise",
    "Noised",
    "Operations",
    "Outbox",
    "Pair",
    "PassageIndex",
    "Rates",
    "Redacted",
    "Redactor",
    "Rekeying",
    "Releases",
    "Remembering",
    "Rephraser",
    "Replies",
    "Reranker",
    "RerankerStore",
    "Rollouts",
    "Sessions",
    "Slack",
    "TokenCounter",
    "Tools",
    "Topics",
    "Vectors",
    "Versions",
    "Webhooks",
    "Workers",
    "answers_of",
]
