"""Who may read what the live version holds."""

import threading
from collections.abc import Mapping

from rag_flywheel.domain import DocumentId, Groups, VersionId
from rag_flywheel.domain.readers import EVERYTHING, Reader
from rag_flywheel.errors import Damaged, IndexUnavailable, NotFound
from rag_flywheel.ports import PassageIndex, Versions
from rag_flywheel.search.versions import Searcher


class LiveReaders:
    """Reads once of each live version whom its documents are for, and only where it keeps any apart. Safe under
    threads.

    `apart` says whether the settings name groups. Then versions of older releases, which know none, are for operators
    alone; without, they are open to all, as they always were, until a newer one keeps something apart.
    """

    def __init__(self, *, index: PassageIndex, versions: Versions, apart: bool) -> None:
        self._index = index
        self._versions = versions
        self._apart = apart
        self._lock = threading.Lock()
        self._read: tuple[VersionId, Mapping[DocumentId, tuple[str, ...]]] | None = None

    def reader(self, groups: Groups) -> Reader:
        """What somebody in these groups may read of what is recorded."""
        if groups is None:
            return EVERYTHING
        try:
            live = self._index.live()
            readership = None if live is None else self._versions.version(live).manifest.readership
        except (IndexUnavailable, Damaged, NotFound) as error:
            if self._open_before():  # nothing is kept apart in any version, so which one is live does not matter
                return Reader(groups=groups, before=True)
            if isinstance(error, NotFound):  # which would be taken for what was asked for
                raise Damaged(f"who may read what is not known: {error}") from error
            raise
        if live is None or readership is None:
            return Reader(groups=groups, before=self._open_before())
        if not readership.groups:
            return Reader(groups=groups, before=not self._apart)
        return Reader(groups=groups, documents=self._documents(live))

    def all_open(self, groups: Groups) -> bool:
        """Whether somebody in these groups reads everything there is."""
        return groups is None or self._open_before()

    def searcher(self, opened: Searcher, groups: Groups) -> Searcher:
        """A version as somebody in these groups may search it."""
        if groups is not None and not opened.grouped and self._open_before():
            return opened.seen_by(None)
        return opened.seen_by(groups)

    def _open_before(self) -> bool:
        return not self._apart and not any(
            record.manifest.readership is not None and record.manifest.readership.groups
            for record in self._versions.versions()
        )

    def _documents(self, live: VersionId) -> Mapping[DocumentId, tuple[str, ...]]:
        with self._lock:
            if self._read is None or self._read[0] != live:
                chunks = (chunk for chunk in self._index.chunks(live) if chunk.confirmed is None)
                self._read = live, {chunk.document_id: chunk.groups for chunk in chunks}
            return self._read[1]
