"""The golden set as other tools take it: judged questions, and the passages of the live version that answer them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from eval.questions.golden import Case, relevant
from rag_flywheel.domain import (
    CORRECTION_PREFIX,
    Chunk,
    CorrectionId,
    DocumentId,
    Evidence,
    Interaction,
    InteractionId,
)
from rag_flywheel.domain.consent import Purpose
from rag_flywheel.domain.documents import text_digest
from rag_flywheel.domain.readers import Reader
from rag_flywheel.golden_set.listing import JudgedQuestion, Origin, State, overview
from rag_flywheel.privacy.consent import Agreements, agreements
from rag_flywheel.privacy.sensitive import Sensitive
from rag_flywheel.search.texts import document_texts
from rag_flywheel.services import Services

NO_CONSENT = "no consent"
"""Why a question is left out, besides the states in which none is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a question was judged to be answered by, with its words in the live version, None where they are not there.

    `name` is a document's id, or `document:start:end` of a span.
    """

    name: str
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A judged question, with all that formats hold of it."""

    judged: JudgedQuestion
    passages: tuple[str, ...]  # ids of the passages of the live version that are judged to answer it
    contexts: tuple[Context, ...]
    retrieved: tuple[str, ...] | None  # what its answer was made of, where the live version made it; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """All questions in use that the reader may read."""

    questions: tuple[Exported, ...]
    left_out: Mapping[str, int]  # by reason


def export(services: Services, passages: Sequence[Chunk], reader: Reader, sensitive: Sensitive) -> Export:
    """`passages` are those of the live version that `readable` gives.

    What is in people's own words, a corrected or a confirmed question, is there only where they agreed that versions
    are asked the same, and never said no to it since. What is sensitive of it is neither there nor counted.
    """
    texts, by_document = document_texts(passages), _by_document(passages)
    kept, left_out = _kept(overview(services, reader), services, sensitive)
    return Export(
        questions=tuple(_exported(question, by_document, texts, services) for question in kept), left_out=left_out
    )


def readable(chunks: Iterable[Chunk], reader: Reader) -> list[Chunk]:
    """The passages of a version that somebody may read, in a fixed order. A confirmed question only repeats the
    passage that answers it, and other forms of one are for some groups alone.
    """
    found = (chunk for chunk in chunks if chunk.confirmed is None and not chunk.only and chunk.is_for(reader.groups))
    return sorted(found, key=lambda chunk: (chunk.document_id, chunk.start, chunk.chunk_id))


def _by_document(chunks: Sequence[Chunk]) -> dict[DocumentId, list[Chunk]]:
    found: dict[DocumentId, list[Chunk]] = {}
    for chunk in chunks:
        found.setdefault(chunk.document_id, []).append(chunk)
    return found


def _kept(
    judged: Sequence[JudgedQuestion], services: Services, sensitive: Sensitive
) -> tuple[list[JudgedQuestion], dict[str, int]]:
    consents = agreements(services.ledger.consents(), policy=services.config.privacy.consent)
    kept: list[JudgedQuestion] = []
    left_out = Counter[str]()
    for question in judged:
        if sensitive.anything and _hidden(question, services, sensitive):
            continue
        if question.state is not State.IN_USE:
            left_out[question.state] += 1
        elif _may_be_asked(question, consents, services):
            kept.append(question)
        else:
            left_out[NO_CONSENT] += 1
    return kept, dict(left_out)


def _hidden(question: JudgedQuestion, services: Services, sensitive: Sensitive) -> bool:
    asked = _asked(question, services)
    if asked is None:
        return False
    if question.origin is Origin.CORRECTION:
        return sensitive.correction(services.ledger.correction(_correction_id(question)).correction, asked)
    return sensitive.hidden(asked)


def _may_be_asked(question: JudgedQuestion, consents: Agreements, services: Services) -> bool:
    if question.origin is Origin.CORRECTION:
        made = services.ledger.correction(_correction_id(question)).correction
        if not consents.allow_from(Purpose.EVALUATE, made.user, at=made.submitted):
            return False
    asked = _asked(question, services)
    return asked is None or consents.allow(Purpose.EVALUATE, asked)


def _asked(question: JudgedQuestion, services: Services) -> Interaction | None:
    """The question as somebody asked it, None for one that was judged as such."""
    ledger, name = services.ledger, question.case.case_id
    if question.origin is Origin.CORRECTION:
        return ledger.interaction(ledger.correction(_correction_id(question)).correction.interaction_id)
    if question.origin is Origin.CONFIRMED:
        return ledger.interaction(InteractionId(name.removeprefix("confirmed:")))
    return None


def _correction_id(question: JudgedQuestion) -> CorrectionId:
    return CorrectionId(question.case.case_id.removeprefix(CORRECTION_PREFIX))


def _exported(
    question: JudgedQuestion,
    by_document: Mapping[DocumentId, Sequence[Chunk]],
    texts: Mapping[DocumentId, str],
    services: Services,
) -> Exported:
    case, asked = question.case, _asked(question, services)
    near = [chunk for name in case.relevant_documents for chunk in by_document.get(name, ())]
    made_here = asked is not None and asked.answered and asked.version_id == services.index.live()
    spans = [] if asked is None or not made_here else [shown.span for shown in asked.ranking[: asked.shown]]
    shown = [_words(span, texts) for span in spans]
    return Exported(
        judged=question,
        passages=tuple(sorted(chunk.chunk_id for chunk in near if relevant(case, chunk))),
        contexts=tuple(_contexts(case, texts)),
        retrieved=tuple(text for text in shown if text) or None,
    )


def _contexts(case: Case, texts: Mapping[DocumentId, str]) -> Iterator[Context]:
    for name in sorted(case.documents):
        yield Context(name=name, text=texts.get(name))
    for span in case.evidence:
        yield Context(name=str(span), text=_words(span, texts))


def _words(span: Evidence, texts: Mapping[DocumentId, str]) -> str | None:
    """None where the live version has not the words of its quote there."""
    text = texts.get(span.document_id, "")[span.start : span.end]
    same = span.quote is None or text_digest(text) == span.quote.digest
    return text if text.strip() and same else None
