"""What belongs to the sensitive domain: what is about a source with `sensitive: true`, and what is asked by somebody of
a group among `privacy.sensitive_groups`. Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rag_flywheel.config import Config
from rag_flywheel.domain import CORRECTION_PREFIX, Chunk, Correction, DocumentId, Interaction
from rag_flywheel.domain.insights import Trait, TraitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitive:
    """Where it cannot be told what a record is about, and any source is sensitive, it is taken for sensitive.

    Corrections that were shown do not count, but what stood beside them: whether a person's record belongs must not
    depend on what another person did.
    """

    anything: bool  # whether the settings mark anything
    by_source: bool  # whether they mark a source
    groups: frozenset[str]
    file_is: Callable[[str], bool]  # of a file by its name, as `Config.is_sensitive` tells
    files: Mapping[DocumentId, str]  # the file of each document of the live version

    def interaction(self, asked: Interaction) -> bool:
        if asked.group in self.groups or not self.groups.isdisjoint(asked.groups or ()):
            return True
        shown = {passage.document_id for passage in asked.ranking[: asked.shown]}
        return self._about(shown | {citation.document_id for citation in asked.citations})

    def hidden(self, asked: Interaction) -> bool:
        """Whether it is not to be listed or counted but with noise."""
        return self.anything and self.interaction(asked)

    def counts(self, trait: Trait) -> bool:
        """Whether answers that have it may be counted without noise, as far as it tells: not those of which `hidden`
        says that they are not to be.
        """
        if not self.anything:
            return True
        if trait.kind is TraitKind.ASKERS:
            return self.groups.isdisjoint(trait.groups or ())
        if trait.kind is TraitKind.DOCUMENT:
            name = DocumentId(trait.name)
            return name.startswith(CORRECTION_PREFIX) or not self._document(name)
        return not self.by_source

    def document(self, name: DocumentId) -> bool:
        """Whether a document is of a sensitive source, or of none that is known where any is sensitive."""
        return self._about([name])

    def names(self, name: DocumentId) -> bool:
        """Whether what names the document alone tells of what is sensitive; to name a correction tells nothing."""
        return not name.startswith(CORRECTION_PREFIX) and self.document(name)

    def correction(self, correction: Correction, asked: Interaction) -> bool:
        named = {span.document_id for span in (*correction.evidence, *correction.supersedes)}
        return self.interaction(asked) or (self._documents(named) != [] and self._about(named))

    def _about(self, names: Iterable[DocumentId]) -> bool:
        documents = self._documents(names)
        return any(map(self._document, documents)) if documents else self.by_source

    def _document(self, name: DocumentId) -> bool:
        return self.file_is(self.files[name]) if name in self.files else self.by_source

    @staticmethod
    def _documents(names: Iterable[DocumentId]) -> list[DocumentId]:
        return [name for name in names if not name.startswith(CORRECTION_PREFIX)]


def sensitive(config: Config, chunks: Callable[[], Iterable[Chunk]]) -> Sensitive:
    """By the settings; `chunks` are the live version's, and read only where the settings mark a source."""
    by_source = any(source.sensitive for source in config.sources)
    return Sensitive(
        by_source=by_source,
        anything=by_source or bool(config.privacy.sensitive_groups),
        groups=frozenset(config.privacy.sensitive_groups),
        file_is=config.is_sensitive,
        files={chunk.document_id: chunk.source for chunk in chunks() if not chunk.is_correction} if by_source else {},
    )
