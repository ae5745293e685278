"""Whom a correction is for: it inherits the groups of what it rests on. Pure."""

from collections.abc import Callable, Iterable

from rag_flywheel.domain.conversation import Interaction
from rag_flywheel.domain.documents import Evidence
from rag_flywheel.domain.feedback import Correction
from rag_flywheel.domain.groups import shared

Needed = Callable[[Evidence], Iterable[tuple[str, ...] | None]]
"""Whom the documents are for that a span stands in; None for one that is not known any more."""


def inherited(correction: Correction, asked: Interaction, needed: Needed) -> tuple[str, ...] | None:
    """The groups that may read all that the correction rests on and all that it replaces: NOBODY where none may.

    Where nobody named evidence, the passages that the answer cited count, too: what was looked for may hold most of the
    correction's words, and not the one that must not be told. Without either it is for the groups of who asked. Of a
    document that is gone it is what was recorded when the correction, or the answer, came. None where nothing tells.
    """
    then = {shown.document_id: shown.groups for shown in asked.ranking}
    those: list[tuple[str, ...] | None] = []
    for span in (*correction.evidence, *correction.supersedes):
        those += [correction.groups if groups is None else groups for groups in needed(span)]
    if correction.guessed or not correction.evidence:
        for cited in asked.citations:
            span = Evidence(document_id=cited.document_id, start=cited.start, end=cited.end)
            those += [then.get(span.document_id) if groups is None else groups for groups in needed(span)]
    if not those:
        return tuple(sorted(asked.groups or ()))
    told = [groups for groups in those if groups is not None]
    return shared(told) if len(told) == len(those) else None
