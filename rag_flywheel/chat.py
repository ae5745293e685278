"""Question to interaction: follow the alias, retrieve, generate, record."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag_flywheel.config import Embedder, Privacy
from rag_flywheel.domain import (
    Draft,
    Interaction,
    InteractionId,
    Manifest,
    Passage,
    Question,
    Shown,
    Turn,
    VersionId,
)
from rag_flywheel.errors import Damaged, NotFound, NothingLive
from rag_flywheel.ports import Encoder, Generator, Ledger, PassageIndex, Redactor, RerankerStore
from rag_flywheel.privacy import pseudonym
from rag_flywheel.retrieval import Searcher, open_searcher, retrieve

ARM = "control"  # everybody is on the live version until a candidate shares the traffic
RECORDED = 50  # passages of a ranking that the ledger keeps, for attribution and hard negatives


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """What answering needs. The one state is which versions are open, by id: they are immutable."""

    index: PassageIndex
    ledger: Ledger
    encoders: Callable[[Embedder], Encoder]
    rerankers: RerankerStore
    generator: Generator
    redactor: Redactor
    privacy: Privacy
    opened: "OpenVersions"

    def searcher(self) -> Searcher:
        """The live version. Raises NothingLive before the first reindex."""
        return self.opened.get(self._live(), self._open)

    def search(self, query: str) -> tuple[Searcher, list[Passage]]:
        """The live version, held from here on, and its ranking for the query.

        Raises NothingLive, IndexUnavailable, and Damaged when a part of the live version is gone.
        """
        while True:
            live = self._live()
            try:
                searcher = self.opened.get(live, self._open)
                return searcher, retrieve(query, searcher=searcher)
            except NotFound as error:
                if self.index.live() == live:
                    raise Damaged(f"a part of the live version {live} is gone: {error}") from error
                # It was retired after its name was read: the alias names another by now.

    def _live(self) -> VersionId:
        live = self.index.live()
        if live is None:
            raise NothingLive("no index version is live yet: run `rag-flywheel reindex` first")
        return live

    def _open(self, version: VersionId) -> Searcher:
        try:
            manifest = self.ledger.version(version).manifest
        except NotFound as error:
            raise Damaged(
                f"the alias names {version}, which the ledger does not know: index and ledger belong together; restore "
                "the ledger, or empty both and reindex"
            ) from error
        return open_for(manifest, index=self.index, encoders=self.encoders, rerankers=self.rerankers)

    def stream(self, question: Question, *, interaction_id: InteractionId) -> Iterator[str | Interaction]:
        """Pieces of the answer as they come, then the interaction, recorded under `interaction_id`.

        One index version serves the whole answer, whatever the alias does meanwhile. Raises NothingLive, Unavailable.
        """
        started = time.perf_counter()
        asked = _masked(question, self.redactor)
        query = self.generator.rewrite(asked.text, asked.history)
        searcher, passages = self.search(query)
        for piece in self.generator.answer(query, passages[: searcher.shown]):
            if isinstance(piece, str):
                yield piece
            else:
                seconds = time.perf_counter() - started
                interaction = self._interaction(interaction_id, asked, query, passages, piece, searcher, seconds)
                self.ledger.add_interaction(_forgetful(interaction) if not asked.consent else interaction)
                yield interaction

    def answer(self, question: Question, *, interaction_id: InteractionId) -> Interaction:
        """The whole answer at once. Raises as `stream` does."""
        pieces = self.stream(question, interaction_id=interaction_id)
        return next(piece for piece in pieces if isinstance(piece, Interaction))

    def consents(self, given: bool | None) -> bool:
        """Whether texts may be kept, for what the caller said or did not say."""
        return given if given is not None else self.privacy.consent == "assumed"

    def _interaction(
        self,
        interaction_id: InteractionId,
        asked: Question,
        query: str,
        passages: Sequence[Passage],
        draft: Draft,
        searcher: Searcher,
        seconds: float,
    ) -> Interaction:
        salt = self.ledger.salt()
        return Interaction(
            interaction_id=interaction_id,
            asked=asked.asked,
            user=pseudonym(asked.user, salt),
            session=pseudonym(asked.session, salt, of="session"),
            question=asked.text,
            query=query,
            answer=draft.text,
            answered=draft.answered,
            version_id=searcher.version,
            arm=ARM,
            generator=self.generator.name,
            ranking=tuple(_shown(passage) for passage in passages[:RECORDED]),
            shown=min(searcher.shown, len(passages)),
            citations=draft.citations,
            consent=asked.consent,
            seconds=seconds,
            group=asked.group,
        )


class OpenVersions:
    """The few versions that were used last, open."""

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: dict[VersionId, Searcher] = {}

    def get(self, version: VersionId, make: Callable[[VersionId], Searcher]) -> Searcher:
        with self._lock:
            searcher = self._open.pop(version, None) or make(version)
            self._open[version] = searcher
            while len(self._open) > self._most:
                self._open.pop(next(iter(self._open)))
            return searcher


def open_for(
    manifest: Manifest,
    *,
    index: PassageIndex,
    encoders: Callable[[Embedder], Encoder],
    rerankers: RerankerStore,
) -> Searcher:
    """A version with the embedder that it was built with, which need not be the one that is configured now."""
    encoder = encoders(Embedder.model_validate(manifest.settings["embedder"]))
    return open_searcher(manifest, index=index, encoder=encoder, rerankers=rerankers)


def _masked(question: Question, redactor: Redactor) -> Question:
    return replace(
        question,
        text=redactor.redact(question.text).text,
        history=tuple(Turn(role=turn.role, text=redactor.redact(turn.text).text) for turn in question.history),
    )


def _forgetful(interaction: Interaction) -> Interaction:
    """Without consent the numbers are kept and the texts are not."""
    return replace(interaction, user=None, session=None, group=None, question="", query="", answer="", citations=())


def _shown(passage: Passage) -> Shown:
    chunk = passage.chunk
    return Shown(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        start=chunk.start,
        end=chunk.end,
        rank=passage.rank,
        score=passage.score,
        scores=passage.scores,
    )
