"""The heavy work of a build on other machines: reading and masking files, embedding texts. What they made is put in the
cache, under the keys and in the portions in which this process would have made it, and the build finds it there. So a
version comes to the same bits wherever it was made, what a lost worker did not finish is made by another, and what was
made when a run is interrupted stays made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from ingest.build import EMBEDDED_AT_ONCE, Piece, Read, Step, finished, packed, texts_of
from ingest.reading.apart import Readers
from ingest.reading.worker import Task
from rag_flywheel.domain import Chunk
from rag_flywheel.ports import Cache, Elsewhere, Remembering, Tools, Vectors, Workers

READ_AT_ONCE = 4096
"""Kilobytes of files that a worker is given together, so that the processes it reads them in are worth their start."""
_FILES_AT_ONCE = 64
_Embedded = tuple[Vectors, list[Vectors] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Texts that are embedded in one call: the last bits of a vector depend on what is embedded beside it."""

    texts: list[str]
    by_token: bool


def read(pieces: Sequence[Piece], *, workers: Workers, cache: Cache, on_step: Step) -> None:
    """Have the pieces read that the cache does not hold. What cannot be opened there is left for this machine."""
    # One by one: all that the cache holds of a corpus would be its texts in memory.
    unread = list(_together([piece for piece in pieces if not cache.get([piece.key])]))
    done = 0
    for place, made in workers.each(_read, [[piece.task for piece in some] for some in unread]):
        some = unread[place]
        cache.put({piece.key: packed(result) for piece, result in zip(some, made, strict=True) if result is not None})
        done += len(some)
        on_step(done, sum(map(len, unread)))


def embed(chunks: Sequence[Chunk], *, titles: bool, elsewhere: Elsewhere, on_step: Step) -> None:
    """Have the vectors made that are not known yet."""
    planned = _Planned(elsewhere.vectors)
    batches = (chunks[start : start + EMBEDDED_AT_ONCE] for start in range(0, len(chunks), EMBEDDED_AT_ONCE))
    portions = [new for some in batches if (new := _portions(some, planned, titles=titles))]
    for done, (place, made) in enumerate(elsewhere.workers.each(_embed, portions), start=1):
        for portion, (vectors, tokens) in zip(portions[place], made, strict=True):
            elsewhere.vectors.keep(portion.texts, vectors, tokens)
        on_step(done, len(portions))


def _portions(some: Sequence[Chunk], planned: "_Planned", *, titles: bool) -> list[Portion]:
    texts = texts_of(some, titles=titles)
    sentences = list(dict.fromkeys(chain.from_iterable(texts.sentences)))
    wanted = [(texts.passages, True), (texts.answers, True), (sentences, False)]
    new = [Portion(texts=planned.new(some, by_token=by_token), by_token=by_token) for some, by_token in wanted]
    return [portion for portion in new if portion.texts]


class _Planned:
    """Which texts have no vectors yet, and are in no portion either."""

    def __init__(self, vectors: Remembering) -> None:
        self._vectors = vectors
        self._whole: set[str] = set()
        self._by_token: set[str] = set()

    def new(self, texts: Sequence[str], *, by_token: bool) -> list[str]:
        before = self._by_token if by_token else self._whole
        new = [text for text in self._vectors.unmade(texts, by_token=by_token) if text not in before]
        self._whole.update(new)
        if by_token:
            self._by_token.update(new)
        return new


def _together(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    some: list[Piece] = []
    for piece in pieces:
        if some and (len(some) == _FILES_AT_ONCE or sum(each.kilobytes for each in some) > READ_AT_ONCE):
            yield some
            some = []
        some.append(piece)
    if some:
        yield some


def _read(tools: Tools, tasks: list[Task]) -> list[Read | None]:
    with Readers() as readers:
        waiting = [readers.submit(task) for task in tasks]
        results = [future.result() for future in waiting]
    return [
        finished(result, tools.redactor(task.file.source.policy)) if result.lasting else None
        for task, result in zip(tasks, results, strict=True)
    ]


def _embed(tools: Tools, portions: list[Portion]) -> list[_Embedded]:
    encoder = tools.encoder
    return [
        encoder.encode_documents_by_token(portion.texts)
        if portion.by_token
        else (encoder.encode_documents(portion.texts), None)
        for portion in portions
    ]
