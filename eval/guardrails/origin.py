"""Whether a version holds what was built, where it comes from, and what must not be among it any more."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random

from eval.guardrails.checks import Check, Invariant, check, named
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Chunk,
    CorrectionId,
    CorrectionState,
    DocumentId,
    Evidence,
    InteractionId,
    Manifest,
    ReviewedCorrection,
    VersionId,
)
from rag_flywheel.ports import Encoder, PassageIndex
from rag_flywheel.search.texts import searched_text

SAMPLE = 100  # passages
NEAREST = 3  # places among which a passage has to be found
MISSED = 0.1  # share; mixed up vectors miss nearly all


def stored(chunks: Sequence[Chunk], held: Iterable[Chunk]) -> Check:
    """The index holds every chunk as it was built, and no other: `held` is what was read back from it."""
    differing = set(chunks).symmetric_difference(held)
    documents = sorted({chunk.document_id for chunk in differing})
    return check(
        Invariant.STORED,
        f"passages that the index lacks or has otherwise, of {len(chunks)}",
        value=len(differing),
        limit=0,
        documents=documents,
        breach=f"The index does not hold what was built: passages of {named(documents)} are missing in it, or not what "
        "they were. See whether its disk or server is in order, then run `rag-flywheel reindex --force`.",
    )


def by_own_vector(
    index: PassageIndex, version: VersionId, encoder: Encoder, *, titles: bool
) -> Callable[[Chunk], list[Chunk]]:
    """What the index finds in a version by the vector that a passage should have, best first; `titles` as in
    `searched_text`.
    """

    def find(chunk: Chunk) -> list[Chunk]:
        [vector] = encoder.encode_documents([searched_text(chunk, titles=titles)])
        found = index.search(version, text="", vector=vector, limit=NEAREST, groups=None)
        return [candidate.chunk for candidate in found if candidate.scores.dense is not None]

    return find


def findable(chunks: Sequence[Chunk], find: Callable[[Chunk], Sequence[Chunk]], *, seed: int) -> Check:
    """The index finds passages by their own vectors: of SAMPLE drawn ones at most the share MISSED is not found.

    Whoever mixes vectors up, or embeds passages and queries by two models, breaks this. Where passages have the same
    text, any of them will do. Approximate search may miss a few.
    """
    passages = sorted((chunk for chunk in chunks if not chunk.by_question), key=lambda chunk: chunk.chunk_id)
    drawn = Random(seed).sample(passages, min(SAMPLE, len(passages)))
    missed = [chunk.document_id for chunk in drawn if all(other.text != chunk.text for other in find(chunk))]
    return check(
        Invariant.FINDABLE,
        f"share of {len(drawn)} drawn passages that a search for their own vector does not find",
        value=len(missed) / len(drawn) if drawn else None,
        limit=MISSED,
        documents=missed,
        breach=f"{len(missed)} of {len(drawn)} drawn passages are not found by their own vectors, such as of "
        f"{named(missed)}: the index holds other vectors than the version's embedder gives. See whether embedder.model "
        "names what it did, then delete cache.db and run `rag-flywheel reindex --force`.",
    )


def provenance(chunks: Sequence[Chunk], *, manifest: Manifest, reviewed: Sequence[ReviewedCorrection]) -> Check:
    """Every chunk traces to a source file or to an accepted correction with a reviewer, and is found by no question but
    that correction's own or one whose answer was confirmed.
    """
    accepted = {
        entry.correction.correction_id
        for entry in reviewed
        if entry.verdict_state is CorrectionState.ACCEPTED
        and entry.review is not None
        and entry.review.reviewer.strip()
    }
    confirmed = set(manifest.confirmed)
    strays = [
        chunk.document_id
        for chunk in chunks
        if not (_traces(chunk, manifest.sources, accepted) and _is_known(chunk, confirmed))
    ]
    return check(
        Invariant.PROVENANCE,
        f"passages without an origin among {len(chunks)}",
        value=len(strays),
        limit=0,
        documents=strays,
        breach=f"Passages of {named(strays)} trace neither to a file of the manifest nor to an accepted correction "
        "with a reviewer, or are found by a question of which the manifest names no confirmed answer. See where these "
        "come from.",
    )


def _traces(chunk: Chunk, sources: Mapping[str, str], accepted: set[CorrectionId]) -> bool:
    if chunk.provenance is None:
        return chunk.source in sources and not chunk.document_id.startswith(CORRECTION_PREFIX)
    correction_id = chunk.provenance.correction_id
    return correction_id in accepted and chunk.document_id == f"{CORRECTION_PREFIX}{correction_id}"


def _is_known(chunk: Chunk, confirmed: set[InteractionId]) -> bool:
    if chunk.confirmed is None:
        return chunk.question is None or chunk.is_correction
    return chunk.confirmed in confirmed


def erased(
    chunks: Sequence[Chunk], *, reviewed: Sequence[ReviewedCorrection], interactions: AbstractSet[InteractionId]
) -> Check:
    """No correction and no confirmed question is left whose record is gone from the ledger.

    `reviewed` and `interactions` are what the ledger holds now, read after the build: someone may have been erased
    since it began.
    """
    held = {entry.correction.correction_id for entry in reviewed}
    personal = [chunk for chunk in chunks if chunk.provenance is not None or chunk.confirmed is not None]
    left = [
        chunk.document_id
        for chunk in personal
        if (chunk.provenance is not None and chunk.provenance.correction_id not in held)
        or (chunk.confirmed is not None and chunk.confirmed not in interactions)
    ]
    return check(
        Invariant.ERASED,
        f"passages of erased people among {len(personal)} that people made",
        value=len(left),
        limit=0,
        documents=left,
        breach=f"Passages of {named(left)} come from corrections or confirmed answers that the ledger does not hold: "
        "their authors were erased. Run `rag-flywheel reindex` again, which builds without them.",
    )


def superseded(
    chunks: Sequence[Chunk],
    *,
    hidden: Sequence[Evidence],
    originals: Mapping[DocumentId, str],
    replaced: Iterable[CorrectionId],
) -> Check:
    """No chunk shows text of a superseded span, and no correction is left that a newer one replaced.

    `originals` are the whole texts of the documents that the `hidden` spans lie in. With its original, a chunk must
    hold exactly the characters of its span that are not hidden, white space aside. Without, it must at least be as much
    shorter than its span as is hidden of it.
    """
    older = set(replaced)
    by_document: dict[DocumentId, list[Evidence]] = {}
    for span in hidden:
        by_document.setdefault(span.document_id, []).append(span)
    wrong = [
        chunk.document_id
        for chunk in chunks
        if (chunk.provenance is not None and chunk.provenance.correction_id in older)
        or _shows(chunk, by_document.get(chunk.document_id, ()), originals.get(chunk.document_id))
    ]
    return check(
        Invariant.SUPERSEDED,
        f"passages that show one of {len(hidden) + len(older)} superseded texts",
        value=len(wrong),
        limit=0,
        documents=wrong,
        breach=f"Passages of {named(wrong)} show text that a correction has superseded, or are a correction that a "
        "newer one replaced. Build the version again with `rag-flywheel reindex --force`; if it stays, the build is at "
        "fault.",
    )


def _shows(chunk: Chunk, spans: Sequence[Evidence], original: str | None) -> bool:
    if any(span.overlaps(repeated) for span in spans for repeated in chunk.repeated):
        return True
    cuts = [span for span in spans if span.overlaps(chunk.span)]
    if not cuts:
        return False
    shown = [place for place in range(chunk.start, chunk.end) if not any(cut.start <= place < cut.end for cut in cuts)]
    if original is None:
        return len(chunk.own) > len(shown) + len(cuts)  # each cut may leave one space
    return _solid(chunk.own) != _solid("".join(original[place] for place in shown if place < len(original)))


def _solid(text: str) -> str:
    return "".join(text.split())
