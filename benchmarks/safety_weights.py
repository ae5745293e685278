"""Writes what the safety classifier learns with the bundled encoder, which comes with the project.

Run it when the examples change: a test compares both. Usage:

    python benchmarks/safety_weights.py
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from eval.guardrails import safety
from rag_flywheel.adapters.models.encoder import BUNDLED, SentenceEncoder


def main() -> None:
    """Learn, and write."""
    encoder = SentenceEncoder(BUNDLED, batch=32, query_prefix="", document_prefix="")
    np.savez(Path(safety.__file__).with_name(safety.SHIPPED), **asdict(safety.fit(encoder)))


if __name__ == "__main__":
    main()
