"""What people named, at the places where it stands in tonight's documents."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from eval.questions.golden import Case
from ingest.anchors import Trail, copies, follow, still_superseded
from ingest.build import Corpus
from ingest.quotes import same_statement
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Citation,
    CorrectionId,
    CorrectionState,
    Document,
    DocumentId,
    Evidence,
    Fate,
    Followed,
    Interaction,
    InteractionId,
    Quote,
    ReviewedCorrection,
    supersession,
)
from rag_flywheel.domain.documents import QUOTED, text_digest
from rag_flywheel.golden_set.past import Past
from rag_flywheel.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What people named, as the ledger and the golden set keep it."""

    reviewed: Sequence[ReviewedCorrection]
    judged: Sequence[Case]
    confirmed: Sequence[Interaction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """The same, at tonight's places. What is stale is left out of corrections, and of cases with other evidence."""

    reviewed: tuple[ReviewedCorrection, ...]  # the accepted ones supersede what is to be hidden
    judged: tuple[Case, ...]
    confirmed: tuple[Interaction, ...]
    leading: tuple[Interaction, ...]  # the confirmed ones whose first citation still says the same
    followed: tuple[Followed, ...]  # what does not stand where it was named
    renamed: Mapping[DocumentId, DocumentId]  # judged documents that are gone, and what they became
    lost: frozenset[str]  # cases of which nothing that answers them was found
    before: Mapping[Evidence, Evidence]  # tonight's places -> those in the live version, where they differ
    documents_before: Mapping[DocumentId, DocumentId]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchor:
    """One span that somebody named."""

    of: str
    superseded: bool
    was: Evidence
    asked: InteractionId | None = None  # what the person saw it in, where that tells the version
    instead: str = ""  # what is said in the place of a superseded one


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What became of it."""

    now: tuple[Evidence, ...]
    hidden: tuple[Evidence, ...]  # of a superseded one
    fate: Fate
    live: Evidence  # where the live version has it


def anchored(named: Named, corpus: Corpus, digests: Mapping[str, str], services: Services) -> Anchored:
    """Find every span again that an accepted correction, a golden case or a confirmed answer names.

    `digests` are those of the files that the corpus was read from. A span starts from where the live version has it.
    One without a quote, as older releases kept them, gets it from the version that it was named for where that is kept,
    else from the live one.
    """
    past = Past(services, corpus, digests)
    held = {document.document_id: document for document in corpus.documents}
    anchors = list(dict.fromkeys(_anchors(named)))
    places = [(anchor, place) for anchor in anchors for place in _places(anchor, past)]
    names = {name for case in named.judged for name in case.documents if name not in held}
    judged = {name: past.renamed.get(name, name) for name in names}
    trails = follow(
        [replace(place, document_id=past.same.get(place.document_id, place.document_id)) for _, place in places],
        corpus.documents,
        named=[name for name in judged.values() if name not in past.same],
        arrivals=past.arrivals,
    )
    by_anchor: dict[_Anchor, list[tuple[Evidence, Trail]]] = defaultdict(list)
    for (anchor, place), trail in zip(places, trails.of, strict=True):
        by_anchor[anchor].append((place, trail))
    known = held.keys() | trails.renamed.keys() | past.same.keys()
    equal = _by_digest(corpus.documents) if any(anchor.superseded for anchor in anchors) else {}
    found = {
        anchor: _superseded(anchor, some, held, equal, known) if anchor.superseded else _evidence(some[0])
        for anchor, some in by_anchor.items()
    }
    became = {name: trails.renamed.get(now, now) for name, now in judged.items()}
    renamed = {name: now for name, now in became.items() if now != name and now in held}
    return _placed(named, found, renamed, past)


def _anchors(named: Named) -> Iterator[_Anchor]:
    for entry in named.reviewed:
        made, of = entry.correction, str(entry.correction.document_id)
        if entry.verdict_state is CorrectionState.ACCEPTED:
            for span in _of_sources(made.evidence):
                yield _Anchor(of=of, superseded=False, was=span, asked=made.interaction_id)
            for span in _of_sources(made.supersedes):
                yield _Anchor(of=of, superseded=True, was=span, asked=made.interaction_id, instead=entry.answer)
    for case in named.judged:
        yield from (_Anchor(of=case.case_id, superseded=False, was=span) for span in _of_sources(case.evidence))
    for interaction in named.confirmed:
        spans = _of_sources(map(cited_span, interaction.citations))
        yield from (_Anchor(of=_confirmed(interaction), superseded=False, was=span) for span in spans)


def _places(anchor: _Anchor, past: Past) -> list[Evidence]:
    """Where the live version has it: in its document, and a superseded one in equal copies of this too."""
    record = past.record(anchor.of, anchor.was, superseded=anchor.superseded)
    places = record.now if record is not None and record.now else (anchor.was,)
    quote = anchor.was.quote or past.quote(anchor.was, record, anchor.asked)
    return [replace(place, quote=quote) for place in (places if anchor.superseded else places[:1])]


def _evidence(found: tuple[Evidence, Trail]) -> _Found:
    place, trail = found
    now = () if trail.span is None else (trail.span.place,)
    return _Found(now=now, hidden=(), fate=trail.fate, live=place)


def _superseded(
    anchor: _Anchor,
    some: Sequence[tuple[Evidence, Trail]],
    held: Mapping[DocumentId, Document],
    equal: Mapping[str, Sequence[Document]],
    known: Set[DocumentId],
) -> _Found:
    """What is to be hidden: where it stands, and where it stands in documents that are equal to that one."""
    now: dict[Evidence, Fate] = {}
    hidden: dict[Evidence, None] = {}
    for _, trail in some:
        if trail.span is not None:
            text = held[trail.span.document_id].text
            for span in (trail.span, *copies(trail.span, equal, text)):
                own = held[span.document_id].text
                parts = still_superseded(replace(trail, span=span), own, said_instead=anchor.instead)
                now |= {span.place: trail.fate} if parts else {}
                hidden |= dict.fromkeys(part.place for part in parts)
    first = some[0][0]
    gone = Fate.FULFILLED if any(place.document_id in known for place, _ in some) else Fate.STALE
    fate = min(now.values(), key=[*Fate].index, default=gone)
    return _Found(now=tuple(now), hidden=tuple(hidden), fate=fate, live=first)


# --- at their places --------------------------------------------------------------------------------------------------

Found = Mapping[tuple[str, bool, Evidence], _Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replaced:
    """What the standing corrections took the place of."""

    named: Mapping[DocumentId, Sequence[tuple[Evidence, DocumentId]]]  # spans as they were named, with the correction
    hidden: Mapping[DocumentId, Sequence[Evidence]]  # tonight
    whole: Mapping[DocumentId, frozenset[DocumentId]]  # documents of which nothing is left, with the corrections


def _placed(
    named: Named, anchors: Mapping[_Anchor, _Found], became: Mapping[DocumentId, DocumentId], past: Past
) -> Anchored:
    found = {(anchor.of, anchor.superseded, anchor.was): of for anchor, of in anchors.items()}
    replaced = _replaced(named.reviewed, anchors, past)
    judged = [_case(case, found, became, replaced) for case in named.judged]
    confirmed = [_interaction(interaction, found, past) for interaction in named.confirmed]
    return Anchored(
        reviewed=tuple(_correction(entry, found, replaced.hidden) for entry in named.reviewed),
        judged=tuple(case for case, _ in judged),
        confirmed=tuple(interaction for interaction, _ in confirmed),
        leading=tuple(interaction for interaction, there in confirmed if there[:1] == [Fate.SAME]),
        followed=tuple(
            Followed(
                of=anchor.of,
                superseded=anchor.superseded,
                was=anchor.was.place,
                now=of.now,
                fate=Fate.MOVED if of.fate is Fate.SAME else of.fate,
            )
            for anchor, of in anchors.items()
            if of.now != (anchor.was,) or of.fate is not Fate.SAME
        ),
        renamed=became,
        lost=frozenset(
            {case.case_id for case, there in judged if not there}
            | {_confirmed(interaction) for interaction, there in confirmed if {*there} == {Fate.STALE}}
        ),
        before={of.now[0]: of.live.place for of in anchors.values() if of.now and of.now[0] != of.live},
        documents_before={now: past.renamed.get(name, name) for name, now in became.items()},
    )


def _replaced(reviewed: Sequence[ReviewedCorrection], anchors: Mapping[_Anchor, _Found], past: Past) -> _Replaced:
    successors = supersession.replaced(reviewed)
    named: dict[DocumentId, list[tuple[Evidence, DocumentId]]] = defaultdict(list)
    hidden: dict[DocumentId, list[Evidence]] = defaultdict(list)
    by: dict[DocumentId, set[DocumentId]] = defaultdict(set)
    for anchor, of in anchors.items():
        if not anchor.superseded:
            continue
        name = CorrectionId(anchor.of.removeprefix(CORRECTION_PREFIX))
        while name in successors:
            name = successors[name]
        standing = DocumentId(f"{CORRECTION_PREFIX}{name}")
        named[anchor.was.document_id].append((anchor.was, standing))
        for span in of.hidden:
            hidden[span.document_id].append(span)
            by[span.document_id].add(standing)
    return _Replaced(
        named=named,
        hidden=hidden,
        whole={name: frozenset(by[name]) for name, spans in hidden.items() if not past.is_shown_without(name, spans)},
    )


def _case(case: Case, found: Found, became: Mapping[DocumentId, DocumentId], replaced: _Replaced) -> tuple[Case, bool]:
    """The case at its places, and whether anything that answers it was found. What a correction took the place of, the
    correction answers: also where the old text is gone, or is all that a judged document said.
    """
    evidence, documents = [], {became.get(name, name) for name in case.documents}
    documents |= {name for judged in list(documents) for name in replaced.whole.get(judged, ())}
    for span in case.evidence:
        of = found.get((case.case_id, False, span))
        if of is None:
            evidence.append(span)
        elif of.now:
            evidence += of.now
        else:
            rivals = replaced.named.get(span.document_id, ())
            documents |= {by for other, by in rivals if span.overlaps(other) or _is_said_in(span, other)}
    if case.answerable and not (evidence or documents):
        return case, False
    return replace(case, evidence=tuple(evidence), documents=frozenset(documents)), True


def _is_said_in(span: Evidence, other: Evidence) -> bool:
    return (
        span.quote is not None
        and other.quote is not None
        and (span.quote.exact in other.quote.exact or other.quote.exact in span.quote.exact)
    )


def _correction(
    entry: ReviewedCorrection, found: Found, hidden: Mapping[DocumentId, Sequence[Evidence]]
) -> ReviewedCorrection:
    """The accepted correction at its places. What is superseded is no evidence any more."""
    made, of = entry.correction, str(entry.correction.document_id)
    if entry.verdict_state is not CorrectionState.ACCEPTED:
        return entry

    def placed(spans: Sequence[Evidence], *, superseded: bool) -> Iterator[Evidence]:
        for span in spans:
            became = found.get((of, superseded, span))
            yield from (span,) if became is None else became.hidden if superseded else became.now

    supersedes = tuple(placed(made.supersedes, superseded=True))
    evidence = tuple(
        span
        for span in placed(made.evidence, superseded=False)
        if not any(span.overlaps(own) for own in supersedes)
        and not any(cut.start <= span.start and span.end <= cut.end for cut in hidden.get(span.document_id, ()))
    )
    return replace(entry, correction=replace(made, evidence=evidence, supersedes=supersedes))


def _interaction(interaction: Interaction, found: Found, past: Past) -> tuple[Interaction, list[Fate]]:
    """The confirmed answer with its citations at their places, and for each whether it is the same there still: where
    it says something else now, it is where the answer stands, but not what was confirmed.
    """
    citations, fates = [], []
    for cited in interaction.citations:
        of = found.get((_confirmed(interaction), False, cited_span(cited)))
        fate = Fate.SAME if of is None or of.now else Fate.STALE
        if of is not None and of.now and of.fate is not Fate.SAME:
            [now] = of.now
            text = past.text(now)
            said = of.fate is Fate.MOVED or same_statement(cited.text, text, said_instead="")
            fate = Fate.SAME if said else Fate.EDITED
            cited = replace(cited, document_id=now.document_id, start=now.start, end=now.end, text=text)
        fates.append(fate)
        citations.append(cited)
    return replace(interaction, citations=tuple(citations)), fates


def cited_span(cited: Citation) -> Evidence:
    """The span of a citation, with the words that it showed for its quote."""
    quote = None
    if cited.text.strip():
        exact = cited.text[:QUOTED]
        quote = Quote(exact=exact, prefix="", suffix="", digest=text_digest(cited.text), document="")
    return Evidence(document_id=cited.document_id, start=cited.start, end=cited.end, quote=quote)


def _confirmed(interaction: Interaction) -> str:
    """The id of the case that is made of it."""
    return f"confirmed:{interaction.interaction_id}"


def _of_sources(spans: Iterable[Evidence]) -> Iterator[Evidence]:
    return (span for span in spans if not span.document_id.startswith(CORRECTION_PREFIX))


def _by_digest(documents: Iterable[Document]) -> dict[str, list[Document]]:
    found: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        found[text_digest(document.text)].append(document)
    return found
