"""What every cycle works out anew though it is always the same, worked out once for all tests that run cycles."""

import functools
from collections.abc import Iterator

import pytest

from eval.guardrails import redteam, safety
from eval.report import rendering, report
from rag_flywheel.ports import Encoder
from tests.fakes.encoder import HashingEncoder


@pytest.fixture(scope="session", autouse=True)
def once_a_session() -> Iterator[None]:
    """Compile the report's templates, try the red-team set and train the safety classifier once."""
    train = safety.trained
    hashing = functools.cache(lambda dimension: train(HashingEncoder(dimension)))

    def trained(encoder: Encoder) -> safety.Rate:
        return hashing(encoder.dimension) if isinstance(encoder, HashingEncoder) else train(encoder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "environment", functools.cache(rendering.environment))
        patch.setattr(redteam, "is_found", functools.cache(redteam.is_found))
        patch.setattr(safety, "trained", trained)
        yield
