"""What every route shares: the services, the chat, and small views of the live version."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import anyio
from cachetools import LRUCache, TTLCache
from fastapi import Depends, Request
from pydantic import BaseModel

from rag_flywheel.access.who import sees
from rag_flywheel.answering.chat import Chat, open_chat
from rag_flywheel.domain import (
    CorrectionId,
    CorrectionState,
    DocumentId,
    Evidence,
    Groups,
    Interaction,
    InteractionId,
    Passage,
    Person,
    ReviewedCorrection,
    VersionId,
)
from rag_flywheel.domain.readers import EVERYTHING, Reader
from rag_flywheel.errors import KeyReused, NotAllowed, NotFound, no_interaction
from rag_flywheel.feedback import clusters, review_queue, supporters
from rag_flywheel.feedback.looking import LivePassages, live_passages, looker, peers_of
from rag_flywheel.feedback.quoting import quoted
from rag_flywheel.feedback.recent import RecentQuestions
from rag_flywheel.feedback.review import Look
from rag_flywheel.feedback.review_queue import Known
from rag_flywheel.feedback.second_look import Peers
from rag_flywheel.feedback.standing import Standing
from rag_flywheel.ports import Operations, Replies, Vectors
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.privacy.sensitive import Sensitive, sensitive
from rag_flywheel.rollout import deployment
from rag_flywheel.rollout.counts import Settled
from rag_flywheel.rollout.deployment import Gain
from rag_flywheel.search.texts import document_texts
from rag_flywheel.services import Services

Seen = tuple[str, VersionId | None, Groups, bool]
"""At which state of the ledger, with which version live, by whom."""
Made = TypeVar("Made")
LISTENING = 1_000
"""Streams at a time in each worker, whose pieces are waited for beside the threads that answer."""
AT_ONCE = 250  # questions that are read together
COUNTED_FOR = 60.0
"""Seconds for which it is known how many people asked what, and what a hold-out gained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Made once for an app. `config_file` is handed to the reindex that the app starts as a process of its own."""

    services: Services
    chat: Chat
    config_file: Path
    texts_of: LRUCache[VersionId, Mapping[DocumentId, str]] = field(default_factory=lambda: LRUCache(2))
    live_of: LRUCache[VersionId, LivePassages] = field(default_factory=lambda: LRUCache(1))
    alike_of: LRUCache[str, Sequence[Sequence[int]]] = field(default_factory=lambda: LRUCache(20))
    topics_of: LRUCache[tuple[VersionId | None, Groups], object] = field(default_factory=lambda: LRUCache(20))
    overviews: LRUCache[object, object] = field(default_factory=lambda: LRUCache(50))
    settled: LRUCache[str, Settled] = field(default_factory=lambda: LRUCache(1))
    recent: RecentQuestions = field(default_factory=RecentQuestions)
    people_of: TTLCache[Groups, Mapping[str, int]] = field(default_factory=lambda: TTLCache(8, COUNTED_FOR))
    gains: TTLCache[datetime, Gain | None] = field(default_factory=lambda: TTLCache(1, COUNTED_FOR))
    vectors: LRUCache[bytes, Vectors] = field(default_factory=lambda: LRUCache(2_000))
    known_by: LRUCache[Seen, Known] = field(default_factory=lambda: LRUCache(4))
    peers_by: LRUCache[Seen, Peers] = field(default_factory=lambda: LRUCache(4))
    standing_of: LRUCache[tuple[str, VersionId | None], Standing] = field(default_factory=lambda: LRUCache(1))
    lock: threading.Lock = field(default_factory=threading.Lock)
    listening: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(LISTENING))

    def find(self, text: str, groups: Groups) -> Sequence[Passage]:
        """The live version's passages for a text, of those that somebody in these groups may read."""
        return self.chat.search(text, groups=groups)[1].passages

    def quoted(self, spans: Sequence[Evidence], seen: VersionId | None) -> tuple[Evidence, ...]:
        """The spans with their quotes from the version that the person saw, where it is kept, or else the live one.

        Raises InvalidInput for a span that lies in neither.
        """
        if not spans:
            return ()
        live = self.chat.searcher().version
        return quoted(spans, versions=[live] if seen is None else [seen, live], texts=self.texts)

    def reader(self, asking: Person) -> Reader:
        """What of all that is recorded they may read."""
        return self.chat.readers.reader(asking.groups)

    def look(self, reader: Reader = EVERYTHING, asked: Mapping[InteractionId, Interaction] | None = None) -> Look:
        """Who looks twice at what reviewers are to decide on, beside the live version; for what a reader is shown, with
        their eyes. What the corrections are of is read of the ledger unless it was `asked` for before.
        """
        ledger = self.services.ledger

        def made(before: Peers | None) -> Peers:
            return peers_of(self.known(reader).reviewed.values(), reader, before)

        peers = self._kept(self.peers_by, reader, made)
        return looker(peers=peers, ledger=ledger, live=self.live_passages(), reader=reader, asked=asked)

    def known(self, reader: Reader) -> Known:
        """What the ledger says of all corrections that they may read."""
        ledger, index = self.services.ledger, self.services.index

        def made(before: Known | None) -> Known:
            return review_queue.survey(ledger=ledger, live=index.live(), reader=reader, before=before)

        return self._kept(self.known_by, reader, made)

    def _kept(self, kept: LRUCache[Seen, Made], reader: Reader, make: Callable[[Made | None], Made]) -> Made:
        """What is made of all corrections, as long as nothing has changed since; else of what was made before of those
        that the same people may read, which goes.
        """
        services = self.services
        key = (services.ledger.corrections_mark(), services.index.live(), reader.groups, reader.before)
        with self.lock:
            found = kept.get(key)
            former = next((other for other in kept if other[2:] == key[2:]), None)
            before = None if former is None else kept[former]
        if found is None:
            found = make(before)
            with self.lock:
                if former is not None:
                    kept.pop(former, None)
                kept[key] = found
        return found

    def holds(self, document: DocumentId, asking: Person) -> bool:
        """Whether the live version holds a document that they may read."""
        live = self.services.index.live()
        return live is not None and document in self.texts(live) and self.reader(asking).reads(document)

    def sensitive(self) -> Sensitive:
        """What of all that is recorded is told with noise alone."""
        return sensitive(self.services.config, lambda: self.live_passages().chunks.values())

    def waits_for(self, reviewed: Sequence[ReviewedCorrection]) -> dict[CorrectionId, str]:
        """Why accepted ones are in no version yet: too few people stand behind them."""
        services = self.services
        accepted = [entry for entry in reviewed if entry.verdict_state is CorrectionState.ACCEPTED]
        needed = services.config.privacy.supporters
        found = supporters.unsupported(accepted, (), ledger=services.ledger, sensitive=self.sensitive(), needed=needed)
        return dict.fromkeys(found.corrections, supporters.WAITS.format(needed=needed))

    def people(self, asking: Person) -> Mapping[str, int]:
        """How many people asked each question lately, by its normalised text; counted anew after a while."""
        with self.lock:
            known = self.people_of.get(asking.groups)
        if known is None:
            known = review_queue.askers(self._recent(asking))
            with self.lock:
                self.people_of[asking.groups] = known
        return known

    def gain(self) -> Gain | None:
        """That of the hold-out, measured anew after a while: it goes through all that people met since it began."""
        held = self.services.ledger.holdout()
        if held is None or held.version_id is None:
            return None
        with self.lock:
            known = self.gains.get(held.since)
        if known is None:
            known = deployment.gain(self.services)
            with self.lock:
                self.gains[held.since] = known
        return known

    def asked(self, asking: Person) -> Iterator[str]:
        """Judged questions and what people asked lately, newest first; of what they may read."""
        ledger, reader = self.services.ledger, self.reader(asking)
        retired = {retirement.case_id for retirement in ledger.retirements()}
        for case in ledger.golden_cases():
            if case.case_id not in retired and all(map(reader.reads, case.documents)):
                yield case.question
        yield from (asked.query for asked in self._recent(asking) if asked.consent)

    def _recent(self, asking: Person) -> Iterator[Interaction]:
        """The newest, read a few hundred at a time."""
        ledger, reader, hidden = self.services.ledger, self.reader(asking), self.sensitive().hidden
        names = ledger.interaction_ids(limit=review_queue.ASKED)
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            found = ledger.interactions_named(some)
            yield from (
                found[name]
                for name in some
                if name in found and reader.reads_interaction(found[name]) and not hidden(found[name])
            )

    def refuse_part(self, asking: Person) -> None:
        """Raises NotAllowed for what speaks of all documents, where some of them are not for who asks."""
        if not self.chat.readers.all_open(asking.groups):
            raise NotAllowed("this speaks of all documents, and some are for groups that you are not in")

    def alike(self, texts: Sequence[str]) -> Sequence[Sequence[int]]:
        """The numbers of the texts of each topic, as `clusters.alike` gives them; remembered for the latest few lists,
        by digests of them, so that nothing that somebody typed stays here.
        """
        digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
        with self.lock:
            known = self.alike_of.get(digest)
        if known is None:
            encoder = self.services.encoders(self.services.config.embedder)
            known = clusters.alike(texts, encoder=encoder, near=self.services.config.review.alike)
            with self.lock:
                self.alike_of[digest] = known
        return known

    def live_passages(self) -> LivePassages:
        index, is_official = self.services.index, self.services.config.is_official
        live = index.live()
        if live is None:
            return live_passages((), is_official)
        with self.lock:
            if live not in self.live_of:
                self.live_of[live] = live_passages(index.chunks(live), is_official)
            return self.live_of[live]

    def texts(self, version: VersionId) -> Mapping[DocumentId, str]:
        """Of a version's documents, whoever may read them; none where it is not kept."""
        with self.lock:
            if version not in self.texts_of:
                kept = version in self.services.index.versions()
                self.texts_of[version] = document_texts(self.services.index.chunks(version) if kept else ())
            return self.texts_of[version]


def make_state(services: Services) -> State:
    config = services.config
    chat = open_chat(services)
    return State(services=services, chat=chat, config_file=config.file)


def _state(request: Request) -> State:
    """Of the tenant of who asks; of the deployment itself where nobody was asked who they are."""
    person: Person | None = getattr(request.state, "person", None)
    state: State = request.app.state.of_tenant[None if person is None else person.tenant]
    return state


def _person(request: Request) -> Person:
    person: Person = request.state.person
    return person


Shared = Annotated[State, Depends(_state)]
Asking = Annotated[Person, Depends(_person)]
"""Whoever sent the request, as the entrance found out."""


def own(interaction_id: str, asking: Person, user: str | None, state: State) -> InteractionId:
    """The interaction's id, where who asks may see it: it is the user's, or they review. Raises NotFound."""
    ledger, name = state.services.ledger, InteractionId(interaction_id)
    with contextlib.suppress(NotFound):  # told in the same words as what is somebody else's
        if sees(asking, theirs=ledger.interaction(name).user == pseudonym(user, ledger.salt())):
            return name
    raise no_interaction(name)


Reply = TypeVar("Reply", bound=BaseModel)


class ReplyLedger(Operations, Replies, Protocol):
    """Where replies are remembered, in one transaction with what they are about."""


class _Taken(Exception):
    """Another request with this key was faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A request that is to be done once, however often it comes: by its idempotency key, where it has one."""

    key: str | None
    kept: str | None  # what is stored of the key, which may be anything that a client makes up
    route: str
    user: str | None  # pseudonym: nobody is told what another person's key was answered with
    digest: str  # of the request's body

    @property
    def name(self) -> str:
        return f"{self.route}:{self.user or ''}:{self.kept}"

    @property
    def former_name(self) -> str:
        """As the release before named it."""
        return f"{self.route}:{self.user or ''}:{self.key}"

    @property
    def old_name(self) -> str:
        """As older releases named it, whoever sent it."""
        return f"{self.route}:{self.key}"


def once(
    request: Once,
    prepare: Callable[[], Callable[[], Reply]],
    *,
    kind: type[Reply],
    state: State,
) -> Reply:
    """Record what `prepare` prepares, once for an idempotency key: a repeated request gets the first one's reply.

    `prepare` returns the recording, which returns the reply. Nothing of a repeated request is kept. What takes long
    belongs into `prepare`: a search may load a model, and while the recording runs nobody else can write. Raises
    KeyReused when the key came with another request. The header follows draft-ietf-httpapi-idempotency-key-header.
    """
    ledger: ReplyLedger = state.services.ledger
    known = None if request.key is None else _remembered(request, kind, ledger)
    if known is not None:
        return known
    record = prepare()
    try:
        with ledger.transaction():
            reply = record()
            if request.key is not None and not ledger.remember(
                request.name, digest=request.digest, reply=reply.model_dump(mode="json"), at=state.services.now()
            ):
                raise _Taken
            return reply
    except _Taken:
        known = _remembered(request, kind, ledger)
        assert known is not None
        return known


def _remembered(request: Once, kind: type[Reply], ledger: Replies) -> Reply | None:
    known = ledger.remembered(request.name) or ledger.remembered(request.former_name)
    if known is None:
        old = ledger.remembered(request.old_name)  # of whom is not known, but that they said the very same
        return None if old is None or old[0] != request.digest else kind.model_validate(old[1])
    digest, reply = known
    if digest != request.digest:
        raise KeyReused("this Idempotency-Key came before with another request; use a new key for a new request")
    return kind.model_validate(reply)
