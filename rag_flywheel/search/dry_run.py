"""What a version would find if it held a correction besides, without building one that does."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_flywheel.domain import Candidate, Chunk, CorrectionId, Evidence, Scores
from rag_flywheel.ports import Encoder, Entry
from rag_flywheel.search.languages import likely
from rag_flywheel.search.retrieval import Ranking, ranked, search
from rag_flywheel.search.versions import Searcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A correction as a version would hold it."""

    entry: Entry
    of: CorrectionId
    hidden: tuple[Evidence, ...]  # what it makes untrue: passages there are not found with it


def propose(piece: Chunk, encoder: Encoder) -> Proposed:
    """The vectors are made as a build makes them. Raises ValueError for what is no correction."""
    if piece.question is None or piece.provenance is None:
        raise ValueError(f"chunk {piece.chunk_id} is no correction's")
    [vector], [tokens] = encoder.encode_documents_by_token([f"{piece.question}\n{piece.text}"])
    [question] = encoder.encode_queries([piece.question])
    return Proposed(
        entry=Entry(chunk=piece, vector=vector, question_vector=question, tokens=tokens),
        of=piece.provenance.correction_id,
        hidden=piece.provenance.supersedes,
    )


def without_and_with(query: str, proposed: Proposed, *, searcher: Searcher) -> tuple[Ranking, Ranking]:
    """The version's ranking for a query as if it did not hold the correction, and as if it did.

    It goes by what the version has learned; one that is built with the correction learns anew. Raises NotFound when the
    version is gone, IndexUnavailable.
    """
    [vector] = searcher.encoder.encode_queries([query])
    found = [
        candidate
        for candidate in search(query, vector, searcher=searcher)
        if candidate.chunk.provenance is None or candidate.chunk.provenance.correction_id != proposed.of
    ]
    kept = [candidate for candidate in found if not _hidden(candidate.chunk, proposed.hidden)]
    extra = Candidate(chunk=proposed.entry.chunk, scores=_scores(query, proposed.entry, searcher))
    return ranked(query, found, searcher=searcher), ranked(query, [*kept, extra], searcher=searcher)


def _hidden(piece: Chunk, spans: Sequence[Evidence]) -> bool:
    return any(piece.span.overlaps(span) for span in spans)


def _scores(query: str, entry: Entry, searcher: Searcher) -> Scores:
    """As the index gives them to a known question."""
    encoder, asked = searcher.encoder, entry.chunk.question
    assert asked is not None
    assert entry.question_vector is not None
    [vector], [tokens] = encoder.encode_queries_by_token([query])
    late = None
    if entry.tokens is not None and len(entry.tokens) and len(tokens):
        late = float((tokens @ entry.tokens.T).max(axis=1).mean())
    return Scores(
        question=float(entry.question_vector @ vector),
        answer=float(entry.vector @ vector),
        tokens=late,
        words=searcher.index.shared_terms(query, asked, languages=likely(query, searcher.languages)),
    )
