"""What people hand in, as whoever watches over the service is told of it: kinds and ids."""

import logging

from rag_flywheel.domain import Correction, Feedback, FeedbackKind
from rag_flywheel.ports import metrics

logger = logging.getLogger("rag_flywheel.api")


def feedback(given: Feedback) -> None:
    """It was recorded."""
    value = str(given.value) if given.kind is FeedbackKind.THUMB else ""
    metrics.FEEDBACK.labels(given.kind, value).inc()
    logger.info("feedback", extra={"kind": str(given.kind), "interaction_id": given.interaction_id})


def correction(handed_in: Correction) -> None:
    """It was recorded."""
    metrics.HANDED_IN.inc()
    said = {"correction_id": handed_in.correction_id, "interaction_id": handed_in.interaction_id}
    logger.info("correction", extra=said)
