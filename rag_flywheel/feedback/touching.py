"""What a correction would touch if it went live: a dry run on the live version, before anybody accepts it."""

import hashlib
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag_flywheel.domain import Chunk, ChunkId, Passage, Provenance, ReviewedCorrection, VersionId
from rag_flywheel.domain.equivalence import near_index, near_texts, normalised
from rag_flywheel.ports import Encoder, Vectors
from rag_flywheel.search.dry_run import propose, without_and_with
from rag_flywheel.search.retrieval import Ranking
from rag_flywheel.search.versions import Searcher

LOOKED_THROUGH = 500
"""Other questions that the nearest ones are looked for among: the newest ones that differ."""
NEAREST = 20
"""Questions that are asked with the correction and without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A question near the corrected one, and the passage that stands first for it."""

    question: str
    cosine: float  # of the two questions
    wording: bool  # whether it has nearly the same words, so that the correction is meant for it too
    before: Passage | None
    after: Passage | None

    @property
    def changed(self) -> bool:
        """Whether another passage would stand first."""
        return _first(self.before) != _first(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What would change in the live version."""

    version: VersionId
    place: int | None  # the correction's rank for its own question; None where it would not be found
    threshold: float | None  # how well a known question must fit; None where the version has not learned it
    fit: float | None  # how well the correction fits its own question
    before: Passage | None  # what stands first for its question without it
    questions: tuple[Near, ...]  # the nearest first

    @property
    def changed(self) -> int:
        """Questions that it is not meant for, and that would be shown something else first."""
        return sum(near.changed and not near.wording for near in self.questions)


def touched(
    reviewed: ReviewedCorrection,
    others: Iterable[str],
    *,
    searcher: Searcher,
    vectors: MutableMapping[bytes, Vectors],
) -> Touched:
    """Ask the version the correction's question and those of the `others` that are nearest to it, with it and without.

    `vectors` are of questions that were encoded before, and get those that are encoded now. Raises NotFound when the
    version is gone, IndexUnavailable.
    """
    question = reviewed.correction.question
    proposed = propose(_chunk(reviewed), searcher.encoder)
    without, held = without_and_with(question, proposed, searcher=searcher)
    own = [fitting for fitting in (*held.admitted, *held.kept_out) if _is(fitting.candidate.chunk, reviewed)]
    admission = searcher.learned.admission
    near = _nearest(question, others, encoder=searcher.encoder, vectors=vectors)
    index = near_index({normalised(text) for text in (question, *(text for text, _ in near))})
    wordings = set(near_texts(normalised(question), index))
    asked = [(text, cosine, without_and_with(text, proposed, searcher=searcher)) for text, cosine in near]
    return Touched(
        version=searcher.version,
        place=next((passage.rank for passage in held.passages if _is(passage.chunk, reviewed)), None),
        threshold=None if admission is None else admission.threshold,
        fit=own[0].fit if own else None,
        before=_top(without),
        questions=tuple(
            Near(
                question=text,
                cosine=cosine,
                wording=normalised(text) in wordings,
                before=_top(before),
                after=_top(after),
            )
            for text, cosine, (before, after) in asked
        ),
    )


def _nearest(
    question: str, others: Iterable[str], *, encoder: Encoder, vectors: MutableMapping[bytes, Vectors]
) -> list[tuple[str, float]]:
    own, different = normalised(question), dict[str, str]()
    for text in others:  # no more are read than are looked through
        if text.strip() and normalised(text) != own:
            different.setdefault(normalised(text), text)
        if len(different) == LOOKED_THROUGH:
            break
    texts = list(different.values())
    if not texts:
        return []
    cosines = _encoded(texts, encoder, vectors) @ encoder.encode_queries([question])[0]
    return [(texts[at], float(cosines[at])) for at in np.argsort(-cosines, kind="stable")[:NEAREST]]


def _encoded(texts: Sequence[str], encoder: Encoder, vectors: MutableMapping[bytes, Vectors]) -> Vectors:
    """By digests, so that what somebody asked is in no memory for longer than it takes."""
    keys = [hashlib.sha256(f"{encoder.name}\0{text}".encode(errors="surrogatepass")).digest() for text in texts]
    known = {key: vectors[key] for key in keys if key in vectors}
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if new:
        known |= dict(zip(new, encoder.encode_queries(list(new.values())), strict=True))
        vectors.update({key: known[key] for key in new})
    return np.stack([known[key] for key in keys])


def _chunk(reviewed: ReviewedCorrection) -> Chunk:
    """As one piece, however long it is."""
    correction = reviewed.correction
    return Chunk(
        chunk_id=ChunkId(f"{correction.document_id}#dry"),
        document_id=correction.document_id,
        title=correction.question,
        headings=(),
        text=reviewed.answer,
        start=0,
        end=len(reviewed.answer),
        source="correction",
        question=correction.question,
        groups=correction.groups or (),
        provenance=Provenance(
            correction_id=correction.correction_id,
            interaction_id=correction.interaction_id,
            feedback_ids=(),
            reviewer="",
            reviewed=correction.submitted,
            supersedes=correction.supersedes,
            holders=correction.evidence,
        ),
    )


def _is(piece: Chunk, reviewed: ReviewedCorrection) -> bool:
    return piece.document_id == reviewed.correction.document_id


def _top(ranking: Ranking) -> Passage | None:
    return ranking.passages[0] if ranking.passages else None


def _first(passage: Passage | None) -> ChunkId | None:
    return None if passage is None else passage.chunk.chunk_id
