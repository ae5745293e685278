"""Items that a guardrail points at. Each is left out of the version with a reason, and the version goes on without it.

Documents of official sources are chosen by the operator, and a manual may well quote an attack or an insult: for orders
and tone they are only reported. What is made to be found, and not to answer, are corrections alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from eval.guardrails import poison
from eval.guardrails.injection import Place, signs
from eval.guardrails.memorisation import holds_planted
from eval.guardrails.safety import Rate, worst_passages, worst_spoken
from rag_flywheel.domain import Chunk, Guardrail, Interaction, ItemKind, ReviewedCorrection, Suspicion
from rag_flywheel.domain.documents import text_digest
from rag_flywheel.domain.masked import MaskedOut
from rag_flywheel.domain.stand_ins import lettered
from rag_flywheel.ports import Redactor

EXCERPT = 2000
"""Characters of a document's text that are kept for whoever decides on it."""

_TONE = (Guardrail.INJECTION, Guardrail.UNSAFE_TEXTS)
_CROWD = f"its author gave {poison.SEVERAL} or more different answers to nearly one question"
_AUTHOR = (
    "with it one author would have made more than guardrails.maximum_author_share ({maximum:g}) of all corrections"
)
_PLANTED = "it holds a planted string of guardrails.canaries: what stands beside that leaks the same way"
_MASKED = "it holds a value that was masked out of what a person wrote"
_UNSAFE = "it looks like insult, threat, hatred, obscenity or help to harm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectors:
    """What items are looked at with."""

    redactor: Redactor  # of what people say
    document_redactor: Redactor  # of what documents hold: that of the source whose documents are masked least
    rate: Rate  # `safety.trained`
    unsafe_threshold: float  # the probability from which a text is unsafe
    planted_strings: Sequence[str]  # of a person's text that holds one; in a document they refuse the version
    masked: MaskedOut  # values that were masked out of people's texts


@dataclass(frozen=True, slots=True)
class _Text:
    """A piece of a document, or its title, which stands for the whole of it."""

    chunk: Chunk
    text: str
    is_title: bool


def in_documents(
    chunks: Sequence[Chunk], before: Iterable[Chunk], *, official: Callable[[Chunk], bool], detectors: Detectors
) -> list[Suspicion]:
    """What speaks against pieces and titles of documents. Texts of the live version's chunks, `before`, are passed over
    where the source is official: they were looked at when they came. Those of public sources are looked at again, since
    they may have come in while the source was official, but for personal data.
    """
    known = {text for chunk in before for text in (chunk.title, chunk.text)}
    looked_at = [chunk for chunk in chunks if chunk.text not in known or not official(chunk)]
    pieces = [_Text(chunk, chunk.text, False) for chunk in looked_at]
    titled = {
        (chunk.document_id, chunk.title): chunk
        for chunk in reversed(chunks)
        if chunk.title not in known or not official(chunk)
    }
    titles = [_Text(chunk, title, True) for (_, title), chunk in titled.items() if title]
    chances = worst_passages([piece.text for piece in pieces], detectors.rate)
    unsafe = [piece for piece, chance in zip(pieces, chances, strict=True) if chance >= detectors.unsafe_threshold]
    against = [
        *((text, *reason) for text in (*titles, *pieces) for reason in _in_document(text, known, detectors)),
        *((piece, Guardrail.UNSAFE_TEXTS, _UNSAFE) for piece in unsafe),
        *((piece, Guardrail.PERSONAL_DATA, _MASKED) for piece in pieces if _leaks(piece, known, official, detectors)),
    ]
    return [
        Suspicion(
            kind=ItemKind.DOCUMENT,
            item=text.chunk.document_id,
            guardrail=guardrail,
            reason=reason,
            digest=text_digest(text.text),
            place=None if text.is_title else text.chunk.span,
            excerpt=detectors.redactor.redact(text.text[:EXCERPT]).text,
            left_out=not (guardrail in _TONE and official(text.chunk)),
            groups=text.chunk.groups,
        )
        for text, guardrail, reason in against
    ]


def _leaks(piece: _Text, known: AbstractSet[str], official: Callable[[Chunk], bool], detectors: Detectors) -> bool:
    """Whether it holds a masked value, and is neither official nor suspected of personal data already."""
    if piece.text in known or official(piece.chunk) or not detectors.masked.held(piece.text):
        return False
    return not detectors.document_redactor.redact(piece.text).found


def with_masked(
    corrections: Sequence[ReviewedCorrection], asked: Sequence[Interaction], *, masked: MaskedOut
) -> list[Suspicion]:
    """Corrections and confirmed questions with a value that was masked out of what a person wrote: looked for in all of
    them each night, since the value may have been written after they went live.
    """
    texts = ((entry, f"{entry.correction.question}\n{entry.answer}") for entry in corrections)
    found = [of_correction(entry, Guardrail.PERSONAL_DATA, _MASKED) for entry, text in texts if masked.held(text)]
    leaking = (each for each in asked if masked.held(each.query))
    return [*found, *(of_question(each, Guardrail.PERSONAL_DATA, _MASKED) for each in leaking)]


def dropped_again(chunks: Sequence[Chunk], dropped: AbstractSet[str]) -> list[Suspicion]:
    """The pieces and titles that a person dropped, by the ids of that; also where they are live by now."""
    found = []
    for chunk in chunks if dropped else ():
        for text, place in ((chunk.text, chunk.span), (chunk.title, None)):
            for guardrail in (*_TONE, Guardrail.PERSONAL_DATA) if text else ():
                suspicion = Suspicion(
                    kind=ItemKind.DOCUMENT,
                    item=chunk.document_id,
                    guardrail=guardrail,
                    reason="a person dropped it",
                    digest=text_digest(text),
                    place=place,
                )
                if suspicion.aside_id in dropped:
                    found.append(suspicion)
    return found


def _in_document(text: _Text, known: AbstractSet[str], detectors: Detectors) -> Iterator[tuple[Guardrail, str]]:
    orders = signs(text.text, place=Place.SOURCE)
    if orders:
        yield Guardrail.INJECTION, _orders(orders)
    personal = () if text.text in known else detectors.document_redactor.redact(text.text).found
    if personal:
        yield Guardrail.PERSONAL_DATA, _personal(personal)


def in_corrections(
    new: Sequence[ReviewedCorrection], accepted: Sequence[ReviewedCorrection], *, detectors: Detectors
) -> list[Suspicion]:
    """What speaks against new corrections, `accepted` being all that the version would hold, these among them."""
    unsafe = worst_spoken([entry.answer for entry in new], detectors.rate)
    crowding = {name for crowd in poison.sets(accepted) for name in crowd}
    found = []
    for entry, chance in zip(new, unsafe, strict=True):
        against = dict(_in_correction(entry, detectors))
        if chance >= detectors.unsafe_threshold:
            against[Guardrail.UNSAFE_TEXTS] = _UNSAFE
        if entry.correction.correction_id in crowding:
            against[Guardrail.POISON] = (
                f"its author gave {poison.SEVERAL} or more different answers to nearly one question"
            )
        found += [of_correction(entry, guardrail, reason) for guardrail, reason in against.items()]
    return found


def of_correction(entry: ReviewedCorrection, guardrail: Guardrail, reason: str) -> Suspicion:
    """What speaks against a correction, for as long as its wording is the same."""
    return Suspicion(
        kind=ItemKind.CORRECTION,
        item=entry.correction.correction_id,
        guardrail=guardrail,
        reason=reason,
        digest=text_digest("\n".join(lettered(entry.correction.question, entry.answer))),
    )


def _in_correction(entry: ReviewedCorrection, detectors: Detectors) -> Iterator[tuple[Guardrail, str]]:
    question = entry.correction.question
    orders = [*signs(entry.answer, place=Place.ANSWER), *signs(question, place=Place.QUESTION)]
    if orders:
        yield Guardrail.INJECTION, _orders(orders)
    personal = [*detectors.redactor.redact(entry.answer).found, *detectors.redactor.redact(question).found]
    if personal:
        yield Guardrail.PERSONAL_DATA, _personal(personal)
    if poison.is_made_to_be_found(question, entry.answer):
        yield Guardrail.POISON, "it repeats the question that it answers, as texts do that are made to be found"
    if holds_planted(f"{question}\n{entry.answer}", detectors.planted_strings):
        yield Guardrail.PLANTED, _PLANTED


def of_one_author(
    new: Sequence[ReviewedCorrection], accepted: Sequence[ReviewedCorrection], *, maximum: float, counts_from: int
) -> list[Suspicion]:
    """The newest corrections of an author who would have made more than the share `maximum` of `counts_from` or more,
    as many as it takes. Whoever has no pseudonym counts alone.
    """
    counts = Counter(entry.correction.user for entry in accepted if entry.correction.user is not None)
    [(author, theirs)] = counts.most_common(1) or [("", 0)]
    total, found = len(accepted), list[Suspicion]()
    for entry in reversed([entry for entry in new if entry.correction.user == author]):
        if total < counts_from or theirs <= maximum * total:
            break
        theirs, total = theirs - 1, total - 1
        found.append(of_correction(entry, Guardrail.AUTHORS, _AUTHOR.format(maximum=maximum)))
    return found


def in_questions(asked: Sequence[Interaction], *, detectors: Detectors) -> list[Suspicion]:
    """What speaks against questions whose answers were confirmed: no person reviewed these."""
    found = []
    for interaction in asked:
        orders = signs(interaction.query, place=Place.QUESTION)
        personal = detectors.redactor.redact(interaction.query).found
        against = {Guardrail.INJECTION: _orders(orders)} if orders else {}
        if personal:
            against[Guardrail.PERSONAL_DATA] = _personal(personal)
        if holds_planted(interaction.query, detectors.planted_strings):
            against[Guardrail.PLANTED] = _PLANTED
        found += [of_question(interaction, guardrail, reason) for guardrail, reason in against.items()]
    return found


def of_question(asked: Interaction, guardrail: Guardrail, reason: str) -> Suspicion:
    """What speaks against a question whose answer was confirmed."""
    return Suspicion(
        kind=ItemKind.QUESTION,
        item=asked.interaction_id,
        guardrail=guardrail,
        reason=reason,
        digest=text_digest(*lettered(asked.query)),
    )


def _orders(kinds: Iterable[str]) -> str:
    return f"it reads like an attack on a machine that reads it ({', '.join(dict.fromkeys(kinds))})"


def _personal(kinds: Iterable[str]) -> str:
    return f"personal data that is to be masked is left in it ({', '.join(sorted(set(kinds)))})"
