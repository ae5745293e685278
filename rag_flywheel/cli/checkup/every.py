"""All checks, in the order in which they are made: what others need comes first."""

from collections.abc import Mapping

from rag_flywheel.cli.checkup import duties, machine, models, stores
from rag_flywheel.cli.checkup.apart import Check

EVERY: Mapping[str, Check] = {
    "disk": machine.disk,
    "port": machine.port,
    "sources": machine.sources,
    "ledger": stores.ledger,
    "clock": stores.clock,
    "locks": stores.locks,
    "index": stores.index,
    "forms": stores.forms,
    "nights": duties.nights,
    "keys": duties.keys,
    "erasures": duties.erasures,
    "retention": duties.retention,
    "embedder": models.embedder,
    "masking": models.masking,
    "reranker": models.reranker,
    "language model": models.language_model,
    "judge": models.judge,
}
