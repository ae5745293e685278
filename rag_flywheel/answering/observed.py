"""What is told of a question that is answered, to whoever watches over the service: numbers and ids."""

import logging

from rag_flywheel.domain import Confidence, Interaction
from rag_flywheel.ports import metrics, telemetry
from rag_flywheel.ports.metrics import Came, Stage
from rag_flywheel.search.retrieval import Ranking, rank
from rag_flywheel.search.versions import Searcher

logger = logging.getLogger("rag_flywheel.answering")


def ranked(query: str, searcher: Searcher) -> Ranking:
    """The version's ranking for a query."""
    with telemetry.part(Stage.RETRIEVE, {telemetry.VERSION: searcher.version}):
        with telemetry.part(Stage.EMBED, {telemetry.EMBEDDING_MODEL: searcher.encoder.name}):
            vector = searcher.encoder.encode_queries([query])[0]
        ranking = rank(query, vector, searcher=searcher)
        if telemetry.is_told():
            passages = ranking.passages
            telemetry.told(
                {
                    telemetry.FOUND: len(passages),
                    telemetry.ADMITTED: len(ranking.admitted),
                    telemetry.KEPT_OUT: len(ranking.kept_out),
                    **telemetry.listed(passages),
                }
            )
        return ranking


def came(interaction: Interaction) -> Came:
    """What came of its question."""
    if not interaction.answered:
        return Came.REFUSED
    return Came.DOUBTFUL if interaction.confidence is Confidence.LOW else Came.ANSWERED


def count(of: Came, arm: str) -> None:
    """A question came to this."""
    metrics.ANSWERS.labels(of, arm).inc()
    telemetry.told({telemetry.OUTCOME: of, telemetry.ARM: arm})


def tell(interaction: Interaction, of: Came) -> None:
    """An answer was recorded."""
    count(of, interaction.arm)
    telemetry.told(
        {
            telemetry.VERSION: interaction.version_id,
            telemetry.SHOWN: interaction.shown,
            telemetry.CITED: len(interaction.citations),
        }
    )
    said = {
        "interaction_id": interaction.interaction_id,
        "outcome": str(of),
        "arm": str(interaction.arm),
        "version": interaction.version_id,
        "found": len(interaction.ranking),
        "shown": interaction.shown,
        "cited": len(interaction.citations),
        "seconds": round(interaction.seconds, 4),
    }
    logger.info("answer", extra=said)
