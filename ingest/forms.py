"""What is left of chunks where corrections supersede parts of them: for all people, or for those who read these alone.

A correction for few hides what it replaces from these few. The others go on reading it, and nothing tells them that
there is another word on it; so a chunk comes in several forms, and everybody finds one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.chunking import hide
from rag_flywheel.domain import NOBODY, OPERATORS, Chunk, ChunkId, DocumentId, Evidence
from rag_flywheel.domain.groups import covers

Hiding = tuple[Evidence, tuple[str, ...]]
"""A span, and the groups from whom it is hidden; none: from all people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """The chunks as operators find them, with all hidden that is superseded for anybody; and as others do."""

    chunks: tuple[Chunk, ...]
    others: tuple[Chunk, ...]


def forms(whole: Sequence[Chunk], hiding: Sequence[Hiding], minimum_words: int) -> Forms:
    """The forms of whole chunks. One with fewer than `minimum_words` words left is dropped, as `hide` does.

    Where corrections for several groups replace parts of one chunk, who may read two of them finds no form of it, but
    the corrections: forms for all sets of groups would be too many.
    """
    by_document: dict[DocumentId, list[Hiding]] = defaultdict(list)
    for span, groups in hiding:
        by_document[span.document_id].append((span, groups))
    chunks: list[Chunk] = []
    others: list[Chunk] = []
    for piece in whole:
        cuts = [
            (span, groups)
            for span, groups in by_document.get(piece.document_id, ())
            if any(span.overlaps(own) for own in (piece.span, *piece.repeated))
        ]
        for_all = [span for span, groups in cuts if covers(groups, piece.groups)]
        for_some: dict[tuple[str, ...], list[Evidence]] = defaultdict(list)
        for span, groups in cuts:
            if not covers(groups, piece.groups):
                for_some[groups].append(span)
        every = [span for span, _ in cuts]
        chunks += [
            replace(cut, only=_only(for_some)) if for_some else cut for cut in hide([piece], every, minimum_words)
        ]
        if for_some:
            some = {name for groups in for_some for name in groups}
            found = [_form(piece, for_all, (), some)]
            for groups in sorted(for_some) if len(for_some) > 1 else ():
                theirs = [span for other in for_some if covers(other, groups) for span in for_some[other]]
                apart = {name for other in for_some if not covers(other, groups) for name in other}
                found.append(_form(piece, [*for_all, *theirs], groups, apart))
            for number, (form, spans) in enumerate(found):
                named = replace(form, chunk_id=ChunkId(f"{piece.chunk_id}!{number}"))
                others += hide([named], spans, minimum_words)
    return Forms(chunks=tuple(chunks), others=tuple(others))


def _only(for_some: dict[tuple[str, ...], list[Evidence]]) -> tuple[str, ...]:
    """Who finds the form with all hidden: those of the one correction, else operators alone."""
    return next(iter(for_some)) if len(for_some) == 1 else (NOBODY,)


def _form(piece: Chunk, spans: list[Evidence], only: tuple[str, ...], apart: set[str]) -> tuple[Chunk, list[Evidence]]:
    return replace(piece, only=only, unless=(OPERATORS, *sorted(apart))), spans
