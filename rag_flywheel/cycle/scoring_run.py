"""Versions are asked, and their replies scored: the same reply once, whichever version gives it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from eval.questions.golden import Case, judgements
from eval.scores import score_cache, scorecard
from eval.scores.judge import Judge
from eval.scores.ragas_metrics import Score
from eval.scores.scorecard import Reply, Scorecard
from rag_flywheel.domain import (
    NOBODY,
    DocumentId,
    Draft,
    Groups,
    Interaction,
    InteractionId,
    Json,
    LearnedRanking,
    Manifest,
    Passage,
    Searched,
)
from rag_flywheel.domain.groups import shared
from rag_flywheel.ports import Encoder, Vectors
from rag_flywheel.search.admission import is_confirmed
from rag_flywheel.search.retrieval import rank
from rag_flywheel.services import Services

AHEAD = 16  # questions that are looked up at once
Steps = Callable[[str, int, int], None]

_LEARNED = TypeAdapter(LearnedRanking)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredReplies:
    """What a version replied to some questions, and how good that is."""

    card: Scorecard
    replies: Mapping[str, Reply]  # by case id

    def with_more(self, other: "ScoredReplies") -> "ScoredReplies":
        """Both, of different questions."""
        card = Scorecard(cases=(*self.card.cases, *other.card.cases), values={**self.card.values, **other.card.values})
        return ScoredReplies(card=card, replies={**self.replies, **other.replies})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRun:
    """Asks and scores for one cycle. What grows: vectors, answers and scores that were made once."""

    services: Services
    references: Mapping[str, Sequence[str]]  # of the cases, as `scorecard.reference_texts` gives them
    judge: Judge | None
    steps: Steps
    readers: Mapping[DocumentId, tuple[str, ...]] = field(default_factory=dict)  # whom documents are for
    vectors: dict[tuple[Encoder, str], Vectors] = field(default_factory=dict)  # of questions
    drafts: dict[tuple[object, ...], Draft] = field(default_factory=dict)
    scores: dict[tuple[object, ...], Mapping[str, Score]] = field(default_factory=dict)

    def score(self, version: Manifest, cases: Sequence[Case], *, name: str) -> ScoredReplies:
        """The version's replies and scores. It is called `name` where progress is shown.

        A case stands for other wordings of its question, so the version is asked as if nobody had confirmed an answer
        to this very one. Scores of a version that was scored in an earlier cycle come from the cache. A question that
        documents for some people answer is asked by somebody whom they are for, since others may have another answer to
        it; all others are asked by whoever sees everything.
        """
        values: dict[str, Mapping[str, Score]] = {}
        replies: dict[str, Reply] = {}
        for groups in dict.fromkeys(map(self._asker_of, cases)):
            some = [case for case in cases if self._asker_of(case) == groups]
            found = self._score(version, some, groups, name)
            values |= found.card.values
            replies |= found.replies
        return ScoredReplies(card=Scorecard(cases=tuple(cases), values=values), replies=replies)

    def _asker_of(self, case: Case) -> Groups:
        needed = shared(self.readers.get(document, ()) for document in case.relevant_documents)
        return None if needed in ((), (NOBODY,)) else frozenset(needed)

    def _score(self, version: Manifest, cases: Sequence[Case], groups: Groups, name: str) -> ScoredReplies:
        replies = scorecard.answer_all(
            cases,
            self.asker(version, [case.question for case in cases], as_new=True, groups=groups),
            lambda done, total: self.steps(f"answering with the {name}", done, total),
        )
        card = score_cache.scored(
            cases,
            version=version.version_id,
            settings=self._settings(version) | ({} if groups is None else {"groups": [*sorted(groups)]}),
            references=self.references,
            cache=self.services.cache,
            score=lambda new: self._scored(new, replies, name),
        )
        self.scores.update(
            (_key(case, replies[case.case_id]), card.values[case.case_id])
            for case in cases
            if None not in card.values[case.case_id].values()
        )
        return ScoredReplies(card=card, replies=replies)

    def replay(self, version: Manifest, interactions: Sequence[Interaction]) -> dict[InteractionId, Reply]:
        """What the version replies to real questions."""
        ask = self.asker(version, [interaction.query for interaction in interactions], as_new=False)
        return {interaction.interaction_id: ask(interaction.query) for interaction in interactions}

    def asker(
        self, version: Manifest, questions: Sequence[str] = (), *, as_new: bool, groups: Groups = None
    ) -> Callable[[str], Reply]:
        """What a version replies to a question of somebody in these groups; `as_new`: as if nobody had confirmed an
        answer to it. The `questions` that will come, in this order, are looked up AHEAD at a time, as much is quicker
        done for many at once. The same passages for the same question give the same answer, so it is made once.
        """
        services = self.services
        searcher = services.open(version)
        searcher = searcher.seen_by(groups if searcher.grouped else None)
        encoder = searcher.encoder
        coming = list(dict.fromkeys(questions))
        found: dict[str, tuple[Passage, ...]] = {}

        def look_up(question: str) -> None:
            start = coming.index(question) if question in coming else len(coming)
            due = coming[start : start + AHEAD] or [question]
            self._encode(encoder, due)
            for text in due:
                vector = self.vectors[encoder, text]
                found[text] = rank(text, vector, searcher=searcher, without=is_confirmed if as_new else None).passages
            shown = {text: found[text][: searcher.shown] for text in due}
            new = [seen for text, seen in shown.items() if _asked(text, seen, searched(text)) not in self.drafts]
            services.generator.prepare(new)

        def searched(question: str) -> Searched:
            return Searched(ranking=found[question], refusal=searcher.learned.refusal)

        def ask(question: str) -> Reply:
            if question not in found:
                look_up(question)
            passages = found[question]
            seen = passages[: searcher.shown]
            key = _asked(question, seen, searched(question))
            if key not in self.drafts:
                pieces = services.generator.answer(question, seen, searched=searched(question))
                self.drafts[key] = next(piece for piece in pieces if isinstance(piece, Draft))
            return Reply(passages=passages, shown=searcher.shown, draft=self.drafts[key])

        return ask

    def _encode(self, encoder: Encoder, questions: Sequence[str]) -> None:
        new = [question for question in dict.fromkeys(questions) if (encoder, question) not in self.vectors]
        if new:
            self.vectors.update(
                zip([(encoder, question) for question in new], encoder.encode_queries(new), strict=True)
            )

    def _scored(self, cases: Sequence[Case], replies: Mapping[str, Reply], name: str) -> Scorecard:
        keys = {case.case_id: _key(case, replies[case.case_id]) for case in cases}
        new = scorecard.scorecard(
            [case for case in cases if keys[case.case_id] not in self.scores],
            replies,
            references=self.references,
            encoder=self.services.encoders(self.services.config.embedder),
            judge=self.judge,
            on_step=lambda done, total: self.steps(f"scoring the {name}", done, total),
        )
        known = {name: self.scores[key] for name, key in keys.items() if key in self.scores}
        return Scorecard(cases=tuple(cases), values={**known, **new.values})

    def _settings(self, version: Manifest) -> dict[str, Json]:
        """What a version's scores depend on besides its content."""
        config = self.services.config
        return {
            "generator": config.generator.model_dump(mode="json"),
            "embedder": config.embedder.model_dump(mode="json"),
            "judge": [config.judge.model, config.judge.url],
            "learned": _LEARNED.dump_python(version.learned, mode="json"),
        }


def _asked(question: str, seen: Sequence[Passage], searched: Searched) -> tuple[object, ...]:
    """Equal where the generator is asked the same."""
    behind = ((passage.chunk.chunk_id, passage.scores) for passage in searched.ranking)
    return (question, searched.refusal, *((passage.chunk.chunk_id, passage.chunk.text) for passage in seen), *behind)


def _key(case: Case, reply: Reply) -> tuple[object, ...]:
    """Equal for replies that have the same scores for the case."""
    judged = judgements(case)  # which are at other places in another version
    return (case.case_id, *judged, reply.shown, reply.draft, *(passage.chunk for passage in reply.passages))
