"""Archives at URLs."""

from rag_flywheel.adapters.archive import exists, fetch, send

__all__ = ["exists", "fetch", "send"]
