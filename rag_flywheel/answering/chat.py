"""Question to interaction: find the asker's version, retrieve, generate, record.

Everybody is on the live version, but for those whom a canary or the hold-out puts on another. Only a person, or a
session, that the caller names can be kept on one version, so nobody else takes part, and nobody who did not agree to
be part of comparisons.

A question is searched for as it was typed, and the asker is shown documents as they are. What is kept of both is
masked, and so is what another service is asked: a language model (`MaskedGenerator`), a server that holds the index.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from rag_flywheel.answering.observed import came, count, ranked, tell
from rag_flywheel.config import Embedder, Privacy
from rag_flywheel.domain import (
    Arm,
    CanaryId,
    Citation,
    Draft,
    Exposure,
    Groups,
    Interaction,
    InteractionId,
    Passage,
    Question,
    Searched,
    Shown,
    Suggestion,
    VersionId,
)
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.domain.stand_ins import unnumbered
from rag_flywheel.errors import Damaged, FlywheelError, LanguageModelUnavailable, NotFound, NothingLive
from rag_flywheel.ports import (
    Consents,
    Conversations,
    Encoder,
    Generator,
    Operations,
    PassageIndex,
    RerankerStore,
    Rollouts,
    Versions,
    telemetry,
)
from rag_flywheel.ports.metrics import Came, Stage
from rag_flywheel.privacy.consent import NOTHING, Agreed, Said, agreed
from rag_flywheel.privacy.masking_out import taken_out
from rag_flywheel.privacy.numbering import Masking, Numbering, Plain, masking
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.rollout import canary, promotion
from rag_flywheel.search.live_readers import LiveReaders
from rag_flywheel.search.retrieval import Ranking, offered
from rag_flywheel.search.versions import OpenVersions, Searcher, open_version
from rag_flywheel.services import Services

RECORDED = 50  # passages of a ranking that the ledger keeps, for attribution and hard negatives


class ChatLedger(Operations, Conversations, Consents, Versions, Rollouts, Protocol):
    """What an answer is recorded in, and what says who meets which version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an asker stands while one question is answered."""

    arm: Arm
    version: VersionId | None  # to be asked instead of, or beside, what is live; None: that alone
    unit: str | None  # who is kept on the arm; None: nobody who could be
    canary_id: CanaryId | None
    step: int


EVERYBODY = Place(arm=Arm.CONTROL, version=None, unit=None, canary_id=None, step=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a question's search came to: the version that answers, its ranking, and where the asker stands with it."""

    place: Place
    searcher: Searcher
    ranking: Ranking


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question while it is answered."""

    interaction_id: InteractionId
    question: Question
    talk: Numbering | Plain  # masks what is kept and told of its conversation
    started: float  # of the clock that measures how long it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """What answering needs. The one state is which versions are open, by id: they are immutable."""

    index: PassageIndex
    ledger: ChatLedger
    encoders: Callable[[Embedder], Encoder]
    rerankers: RerankerStore
    generator: Generator
    masking: Masking
    privacy: Privacy
    opened: OpenVersions
    remote: bool  # whether a server holds the index
    readers: LiveReaders

    def searcher(self) -> Searcher:
        """The live version. Raises NothingLive before the first reindex."""
        return self.opened.get(self._live(), self._open)

    def search(self, query: str, *, groups: Groups, on: VersionId | None = None) -> tuple[Searcher, Ranking]:
        """A version, the live one unless another is named, held from here on, and its ranking for the query, of what
        somebody in these groups may read.

        Raises NothingLive, NotFound when the named version is not kept, IndexUnavailable, and Damaged when a part of
        the live version is gone.
        """
        while True:
            version = on or self._live()
            try:
                searcher = self.readers.searcher(self.opened.get(version, self._open), groups)
                return searcher, ranked(query, searcher)
            except NotFound as error:
                if on is not None:
                    raise
                if self.index.live() == version:
                    raise Damaged(f"a part of the live version {version} is gone: {error}") from error
                # It was retired after its name was read: the alias names another by now.

    def place(self, asked: Question) -> Place:
        """The arm of the asker, the same for each of a person's questions while a step of a canary lasts."""
        salt = self.ledger.salt()
        unit = pseudonym(asked.user, salt) or pseudonym(asked.session, salt, of="session")
        if unit is None or not asked.consent or Purpose.EVALUATE not in asked.purposes:
            return EVERYBODY
        under_way, holdout = promotion.running(self.ledger), self.ledger.holdout()
        sharing = None if under_way is None or under_way.shadow else under_way
        arm = canary.arm(unit, salt=salt, canary=sharing, holdout=holdout)
        version = None
        if arm is Arm.HOLDOUT and holdout is not None:
            version = holdout.version_id
        elif arm is Arm.TREATMENT and under_way is not None:
            version = under_way.treatment
        taking_part = None if arm is Arm.HOLDOUT else under_way
        return Place(
            arm=arm,
            version=version,
            unit=unit,
            canary_id=None if taking_part is None else taking_part.canary_id,
            step=0 if taking_part is None else taking_part.step,
        )

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
        return open_version(manifest, index=self.index, encoders=self.encoders, rerankers=self.rerankers)

    def stream(self, question: Question, *, interaction_id: InteractionId) -> Iterator[str | Interaction]:
        """Pieces of the answer as they come, then the interaction, recorded under `interaction_id`: with the answer and
        the citations as they are shown, while the ledger keeps them masked.

        One index version serves the whole answer, whatever the alias does meanwhile. Where a candidate cannot search,
        the live version answers instead. Raises NothingLive, Unavailable; what a model said before it broke off
        is recorded too.
        """
        return telemetry.answering(self._stream(question, interaction_id), {telemetry.INTERACTION: interaction_id})

    def _stream(self, question: Question, interaction_id: InteractionId) -> Iterator[str | Interaction]:
        said, found, place, started = "", None, EVERYBODY, time.perf_counter()
        try:
            asked = self._asked(question, interaction_id, started)
            place = self.place(question)
            generator = self.generator.masked_by(asked.talk)
            with telemetry.part(Stage.REWRITE):
                query = generator.rewrite(question.text, question.history)
            found = self._found(unnumbered(asked.talk.redact(query).text) if self.remote else query, place, asked)
            place, passages = found.place, found.ranking.passages
            searched = Searched(
                ranking=passages,
                refusal=found.searcher.learned.refusal,
                conversation=bool(question.history),
                version=found.searcher.version if question.consent else None,
                groups=question.groups,
            )
            written = generator.answer(query, passages[: found.searcher.shown], searched=searched)
            for piece in telemetry.parts(Stage.GENERATE, written, {telemetry.GENERATOR: generator.name}):
                if isinstance(piece, str):
                    said += piece
                    yield piece
                else:
                    interaction = self._interaction(asked, query, found, piece)
                    self._keep(interaction, place)
                    yield replace(interaction, answer=piece.text, citations=piece.citations)
        except FlywheelError as error:
            if found is None or not said or not isinstance(error, LanguageModelUnavailable):
                count(Came.FAILED, place.arm)
                self._failed(place, question.asked, started)
                raise
            broken = Draft(text=said, answered=True, citations=())
            self._keep(self._interaction(asked, query, found, broken), place, broken=True)
            raise

    def _asked(self, question: Question, interaction_id: InteractionId, started: float) -> Asked:
        session = pseudonym(question.session, self.ledger.salt(), of="session")
        talk = self.masking.within(session, self.ledger, of=interaction_id)
        return Asked(interaction_id=interaction_id, question=question, talk=talk, started=started)

    def _found(self, query: str, place: Place, asked: Asked) -> Found:
        groups = asked.question.groups
        if place.version is None:
            searcher, ranking = self.search(query, groups=groups)
            return Found(place=place, searcher=searcher, ranking=ranking)
        try:
            searcher, ranking = self.search(query, groups=groups, on=place.version)
            return Found(place=place, searcher=searcher, ranking=ranking)
        except FlywheelError:  # nobody shall suffer from a candidate
            searcher, ranking = self.search(query, groups=groups)
            # The canary hears of it, once: where this search failed too, from us.
            self._failed(place, asked.question.asked, asked.started)
            return Found(place=EVERYBODY, searcher=searcher, ranking=ranking)

    def _keep(self, interaction: Interaction, place: Place, *, broken: bool = False) -> None:
        with self.ledger.transaction():
            self.ledger.add_interaction(interaction if interaction.consent else _forgetful(interaction))
            self._met(place, interaction.asked, interaction.seconds, None if broken else interaction)
        tell(interaction, Came.BROKEN if broken else came(interaction))

    def _failed(self, place: Place, at: datetime, started: float) -> None:
        """Record that the asker's version failed them, whether or not another answered."""
        self._met(place, at, time.perf_counter() - started, None)

    def _met(self, place: Place, at: datetime, seconds: float, interaction: Interaction | None) -> None:
        """Record what the asker met, None where there was no answer."""
        if place.unit is not None:
            self.ledger.add_exposure(
                Exposure(
                    at=at,
                    unit=place.unit,
                    arm=place.arm,
                    canary_id=place.canary_id,
                    step=place.step,
                    interaction_id=None if interaction is None else interaction.interaction_id,
                    answered=interaction is not None and interaction.answered,
                    failed=interaction is None,
                    seconds=seconds,
                )
            )

    def answer(self, question: Question, *, interaction_id: InteractionId) -> Interaction:
        """The whole answer at once. Raises as `stream` does."""
        pieces = self.stream(question, interaction_id=interaction_id)
        [interaction] = [piece for piece in pieces if isinstance(piece, Interaction)]
        return interaction

    def agreed(self, said: Said | None, *, user: str | None, session: str | None) -> Agreed:
        """What a question of this person may be kept and used for, where `said` came with it."""
        salt = self.ledger.salt()
        asker, conversation = pseudonym(user, salt), pseudonym(session, salt, of="session")
        events = self.ledger.consents_of(asker, conversation)
        return agreed(self.privacy.consent, said, events, session=conversation)

    def _interaction(self, of: Asked, query: str, found: Found, draft: Draft) -> Interaction:
        seconds, salt = time.perf_counter() - of.started, self.ledger.salt()
        place, searcher, asked = found.place, found.searcher, of.question
        question, searched_for, answer, citations = (
            of.talk.redact(asked.text),
            of.talk.redact(query).text,
            of.talk.redact(draft.text).text,
            tuple(_masked(citation, of.talk) for citation in draft.citations),
        )
        cited = (text for citation in citations for text in (citation.title, citation.text))
        return Interaction(
            interaction_id=of.interaction_id,
            asked=asked.asked,
            user=pseudonym(asked.user, salt),
            session=pseudonym(asked.session, salt, of="session"),
            question=question.text,
            masked=taken_out(question, salt),
            stand_ins=of.talk.stand_ins(question.text, searched_for, answer, *cited),
            query=searched_for,
            answer=answer,
            answered=draft.answered,
            confidence=draft.confidence,
            version_id=searcher.version,
            arm=place.arm,
            generator=draft.generator or self.generator.name,
            ranking=tuple(as_shown(passage) for passage in found.ranking.passages[:RECORDED]),
            shown=min(searcher.shown, len(found.ranking.passages)),
            citations=citations,
            consent=asked.consent,
            seconds=seconds,
            group=asked.group,
            groups=asked.groups,
            canary_id=place.canary_id,
            suggestions=tuple(_suggestions(found)),
            purposes=asked.purposes if asked.consent else NOTHING,
            agreed=asked.agreed,
        )


def open_chat(services: Services) -> Chat:
    """A chat over the services, with no version open yet."""
    return Chat(
        index=services.index,
        ledger=services.ledger,
        encoders=services.encoders,
        rerankers=services.rerankers,
        generator=services.answerer or services.generator,
        masking=masking(services),
        privacy=services.config.privacy,
        opened=OpenVersions(),
        remote=bool(services.config.index.url),
        readers=LiveReaders(
            index=services.index,
            versions=services.ledger,
            apart=any(source.groups for source in services.config.sources),
        ),
    )


def _forgetful(interaction: Interaction) -> Interaction:
    """Without consent the numbers are kept and the texts are not."""
    return replace(
        interaction,
        user=None,
        session=None,
        group=None,
        question="",
        query="",
        answer="",
        masked=(),
        stand_ins=(),
        citations=(),
        suggestions=(),
    )


def _masked(citation: Citation, talk: Numbering | Plain) -> Citation:
    return replace(citation, title=talk.redact_quoted(citation.title).text, text=talk.redact_quoted(citation.text).text)


def _suggestions(found: Found) -> Iterator[Suggestion]:
    for chunk in offered(found.ranking, found.searcher.learned.admission):
        if chunk.provenance is not None and chunk.question is not None:
            yield Suggestion(correction_id=chunk.provenance.correction_id, question=chunk.question)


def as_shown(passage: Passage) -> Shown:
    chunk = passage.chunk
    return Shown(
        chunk_id=chunk.chunk_id,
        document_id=chunk.document_id,
        start=chunk.start,
        end=chunk.end,
        rank=passage.rank,
        score=passage.score,
        scores=passage.scores,
        also=tuple(twin.span for twin in passage.also),
        groups=chunk.groups,
    )
