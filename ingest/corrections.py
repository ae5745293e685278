"""Accepted corrections to documents, and what they hide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    NOBODY,
    CorrectionId,
    CorrectionState,
    Document,
    DocumentId,
    Evidence,
    Guardrail,
    Interaction,
    InteractionId,
    Provenance,
    ReviewedCorrection,
)
from rag_flywheel.domain.inheriting import inherited
from rag_flywheel.domain.supersession import partly_replaced, predecessors, replaced

Now = Callable[[ReviewedCorrection, Evidence], Sequence[DocumentId]]
"""The documents in which a span that a correction names stands tonight; its own where it did not move."""
SOURCE = "correction"
"""What a correction's document names as its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The corrections that a version holds, as documents, and the source spans that they hide."""

    documents: tuple[Document, ...]
    hiding: tuple[tuple[Evidence, tuple[str, ...]], ...]  # what is hidden, and from whom: none are all people
    superseded: tuple[CorrectionId, ...]  # accepted once, replaced by a newer one

    @property
    def hidden(self) -> tuple[Evidence, ...]:
        """What is hidden from anybody."""
        return tuple(span for span, _ in self.hiding)


def with_groups(
    reviewed: Sequence[ReviewedCorrection],
    documents: Mapping[DocumentId, tuple[str, ...]],
    *,
    now: Now,
    asked: Callable[[InteractionId], Interaction],
) -> list[ReviewedCorrection]:
    """The corrections (oldest first), the accepted ones with whom they are for tonight, as `inherited` says.

    `documents` are tonight's, and whom they are for. What names a document that is not among them, and was recorded
    before there were groups, is for nobody where any document is kept apart.
    """
    known, apart = dict(documents), any(documents.values())
    found = []
    for entry in reviewed:
        if entry.verdict_state is CorrectionState.ACCEPTED:
            of = entry.correction

            def needed(span: Evidence, entry: ReviewedCorrection = entry) -> list[tuple[str, ...] | None]:
                return [known.get(name) for name in now(entry, span)]

            groups = inherited(of, asked(of.interaction_id), needed)
            groups = ((NOBODY,) if apart else ()) if groups is None else groups
            known[of.document_id] = groups
            entry = replace(entry, correction=replace(of, groups=groups))
        found.append(entry)
    return found


def without_readers(reviewed: Sequence[ReviewedCorrection]) -> list[ReviewedCorrection]:
    """The accepted ones that nobody but operators may read, unless a reviewer wanted it so."""
    return [
        entry
        for entry in reviewed
        if entry.verdict_state is CorrectionState.ACCEPTED
        and entry.correction.groups == (NOBODY,)
        and not (entry.review is not None and Guardrail.GROUPS in (entry.review.overrules or "").split(", "))
    ]


def accepted(corrections: Sequence[ReviewedCorrection]) -> Accepted:
    """What the accepted ones among the `corrections` (oldest first) come to.

    The newest accepted one answers a question, as `supersession.replaced` tells. Its provenance names what it took the
    place of, with what these had superseded, so that judgements and the lineage follow.
    """
    chosen = {
        reviewed.correction.correction_id: reviewed
        for reviewed in corrections
        if reviewed.verdict_state is CorrectionState.ACCEPTED
    }
    successors = replaced(corrections)
    some = partly_replaced(corrections)
    hiding = [
        (span, reviewed.correction.groups or ())
        for reviewed in chosen.values()  # replaced ones too: a newer answer does not bring the old text back
        for span in reviewed.correction.supersedes
        if not span.document_id.startswith(CORRECTION_PREFIX)
    ]
    return Accepted(
        documents=tuple(
            replace(
                _document(reviewed, [chosen[older] for older in predecessors(name, successors)]),
                unless=some.get(name, ()),
            )
            for name, reviewed in chosen.items()
            if name not in successors
        ),
        hiding=tuple(hiding),
        superseded=tuple(sorted(successors)),
    )


def _document(reviewed: ReviewedCorrection, older: Sequence[ReviewedCorrection]) -> Document:
    correction, review = reviewed.correction, reviewed.review
    assert review is not None  # only reviewed corrections are accepted
    whole = [Evidence(document_id=before.correction.document_id, start=0, end=len(before.answer)) for before in older]
    theirs = [span for before in older for span in before.correction.supersedes]
    return Document(
        document_id=correction.document_id,
        title=correction.question,
        text=reviewed.answer,
        source=SOURCE,
        question=correction.question,
        groups=correction.groups or (),
        provenance=Provenance(
            correction_id=correction.correction_id,
            interaction_id=correction.interaction_id,
            feedback_ids=() if correction.feedback_id is None else (correction.feedback_id,),
            reviewer=review.reviewer,
            reviewed=review.reviewed,
            supersedes=tuple(dict.fromkeys(span.place for span in (*correction.supersedes, *whole, *theirs))),
        ),
    )
