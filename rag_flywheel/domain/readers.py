"""Somebody who looks at what is recorded, and what of it they may read. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rag_flywheel.domain.conversation import Interaction
from rag_flywheel.domain.feedback import Correction
from rag_flywheel.domain.groups import Groups, reads
from rag_flywheel.domain.ids import DocumentId
from rag_flywheel.domain.insights import Trait, TraitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whom a document is for, the live version says where it holds it. Else it is for whom it was when what is recorded
    of it was recorded.
    """

    groups: Groups
    documents: Mapping[DocumentId, tuple[str, ...]] = field(default_factory=dict)  # of the live version
    before: bool = False  # whether they may read what is left of the time before documents named groups

    def reads(self, document: DocumentId, then: Collection[str] | None = None) -> bool:
        """Whether they may read the document, which was for `then` when it was seen; None: that is not known."""
        if self.groups is None:
            return True
        needed = self.documents.get(document, then)
        return self.before if needed is None else reads(self.groups, needed)

    def reads_interaction(self, asked: Interaction) -> bool:
        """Whether they may read all that the answer can have been made of; what was found and not shown is no part of
        it. Where nothing was found, the asker's groups count.
        """
        if self.groups is None:
            return True
        then = {shown.document_id: shown.groups for shown in asked.ranking}
        seen = {shown.document_id for shown in asked.ranking[: asked.shown]}
        seen |= {citation.document_id for citation in asked.citations}
        if not seen:
            return asked.groups is None or reads(self.groups, asked.groups)
        return all(self.reads(name, then.get(name)) for name in seen)

    def counts(self, trait: Trait) -> bool:
        """Whether they may count answers that have it: who may count all of its traits may read it."""
        if self.groups is None:
            return True
        if trait.kind is TraitKind.DOCUMENT:
            return self.reads(DocumentId(trait.name), trait.groups)
        return trait.kind is not TraitKind.NOTHING or trait.groups is None or reads(self.groups, trait.groups)

    def reads_correction(self, correction: Correction) -> bool:
        """Whether they may read all that it rests on and all that it replaces."""
        if self.groups is None:
            return True
        spans = {span.document_id for span in (*correction.evidence, *correction.supersedes)}
        if not all(self.reads(name, correction.groups) for name in spans):
            return False
        told = bool(correction.evidence) and not correction.guessed and spans <= self.documents.keys()
        before = correction.groups is None and bool(spans)
        return told or before or self.reads(correction.document_id, correction.groups)


EVERYTHING = Reader(groups=None)
"""Who sees everything: operators, the gate, the command line."""
ANYBODY = Reader(groups=frozenset(), before=True)
"""Who is in no group, where no document names one."""
