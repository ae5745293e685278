"""Judged questions between tools: what the formats hold of them, and what comes of one that holds less."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

TEXT_AT_MOST = 20_000
"""Characters of a passage that are sent; a longer one is known by its beginning, which then is what answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a corpus. Where it is of our documents it says which, and where."""

    passage_id: str
    title: str
    text: str
    document_id: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a person judged to answer a question: a document, or a span as `document:start:end`, and its words."""

    name: str
    text: str | None  # None: not known

    @property
    def place(self) -> tuple[str, int | None, int | None]:
        """The document, with start and end where it is a span."""
        document, start, end = [*self.name.rsplit(":", 2), "", ""][:3]
        return (document, int(start), int(end)) if start.isdigit() and end.isdigit() else (self.name, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A judged question."""

    name: str
    text: str
    answer: str | None
    cluster: str | None  # None: there is this wording alone
    answerable: bool
    passages: tuple[str, ...]  # ids of those of the corpus that are judged to answer it
    contexts: tuple[Context, ...] = ()
    retrieved: tuple[str, ...] | None = None  # None: not known

    @property
    def is_judged(self) -> bool:
        """Whether something is known to answer it, or that nothing does."""
        return not self.answerable or bool(self.passages or self.contexts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A corpus with questions, as a folder holds them."""

    questions: tuple[Question, ...]
    passages: Mapping[str, Passage]  # by their ids
    unjudged: tuple[str, ...] = ()  # names of questions that nothing is judged to answer, which are left out


Body = dict[str, object]
"""A question or a passage, as JSON."""


def bodies(judged: Judged) -> tuple[list[Body], list[Body]]:
    """The questions and the passages as `POST /golden/import` takes them: each passage once, and only those that answer
    something.
    """
    pieces: dict[str, list[Passage]] = defaultdict(list)
    for piece in judged.passages.values():
        if piece.document_id is not None:
            pieces[piece.document_id].append(piece)
    passages: dict[str, Body] = {}
    cases: list[Body] = []
    for question in judged.questions:
        documents, wanted = [], []
        for name, passage in _answering(question, judged.passages, pieces) if question.answerable else ():
            if passage is None:
                documents.append(name)
            else:
                wanted.append(name)
                passages[name] = passage
        cases.append(
            {
                "id": question.name,
                "question": question.text,
                "answer": question.answer,
                "documents": documents,
                "passages": wanted,
                "answerable": question.answerable,
                "cluster": question.cluster,
            }
        )
    return cases, list(passages.values())


def _answering(
    question: Question, corpus: Mapping[str, Passage], pieces: Mapping[str, Sequence[Passage]]
) -> Iterator[tuple[str, Body | None]]:
    """What answers it, by names: the contexts that its judged passages still bear out, and those of the passages that
    no context tells more exactly. None stands for a document of ours of which nothing else is known.
    """
    judged = {name for name in question.passages if name in corpus}
    held = [context for context in question.contexts if _is_borne_out(context, judged, pieces)]
    for context in held:
        document, start, end = context.place
        yield context.name, _passage(context.name, context.text or "", (document, start, end))
    for name in question.passages:
        if name not in corpus:
            yield name, None
        elif not any(_holds(context, corpus[name]) for context in held):
            piece = corpus[name]
            yield name, _passage(name, piece.text, (piece.document_id, piece.start, piece.end))


def _is_borne_out(context: Context, judged: Set[str], pieces: Mapping[str, Sequence[Passage]]) -> bool:
    """Whether the qrels say so too, which people edit. Of what the corpus does not have they say nothing."""
    _, start, _ = context.place
    about = [piece.passage_id in judged for piece in pieces.get(context.place[0], ()) if _holds(context, piece)]
    return not about or (all(about) if start is None else any(about))


def _holds(context: Context, piece: Passage) -> bool:
    """Whether the context says something of the piece: it is the document, or overlaps it."""
    document, start, end = context.place
    if piece.document_id != document:
        return False
    if start is None or end is None or piece.start is None or piece.end is None:
        return True
    return piece.start < end and start < piece.end


def _passage(name: str, text: str, place: tuple[str | None, int | None, int | None]) -> Body:
    document, start, end = place
    return {"name": name, "text": text[:TEXT_AT_MOST], "document_id": document, "start": start, "end": end}
