"""Questions to replies to scores: one scorecard for each version, with a value for each question and metric."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from eval.questions.golden import Case, Slice, judgements, relevant, satisfied
from eval.scores import judged_metrics, metrics, ragas_metrics
from eval.scores.judge import Judge
from eval.scores.ragas_metrics import Sample, Score
from rag_flywheel.domain import Chunk, Draft, Passage
from rag_flywheel.ports import Encoder

HIT = "hit_at_1"
RECIPROCAL_RANK = "reciprocal_rank"
NDCG = "ndcg_at_10"
REFUSAL = "refusal_correct"
RANKING = (HIT, RECIPROCAL_RANK, NDCG)
METRICS = (*RANKING, REFUSAL, *ragas_metrics.JUDGE_FREE, *ragas_metrics.JUDGED)
"""Every metric, in the order in which they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one version made of a question."""

    passages: tuple[Passage, ...]  # the ranking, best first; ten or more where there are as many
    shown: int  # how many of them the generator saw
    draft: Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A metric over the questions of a slice. What failed is counted and never averaged."""

    mean: float | None  # of the scored; None where none is
    scored: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """The scores of one version: by question and metric. A metric that does not apply to a question is absent."""

    cases: tuple[Case, ...]
    values: Mapping[str, Mapping[str, Score]]  # case id -> metric -> value, None where scoring failed

    @property
    def summary(self) -> dict[Slice, dict[str, Summary]]:
        """By slice and metric, those that occur."""
        table: dict[Slice, dict[str, Summary]] = {}
        for slice in Slice:
            scored = [self.values[case.case_id] for case in self.cases if case.slice is slice]
            present = [metric for metric in METRICS if any(metric in scores for scores in scored)]
            if present:
                table[slice] = {
                    name: _summary([scores[name] for scores in scored if name in scores]) for name in present
                }
        return table


def _summary(values: Sequence[Score]) -> Summary:
    scored = [value for value in values if value is not None]
    mean = sum(scored) / len(scored) if scored else None
    return Summary(mean=mean, scored=len(scored), failed=len(values) - len(scored))


def answer_all(
    cases: Sequence[Case], ask: Callable[[str], Reply], on_step: Callable[[int, int], None]
) -> dict[str, Reply]:
    """The reply to each case's question, by case id. `on_step` gets (done, total). Raises what `ask` raises."""
    replies = {}
    for done, case in enumerate(cases, start=1):
        replies[case.case_id] = ask(case.question)
        on_step(done, len(cases))
    return replies


def reference_texts(cases: Sequence[Case], chunks: Iterable[Chunk]) -> dict[str, tuple[str, ...]]:
    """By case id, the texts of the chunks that answer it, in the order of their ids.

    Make it once, from the candidate's chunks, for the scorecards of both versions: pairs need the same references.
    """
    by_document: dict[str, list[Case]] = {}
    for case in cases:
        for document in case.relevant_documents:
            by_document.setdefault(document, []).append(case)
    found: dict[str, list[Chunk]] = {case.case_id: [] for case in cases}
    for chunk in chunks:
        replaced = () if chunk.provenance is None else chunk.provenance.supersedes
        for case in by_document.get(chunk.document_id, []):
            if relevant(case, chunk):
                found[case.case_id].append(chunk)
        for case in {case.case_id: case for old in replaced for case in by_document.get(old.document_id, [])}.values():
            if chunk.document_id not in case.relevant_documents and relevant(case, chunk):
                found[case.case_id].append(chunk)
    return {
        case_id: tuple(chunk.text for chunk in sorted(those, key=lambda chunk: chunk.chunk_id))
        for case_id, those in found.items()
    }


def scorecard(
    cases: Sequence[Case],
    replies: Mapping[str, Reply],
    *,
    references: Mapping[str, Sequence[str]],
    encoder: Encoder,
    judge: Judge | None,
    on_step: Callable[[int, int], None],
) -> Scorecard:
    """Score the replies. `references` are `reference_texts`; `on_step` gets (done, total), where a judge scores
    once more for its scores.

    Ranking metrics and `refusal_correct` are exact; the others come from RAGAS, and may fail where a judge does.
    """
    scored_on = {case.case_id: _scored_on(case, replies[case.case_id]) for case in cases}
    samples = [_sample(case, scored_on[case.case_id], references.get(case.case_id, ())) for case in cases]
    free = ragas_metrics.score(samples, encoder=encoder, on_step=on_step)
    asked: list[dict[str, Score]] = [{} for _ in samples]
    if judge is not None:
        names = ragas_metrics.JUDGED
        asked = judged_metrics.score(samples, judge=judge, encoder=encoder, names=names, on_step=on_step)
    values = {
        case.case_id: {**_exact(case, scored_on[case.case_id]), **scored, **said}
        for case, scored, said in zip(cases, free, asked, strict=True)
    }
    return Scorecard(cases=tuple(cases), values=values)


def _scored_on(case: Case, reply: Reply) -> Reply:
    """The reply, without the corrections in its ranking where the case is about the sources alone."""
    if not case.sources_only:
        return reply
    return replace(reply, passages=tuple(passage for passage in reply.passages if not passage.chunk.is_correction))


def _exact(case: Case, reply: Reply) -> dict[str, Score]:
    refusal = float(reply.draft.answered == case.answerable)
    if not case.answerable:
        return {REFUSAL: refusal}
    flags = _flags(case, reply.passages)
    total = max(len(judgements(case)), sum(flags))
    return {
        HIT: metrics.hit_at_1(flags),
        RECIPROCAL_RANK: metrics.reciprocal_rank(flags),
        NDCG: metrics.ndcg_at_10(flags, total),
        REFUSAL: refusal,
    }


def _flags(case: Case, passages: Sequence[Passage]) -> list[bool]:
    """Which results are relevant, where a passage that only repeats judgements met before is no result of its own.

    So a document that comes in five chunks counts once, as in a ranking of documents.
    """
    flags: list[bool] = []
    before: set[str] = set()
    for passage in passages:
        met = set(_met(case, passage))
        if not met or met - before:
            flags.append(bool(met))
        before |= met
    return flags


def _met(case: Case, passage: Passage) -> list[str]:
    """The judgements that the passage meets, or another one that says the same."""
    return list(dict.fromkeys(name for chunk in passage.chunks for name in satisfied(case, chunk)))


def _sample(case: Case, reply: Reply, texts: Sequence[str]) -> Sample:
    """A passage that answers goes by the ids of the judgements that it meets, any other by its chunk's id."""
    seen = reply.passages[: reply.shown]
    ids = [name for passage in seen for name in _met(case, passage) or [str(passage.chunk.chunk_id)]]
    return Sample(
        question=case.question,
        response=reply.draft.text,
        answered=reply.draft.answered,
        reference=case.answer if case.answerable else None,
        retrieved_ids=tuple(ids),
        reference_ids=tuple(judgements(case)),
        retrieved_texts=tuple(passage.chunk.text for passage in seen),
        reference_texts=tuple(texts),
    )
