"""Spans that people named, found again among tonight's documents.

First at their place, then in their document, then in the document that it became, then wherever else text came in. What
is not proven by the words around it is stale, and never jumps to a place that happens to say the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ingest.quotes import Words, exact_places, near_place, quote_shingles, shingles, still_said, words
from rag_flywheel.domain import Document, DocumentId, Evidence, Fate, Quote
from rag_flywheel.domain.documents import QUOTED, text_digest

COMMON = 256  # documents from which on a shingle tells nothing
CANDIDATES = 8  # documents that are looked at for a span
OF_A_DOCUMENT = 64  # shingles of a document that is gone
RENAMED = 0.5  # share of these that the document has which it became
TELLING = 8  # words from which a quote without context is known by itself
TELLING_HERE = 4  # the same, in its own document
READ = 16  # documents whose words are kept in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Where text can have come from and gone to since the version in which the spans stood where they are said to."""

    documents: Sequence[Document]  # those that are new, or whose file changed
    before: Mapping[DocumentId, str]  # the texts of the named documents that are gone, as they were


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """Where a span stands now, None where it is stale."""

    span: Evidence | None  # with the quote that it was found by
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Trails:
    """What became of spans."""

    of: Sequence[Trail]  # of each span, in their order
    renamed: Mapping[DocumentId, DocumentId]  # named documents that are gone, and what they became


def follow(
    spans: Sequence[Evidence],
    documents: Sequence[Document],
    *,
    named: Iterable[DocumentId] = (),
    arrivals: Callable[[frozenset[DocumentId]], Arrivals],
) -> Trails:
    """Find each span. `named` are documents that people judged as a whole, which are followed too.

    `arrivals` is asked only where something is not in its document any more, with the documents that are gone. What is
    read is linear in the texts, whatever the number of spans: they are looked up by shingles, and of each at most
    CANDIDATES documents are looked at.
    """
    held = {document.document_id: document for document in documents}
    read = lru_cache(READ)(lambda name: Words(held[name].text))
    trails: list[Trail | None] = [_in_place(span, held) for span in spans]
    # By document, so that each is read once.
    lost = sorted((at for at, trail in enumerate(trails) if trail is None), key=lambda at: spans[at].document_id)
    for at in lost:
        if spans[at].document_id in held:
            trails[at] = _in_document(spans[at], read(spans[at].document_id))
    lost = [at for at in lost if trails[at] is None]
    gone = {name for name in (*named, *(spans[at].document_id for at in lost)) if name not in held}
    if not lost and not gone:
        return Trails(of=[trail for trail in trails if trail is not None], renamed={})
    came = arrivals(frozenset(gone))
    keys = {at: quote_shingles(quote) for at in lost if (quote := spans[at].quote) is not None}
    of_documents = {name: set(shingles(text, OF_A_DOCUMENT)) for name, text in came.before.items() if name in gone}
    postings = _postings([*keys.values(), *of_documents.values()], came.documents)
    renamed = _renamed(came, of_documents, postings)
    by_digest: dict[str, list[DocumentId]] = defaultdict(list)
    for document in came.documents:
        by_digest[text_digest(document.text)].append(document.document_id)
    for at in lost:
        trails[at] = _elsewhere(spans[at], keys.get(at, set()), renamed, by_digest, (postings, read))
    return Trails(of=[trail or Trail(span=None, fate=Fate.STALE) for trail in trails], renamed=renamed)


def still_superseded(trail: Trail, text: str, *, said_instead: str) -> list[Evidence]:
    """Of the place of a superseded span, what is to be hidden: all, or the sentences that still say the same."""
    if trail.span is None or trail.fate is not Fate.EDITED or trail.span.quote is None:
        return [] if trail.span is None else [trail.span]
    quote = trail.span.quote
    offset = trail.span.start
    parts = still_said(quote, text[offset : trail.span.end], said_instead=said_instead)
    return [replace(trail.span, start=offset + start, end=offset + end) for start, end in parts]


def copies(span: Evidence, documents: Mapping[str, Sequence[Document]], text: str) -> list[Evidence]:
    """The same span in the documents whose whole text is that of its own, now or when it was named.

    `documents` are by the digest of their text, `text` is that of the span's document.
    """
    digests = {text_digest(text)} | ({span.quote.document} if span.quote is not None else set())
    equal = [document for digest in sorted(digests) for document in documents.get(digest, ())]
    found = []
    for document in equal:
        if document.document_id != span.document_id:
            there = replace(span.quoted(text), document_id=document.document_id)
            at = _in_place(there, {document.document_id: document}) or _in_document(there, Words(document.text))
            found += [at.span] if at is not None and at.span is not None else []
    return found


# --- in its own document ---------------------------------------------------------------------------------------------


def _in_place(span: Evidence, held: Mapping[DocumentId, Document]) -> Trail | None:
    document, quote = held.get(span.document_id), span.quote
    if document is None:
        return None
    if quote is None:  # nothing tells what it said: its place is all there is
        return Trail(span=span, fate=Fate.SAME) if span.end <= len(document.text) else None
    text = document.text
    there = text[span.start : span.end]
    same = there == quote.exact if len(quote.exact) < QUOTED else text_digest(there) == quote.digest
    # By chance another one of the same words may have come to stand there.
    same = same and (text.endswith(quote.prefix, 0, span.start) or text.startswith(quote.suffix, span.end))
    return Trail(span=span, fate=Fate.SAME) if same else None


def _in_document(span: Evidence, text: Words) -> Trail | None:
    """The place with the most proof, then the nearest one; else the place of nearly the same words."""
    quote = span.quote
    if quote is None:
        return None
    n = len(words(quote.exact))
    places = exact_places(quote, text)
    best = min(places, key=lambda place: (-place.proof, abs(place.start - span.start)), default=None)
    if best is not None and (best.proven or (len(places) == 1 and n >= TELLING_HERE) or _bare(quote)):
        placed = _placed(span, best.start, best.end, text.text)
        return Trail(span=placed, fate=Fate.SAME if placed == span else Fate.MOVED)
    near = near_place(quote, text)
    if near is not None and (near.proven or (n >= TELLING and not places)):
        return Trail(span=replace(span, start=near.start, end=near.end), fate=Fate.EDITED)
    return None


def _bare(quote: Quote) -> bool:
    """Whether nothing is known of what stood around it, as of the citation of an answer."""
    return not (quote.prefix or quote.suffix)


def _placed(span: Evidence, start: int, end: int, text: str) -> Evidence:
    """At a place where its words begin; all of it where it was longer than its quote and stands there whole."""
    whole = start + span.end - span.start
    quote = span.quote
    is_cut = quote is not None and len(quote.exact) >= QUOTED
    if is_cut and quote is not None and text_digest(text[start:whole]) == quote.digest:
        end = whole
    return replace(span, start=start, end=end)


# --- in another one --------------------------------------------------------------------------------------------------

Grams = set[tuple[str, ...]]
Postings = Mapping[tuple[str, ...], Sequence[DocumentId]]
Read = Callable[[DocumentId], Words]


def _postings(wanted: Iterable[Grams], documents: Iterable[Document]) -> Postings:
    """The documents that have each shingle, of those that are wanted; none of what is COMMON."""
    sought = set().union(*wanted)
    found: dict[tuple[str, ...], list[DocumentId]] = defaultdict(list)
    for document in documents if sought else ():
        told = words(document.text)
        for gram in sought & set(zip(told, told[1:], told[2:], strict=False)):
            if len(found[gram]) < COMMON:
                found[gram].append(document.document_id)
    return {gram: those for gram, those in found.items() if len(those) < COMMON}


def _candidates(grams: Grams, postings: Postings) -> list[tuple[DocumentId, int]]:
    """The documents that share most of the shingles, with how many, most first."""
    votes: dict[DocumentId, int] = defaultdict(int)
    for gram in grams:
        for name in postings.get(gram, ()):
            votes[name] += 1
    return sorted(votes.items(), key=lambda voted: (-voted[1], voted[0]))[:CANDIDATES]


def _renamed(came: Arrivals, grams: Mapping[DocumentId, Grams], postings: Postings) -> dict[DocumentId, DocumentId]:
    """What the documents that are gone became: the one of the same text, else the one that has most of it, as Git tells
    renames. Where two have the same share of it, nothing tells.
    """
    equal: dict[str, list[DocumentId]] = defaultdict(list)
    for document in came.documents:
        equal[text_digest(document.text)].append(document.document_id)
    found = {}
    for name, own in grams.items():
        same = equal.get(text_digest(came.before[name]), ())
        shared = _candidates(own, postings)
        if same:
            found[name] = _likest(name, same)
        elif shared and shared[0][1] >= RENAMED * len(own) and (len(shared) < 2 or shared[0][1] > shared[1][1]):
            found[name] = shared[0][0]
    return found


def _likest(name: DocumentId, those: Sequence[DocumentId]) -> DocumentId:
    """Of equal documents the one of the same file name, else the first."""
    last = name.rpartition("/")[2]
    return min(those, key=lambda other: (other.rpartition("/")[2] != last, other))


def _elsewhere(
    span: Evidence,
    grams: Grams,
    renamed: Mapping[DocumentId, DocumentId],
    by_digest: Mapping[str, Sequence[DocumentId]],
    reading: tuple[Postings, Read],
) -> Trail | None:
    """In the document that its own became; else where the same words, or nearly, are proven by what stands around."""
    quote, (postings, read) = span.quote, reading
    if quote is None:
        return None
    same_text = by_digest.get(quote.document, ())
    became = _likest(span.document_id, same_text) if same_text else renamed.get(span.document_id)
    if became is not None and (trail := _in_document(replace(span, document_id=became), read(became))) is not None:
        return replace(trail, fate=Fate.MOVED) if trail.fate is Fate.SAME else trail
    names = [name for name, _ in _candidates(grams, postings) if name != span.document_id]
    proven = []
    for name in names:
        places = exact_places(quote, read(name))
        alone = _bare(quote) and len(words(quote.exact)) >= TELLING
        proven += [(place.proof, name, place) for place in places if place.proven or alone]
    proven.sort(key=lambda found: -found[0])
    if proven:
        if len(proven) > 1 and proven[0][0] == proven[1][0]:
            return None  # nothing tells which
        _, name, best = proven[0]
        there = _placed(span, best.start, best.end, read(name).text)
        return Trail(span=replace(there, document_id=name), fate=Fate.MOVED)
    near = [(place, name) for name in names if (place := near_place(quote, read(name))) is not None and place.proven]
    if len(near) != 1:
        return None
    [(place, name)] = near
    return Trail(span=replace(span, document_id=name, start=place.start, end=place.end), fate=Fate.EDITED)
