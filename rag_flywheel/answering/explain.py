"""Why a ranking came out as it did: the recorded one, and what the version that answered says of each place in it.

A version is immutable, so searching it again with the recorded query gives the same ranking, now with the texts, with
what fusion weighed, and with the known questions that were kept out. Where it cannot be searched again, the record is
left.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.answering import judged_questions
from rag_flywheel.answering.chat import RECORDED, Chat, as_shown
from rag_flywheel.answering.judged_questions import JudgedQuestion, correction_of
from rag_flywheel.domain import (
    Chunk,
    ChunkId,
    CorrectionId,
    DocumentId,
    Groups,
    Interaction,
    InteractionId,
    LearnedRanking,
    Passage,
    Scores,
    Shown,
    VersionId,
    VersionRecord,
    VersionState,
)
from rag_flywheel.domain.readers import ANYBODY, Reader
from rag_flywheel.errors import Damaged, NotFound
from rag_flywheel.feedback.implicit import rank_cited
from rag_flywheel.feedback.intake import readable
from rag_flywheel.ports import PLACEHOLDER, Versions
from rag_flywheel.search.fusion import FEATURES, RRF
from rag_flywheel.search.languages import likely
from rag_flywheel.search.retrieval import Ranking, rank
from rag_flywheel.search.versions import open_version

SAME_SCORE = 1e-4  # what two machines, or two numbers of threads, may make of one score


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One feature of a passage, see `fusion.features`."""

    name: str
    value: float  # about 0..1
    weight: float
    contribution: float  # value times weight; their sum over the features decides the order


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedPassage:
    """A place of the recorded ranking, and why it was given to this passage."""

    rank: int  # from 1
    document_id: DocumentId
    start: int
    end: int
    title: str | None  # this and the text are None where the version could not be searched again
    text: str | None
    score: float  # comparable within one ranking only
    scores: Scores
    features: tuple[Weighed, ...]  # none where a known question led to it: it is admitted and not weighed
    correction_id: CorrectionId | None  # None for a source passage
    confirmed: InteractionId | None  # whose confirmed answer led to it; None as well where that is not known any more
    language: str | None  # None where the version could not be searched again, or is of a release that told none
    shown: bool  # whether the generator saw it
    cited: bool | None  # None where the citations were not kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an interaction's ranking is as it is."""

    interaction_id: InteractionId
    asked: datetime
    question: str | None  # this and the query are None where the texts were not kept
    query: str | None  # what was searched for
    version: VersionId
    live: bool  # whether that version is live now
    learned: LearnedRanking
    languages: Mapping[str, float]  # of the version, with how likely the query is in each, relative to the likeliest
    repeated: bool | None  # whether the search gave the recorded ranking again, None where there was none
    passages: tuple[RankedPassage, ...]  # best first
    questions: tuple[JudgedQuestion, ...]  # the admitted ones first, then those kept out; best fit first
    notes: tuple[str, ...]  # what is missing, or otherwise than recorded, and why


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a version finds for a query, and why, with nothing asked and nothing recorded."""

    version: VersionId
    live: bool
    learned: LearnedRanking
    languages: Mapping[str, float]  # of the version, with how likely the query is in each, relative to the likeliest
    passages: tuple[RankedPassage, ...]  # best first; none of them is shown or cited
    questions: tuple[JudgedQuestion, ...]  # the admitted ones first, then those kept out; best fit first


def find(query: str, *, chat: Chat, version: VersionId | None, limit: int, groups: Groups) -> Found:
    """At most `limit` passages that a version, or the live one, finds for a query, of what somebody in these groups may
    read, and at most `limit` known questions near it.

    Raises NothingLive, NotFound when the version is not kept, IndexUnavailable, and Damaged.
    """
    if version is not None:
        chat.ledger.version(version)  # one that nobody knows is the caller's mistake, and no damage
    searcher, ranking = chat.search(query, groups=groups, on=version)
    record = _version(searcher.version, chat.ledger)
    ranking = _ranking_as_seen(ranking, chat.readers.reader(groups))
    learned, features = record.manifest.learned, _features(ranking)
    return Found(
        version=searcher.version,
        live=chat.index.live() == searcher.version,
        learned=learned,
        languages=likely(query, record.manifest.languages),
        passages=tuple(
            _passage(
                as_shown(passage),
                chunk=passage.chunk,
                features=_weighed(features[passage.chunk.chunk_id], learned.fusion)
                if passage.chunk.chunk_id in features
                else (),
                shown=False,
                cited=None,
            )
            for passage in ranking.passages[:limit]
        ),
        questions=tuple(judged_questions.judged(ranking, learned.admission)[:limit]),
    )


def explain(interaction_id: InteractionId, *, chat: Chat, limit: int, reader: Reader = ANYBODY) -> Explanation:
    """At most `limit` passages of the recorded ranking and at most `limit` known questions near the query, as if what
    the reader may not read had not been there.

    Raises NotFound when there is no such interaction, or when it is not for the reader; IndexUnavailable, and Damaged
    when its version is unknown.
    """
    interaction = _as_seen(readable(interaction_id, reader, chat.ledger), reader)
    record = _version(interaction.version_id, chat.ledger)
    again = _searched_again(interaction, record, chat)
    again = _ranking_as_seen(again, reader) if isinstance(again, Ranking) else again
    ranking = again if isinstance(again, Ranking) else None
    differs = None if ranking is None else _first_difference(interaction.ranking, ranking.passages)
    learned = record.manifest.learned
    admission = learned.admission
    questions = (
        judged_questions.recorded(interaction.ranking, admission)
        if ranking is None
        else judged_questions.judged(ranking, admission)
    )
    return Explanation(
        interaction_id=interaction_id,
        asked=interaction.asked,
        question=interaction.question or None,
        query=interaction.query or None,
        version=interaction.version_id,
        live=chat.index.live() == interaction.version_id,
        learned=learned,
        languages=likely(interaction.query, record.manifest.languages) if interaction.query else {},
        repeated=None if ranking is None else differs is None,
        passages=tuple(_passages(interaction, ranking, learned.fusion)[:limit]),
        questions=tuple(questions[:limit]),
        notes=tuple(_notes(again, differs, interaction)),
    )


def _as_seen(interaction: Interaction, reader: Reader) -> Interaction:
    """With the places that the reader may read, one after the other: a gap would tell that there is something."""
    seen = [place for place in interaction.ranking if reader.reads(place.document_id, place.groups)]
    if len(seen) == len(interaction.ranking):
        return interaction
    return replace(
        interaction,
        ranking=tuple(replace(place, rank=rank) for rank, place in enumerate(seen, start=1)),
        shown=min(interaction.shown, len(seen)),
    )


def _ranking_as_seen(ranking: Ranking, reader: Reader) -> Ranking:
    def is_seen(chunk: Chunk) -> bool:
        return reader.reads(chunk.document_id, chunk.groups) and (not chunk.by_question or chunk.is_for(reader.groups))

    known = (*ranking.admitted, *ranking.kept_out)
    chunks = [*(passage.chunk for passage in ranking.passages), *(fitting.candidate.chunk for fitting in known)]
    if all(map(is_seen, chunks)):
        return ranking
    recorded = ranking.passages[:RECORDED]  # of what comes behind them nothing is told
    seen = [passage for passage in recorded if is_seen(passage.chunk)]
    sources = [
        passage.rank <= RECORDED and is_seen(passage.chunk)
        for passage in ranking.passages
        if not passage.chunk.by_question
    ]
    return Ranking(
        passages=tuple(replace(passage, rank=rank) for rank, passage in enumerate(seen, start=1)),
        weighed=ranking.weighed[np.array(sources, dtype=bool)],
        nearest=max((passage.scores.dense for passage in seen if passage.scores.dense is not None), default=None),
        admitted=tuple(fitting for fitting in ranking.admitted if is_seen(fitting.candidate.chunk)),
        kept_out=tuple(fitting for fitting in ranking.kept_out if is_seen(fitting.candidate.chunk)),
    )


def _version(version: VersionId, ledger: Versions) -> VersionRecord:
    try:
        return ledger.version(version)
    except NotFound as error:
        raise Damaged(
            f"the interaction was answered by version {version}, which the ledger does not know: restore the ledger"
        ) from error


def _searched_again(interaction: Interaction, record: VersionRecord, chat: Chat) -> Ranking | str:
    """What the version that answered finds for the recorded query, or why it cannot be asked."""
    version = interaction.version_id
    if not interaction.consent:
        return "the question was not kept, because there was no consent"
    if record.state is VersionState.DELETED:
        return f"version {version} was deleted"
    try:
        searcher = chat.opened.get(
            version,
            lambda _: open_version(record.manifest, index=chat.index, encoders=chat.encoders, rerankers=chat.rerankers),
        )
        searcher = chat.readers.searcher(searcher, interaction.groups)
        return rank(interaction.query, searcher.encoder.encode_queries([interaction.query])[0], searcher=searcher)
    except NotFound as error:
        return f"a part of version {version} is gone ({error})"


def _first_difference(recorded: Sequence[Shown], passages: Sequence[Passage]) -> int | None:
    """The first rank at which another passage stands, or another score; None where there is none."""
    places = [(passage.chunk.chunk_id, passage.score) for passage in passages[:RECORDED]]
    for place, ((name, score), shown) in enumerate(zip(places, recorded, strict=False), start=1):
        if name != shown.chunk_id or not math.isclose(score, shown.score, rel_tol=0.0, abs_tol=SAME_SCORE):
            return place
    shorter, longer = sorted((len(places), len(recorded)))
    return None if shorter == longer else shorter + 1


def _notes(again: Ranking | str, differs: int | None, interaction: Interaction) -> list[str]:
    if isinstance(again, str):
        return [
            f"{again}, so only what was recorded is explained: passages come without their texts and without what "
            "fusion weighed, and it is not known which known questions were kept out, nor whose confirmed answers "
            "were admitted"
        ]
    if differs is not None:
        why = "the software or the machine has changed since"
        if PLACEHOLDER.search(interaction.query):
            why = "its query was masked before it was kept"
        return [
            f"searched again, version {interaction.version_id} ranks otherwise from rank {differs} on, since {why}: "
            "ranks and scores are the recorded ones, features and known questions those of the new search"
        ]
    return []


def _passages(interaction: Interaction, ranking: Ranking | None, fusion: Mapping[str, float]) -> list[RankedPassage]:
    chunks = {} if ranking is None else {passage.chunk.chunk_id: passage.chunk for passage in ranking.passages}
    values = {} if ranking is None else _features(ranking)
    shown = interaction.ranking[: interaction.shown]
    cited = {rank_cited(citation, shown) for citation in interaction.citations}
    return [
        _passage(
            place,
            chunk=chunks.get(place.chunk_id),
            features=_weighed(values[place.chunk_id], fusion) if place.chunk_id in values else (),
            shown=place.rank <= interaction.shown,
            cited=place.rank in cited if interaction.consent else None,
        )
        for place in interaction.ranking
    ]


def _features(ranking: Ranking) -> dict[ChunkId, NDArray[np.float64]]:
    sources = [passage.chunk.chunk_id for passage in ranking.passages if not passage.chunk.by_question]
    return dict(zip(sources, ranking.weighed, strict=True))


def _weighed(values: NDArray[np.float64], fusion: Mapping[str, float]) -> tuple[Weighed, ...]:
    """Before fusion has weights, reciprocal rank fusion alone decides: that is a weight of 1 for it."""
    weights = fusion or {RRF: 1.0}
    return tuple(
        Weighed(name=name, value=value, weight=weights.get(name, 0.0), contribution=value * weights.get(name, 0.0))
        for name, value in zip(FEATURES, values.tolist(), strict=True)
    )


def _passage(
    place: Shown, *, chunk: Chunk | None, features: tuple[Weighed, ...], shown: bool, cited: bool | None
) -> RankedPassage:
    return RankedPassage(
        rank=place.rank,
        document_id=place.document_id,
        start=place.start,
        end=place.end,
        title=None if chunk is None else chunk.title,
        text=None if chunk is None else chunk.text,
        score=place.score,
        scores=place.scores,
        features=features,
        correction_id=correction_of(place.document_id),
        confirmed=None if chunk is None else chunk.confirmed,
        language=None if chunk is None else chunk.language or None,
        shown=shown,
        cited=cited,
    )
