"""What earlier versions tell of documents that are other ones tonight."""

from collections.abc import Mapping, Sequence

from cachetools import LRUCache

from ingest.anchors import Arrivals
from ingest.build import Corpus
from ingest.cleaning.normalising import words
from rag_flywheel.domain import DocumentId, Evidence, Followed, InteractionId, Manifest, Quote, VersionId
from rag_flywheel.search.texts import document_texts
from rag_flywheel.services import Services


class Past:
    """The live version, where there is one, and those before it that are kept. Their texts are read only when asked."""

    def __init__(self, services: Services, corpus: Corpus, digests: Mapping[str, str]) -> None:
        live = services.index.live()
        self._services = services
        self._digests = digests
        self._live = None if live is None else services.ledger.version(live).manifest
        self._kept = frozenset(services.index.versions())
        self._records = {
            (followed.of, followed.superseded, followed.was): followed
            for followed in ([] if self._live is None else self._live.followed)
        }
        self._texts_of: LRUCache[VersionId, Mapping[DocumentId, str]] = LRUCache(2)
        self._documents = {document.document_id: document for document in corpus.documents}
        self.renamed: Mapping[DocumentId, DocumentId] = {} if self._live is None else self._live.renamed
        self.same = {
            DocumentId(left_out.name): left_out.same_as for left_out in corpus.skipped if left_out.same_as is not None
        }

    def record(self, of: str, was: Evidence, *, superseded: bool) -> Followed | None:
        """What the live version says of a span that does not stand there where it was named."""
        return self._records.get((of, superseded, was))

    def quote(self, span: Evidence, record: Followed | None, asked: InteractionId | None) -> Quote | None:
        """The words of a span that was named without them, where its document is another one since.

        They are those of the version that the person saw, where it is kept, or else of the live one.
        """
        version, place = self._live, span
        if record is not None and record.now:
            place = record.now[0]
        elif asked is not None:
            version = self._seen(asked)
        if version is None or self._is_as_in(version, place.document_id):
            return None
        text = self._texts(version.version_id).get(place.document_id, "")
        return place.quoted(text).quote if place.end <= len(text) else None

    def arrivals(self, gone: frozenset[DocumentId]) -> Arrivals:
        """Tonight's documents that are not as in the live version, and the texts there of those that are gone."""
        texts = {} if self._live is None else self._texts(self._live.version_id)
        return Arrivals(
            documents=[
                document
                for document in self._documents.values()
                if self._live is None
                or document.document_id not in texts
                or not self._is_as_in(self._live, document.document_id)
            ],
            before={name: texts[name] for name in gone if name in texts},
        )

    def text(self, span: Evidence) -> str:
        """What one of tonight's documents says there."""
        return self._documents[span.document_id].text[span.start : span.end]

    def is_shown_without(self, name: DocumentId, hidden: Sequence[Evidence]) -> bool:
        """Whether enough is left of one of tonight's documents to be indexed when these spans are hidden."""
        text = self._documents[name].text
        rest, at = "", 0
        for span in sorted(hidden, key=lambda span: span.start):
            rest += f"{text[at : span.start]} "
            at = max(at, span.end)
        return len(words(rest + text[at:])) >= self._services.config.ingest.minimum_words

    def _seen(self, asked: InteractionId) -> Manifest | None:
        version = self._services.ledger.interaction(asked).version_id
        return self._services.ledger.version(version).manifest if version in self._kept else self._live

    def _is_as_in(self, version: Manifest, name: DocumentId) -> bool:
        """Whether the document is read from the very bytes that the version was."""
        digest = self._digests.get(self._documents[name].source) if name in self._documents else None
        return digest is not None and version.sources.get(self._documents[name].source) == digest

    def _texts(self, version: VersionId) -> Mapping[DocumentId, str]:
        if version not in self._texts_of:
            self._texts_of[version] = document_texts(self._services.index.chunks(version))
        return self._texts_of[version]
