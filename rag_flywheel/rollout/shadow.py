"""A shadow: what the candidate would have answered to the questions that people asked the live version. Nobody sees it.

The answers are made when the canary is looked at, from the ledger, so they cost the people no time and survive a
restart. Only questions whose askers consented are in the ledger with their texts.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rag_flywheel.domain import Arm, Canary, Draft, Exposure, Interaction, Searched
from rag_flywheel.errors import Damaged, FlywheelError, NotFound, Unavailable
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.search.versions import Searcher
from rag_flywheel.services import Services

AT_A_LOOK = 50  # questions, so that a look ends soon


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A question that the candidate was asked too: what it met, and what it answered, None where it failed."""

    exposure: Exposure  # with the interaction that it repeats
    query: str
    draft: Draft | None


def shadow(canary: Canary, services: Services) -> list[Repeat]:
    """Ask the candidate the questions that it was not asked yet. Recording that is the caller's.

    Where a service does not answer, which would be no fault of the candidate, what is left waits for another time.
    """
    due = _due(services.ledger.exposures(canary_id=canary.canary_id, step=canary.step))
    repeats: list[Repeat] = []
    try:
        searcher = _open(canary, services) if due else None
        for exposure in due:
            if (repeat := _repeat(exposure, canary, searcher, services)) is not None:
                repeats.append(repeat)
    except Unavailable:
        return repeats
    return repeats


def _due(met: Sequence[Exposure]) -> list[Exposure]:
    done = {exposure.interaction_id for exposure in met if exposure.arm is Arm.TREATMENT}
    asked = [exposure for exposure in met if exposure.arm is Arm.CONTROL and exposure.interaction_id is not None]
    return [exposure for exposure in asked if exposure.interaction_id not in done][:AT_A_LOOK]


def _open(canary: Canary, services: Services) -> Searcher | None:
    """None where a part of the candidate is gone."""
    try:
        manifest = services.ledger.version(canary.treatment).manifest
        return services.open(manifest)
    except (NotFound, Damaged):
        return None


def _repeat(asked: Exposure, canary: Canary, searcher: Searcher | None, services: Services) -> Repeat | None:
    """None where the interaction was erased meanwhile."""
    assert asked.interaction_id is not None  # `_due` took those that have one
    try:
        interaction = services.ledger.interaction(asked.interaction_id)
    except NotFound:
        return None
    started = time.perf_counter()
    draft = None if searcher is None else _draft(interaction, searcher, services)
    exposure = Exposure(
        at=asked.at,
        unit=asked.unit,
        arm=Arm.TREATMENT,
        canary_id=canary.canary_id,
        step=canary.step,
        interaction_id=asked.interaction_id,
        answered=draft is not None and draft.answered,
        failed=draft is None,
        seconds=time.perf_counter() - started,
    )
    return Repeat(exposure=exposure, query=interaction.query, draft=draft)


def _draft(interaction: Interaction, searcher: Searcher, services: Services) -> Draft | None:
    """None where the candidate failed. Raises Unavailable."""
    try:
        groups = interaction.groups if searcher.grouped else None  # else nothing is found, and nobody sees the draft
        passages = retrieve(interaction.query, searcher=searcher.seen_by(groups))
        searched = Searched(ranking=tuple(passages), refusal=searcher.learned.refusal)
        pieces = services.generator.answer(interaction.query, passages[: searcher.shown], searched=searched)
        return next(piece for piece in pieces if isinstance(piece, Draft))
    except Unavailable:
        raise
    except FlywheelError:
        return None
