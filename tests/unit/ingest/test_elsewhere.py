"""A build whose heavy work is done elsewhere: the same bits, whoever did what, and how often."""

import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from ingest import build, elsewhere
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.adapters.models.cached_encoder import CachedEncoder
from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.config import Config, Ingest
from rag_flywheel.domain import Chunk
from rag_flywheel.ports import Elsewhere, Encoder, Tools, Vectors
from tests.fakes.rankings import MemoryCache
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import chunk, confirmed_chunk

Item = TypeVar("Item")
Made = TypeVar("Made")
WORDS = (
    *("the", "pump", "of", "a", "dishwasher", "starts", "at", "night", "when", "its"),
    *("filter", "is", "full", "and", "somebody", "closed", "the", "door", "twice"),
)
MODEL = SentenceEncoder("all-MiniLM-L6-v2", batch=8, query_prefix="", document_prefix="")


def copied(value: Made) -> Made:
    """As it comes out of another process."""
    there: Made = pickle.loads(pickle.dumps(value))  # noqa: S301
    return there


class Pickling:
    """Workers in this process that get and give copies, in any order."""

    def __init__(self, encoder: Encoder = MODEL) -> None:
        self.tools = Tools(encoder=encoder, redactor=lambda policy: FakeRedactor())
        self.asked = 0

    def each(self, work: Callable[[Tools, Item], Made], items: Sequence[Item]) -> Iterator[tuple[int, Made]]:
        places = list(range(len(items)))
        random.Random(0).shuffle(places)
        for place in places:
            self.asked += 1
            yield place, copied(work(self.tools, copied(items[place])))


def written(folder: Path, number: int) -> Path:
    pages = folder / "pages"
    pages.mkdir()
    for place in range(number):
        text = f"# Page {place}\n\nWrite to help{place}@example.org about the pump and its noise at night.\n"
        (pages / f"p{place}.md").write_text(text)
    (pages / "bad.pdf").write_bytes(b"%PDF-1.4 nothing")
    return folder


def collected(folder: Path, cache: MemoryCache, workers: Pickling | None = None) -> build.Corpus:
    config = Config(file=folder / "config.yaml", sources=("pages",), ingest=Ingest())
    files = list_files(config).files

    def ahead(pieces: Sequence[build.Piece], kept: object) -> None:
        if workers is not None:
            elsewhere.read(pieces, workers=workers, cache=cache, on_step=lambda done, total: None)

    return build.collect(
        files,
        fingerprint(files),
        settings=config.ingest,
        cache=cache,
        redactor=lambda source: FakeRedactor(),
        on_step=lambda done, total: None,
        ahead=ahead,
    )


def chunks(number: int) -> list[Chunk]:
    drawn = random.Random(1)
    texts = [" ".join(drawn.choices(WORDS, k=drawn.randint(4, 60))) + "." for _ in range(number // 2)]
    some = [
        chunk(f"d{place}", text, title="") for place, text in enumerate([*texts, *texts])
    ]  # each text comes again later
    known = [confirmed_chunk(some[0], f"Why {place}?", by=f"i{place}") for place in range(3)]
    return [*some, *known]


def test_files_that_were_read_elsewhere_come_to_the_same_corpus_and_cache(tmp_path: Path) -> None:
    folder = written(tmp_path, 5)
    here, there, workers = MemoryCache(), MemoryCache(), Pickling()
    assert collected(folder, there, workers) == collected(folder, here)
    assert there.values == here.values
    assert not any(b"@example.org" in value for value in there.values.values())
    asked = workers.asked
    collected(folder, there, workers)
    assert workers.asked == asked  # what is known is not sent again


def test_a_file_that_a_worker_cannot_open_is_read_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, 2)
    here, there = MemoryCache(), MemoryCache()
    expected = collected(folder, here)

    class Blind(Pickling):
        def each(self, work: Callable[[Tools, Item], Made], items: Sequence[Item]) -> Iterator[tuple[int, Made]]:
            pages = (folder / "pages").rename(folder / "gone")
            try:
                yield from [*super().each(work, items)]
            finally:
                pages.rename(folder / "pages")

    assert collected(folder, there, Blind()) == expected


def embedded(some: Sequence[Chunk], cache: MemoryCache, workers: Pickling | None = None) -> list[list[Vectors | None]]:
    encoder = CachedEncoder(MODEL, model="m", cache=cache)
    if workers is not None:
        there = Elsewhere(workers=workers, vectors=encoder)
        elsewhere.embed(some, titles=True, elsewhere=there, on_step=lambda done, total: None)
    batches = build.entries(some, encoder=encoder, titles=True, on_step=lambda done, total: None)
    return [
        [entry.vector, entry.question_vector, entry.sentences, entry.tokens] for batch in batches for entry in batch
    ]


def test_vectors_that_were_made_elsewhere_are_the_same_to_the_last_bit() -> None:
    some = chunks(300)
    here, there, workers = MemoryCache(), MemoryCache(), Pickling()
    for one, other in zip(embedded(some, here), embedded(some, there, workers), strict=True):
        for vectors, others in zip(one, other, strict=True):
            assert (vectors is None) == (others is None)
            if vectors is not None and others is not None:
                assert vectors.tobytes() == others.tobytes()
    assert there.values == here.values
    asked = workers.asked
    embedded(some, there, workers)
    assert workers.asked == asked


def test_nothing_is_embedded_twice_elsewhere() -> None:
    sent: list[str] = []

    class Counting(Pickling):
        def each(self, work: Callable[[Tools, Item], Made], items: Sequence[Item]) -> Iterator[tuple[int, Made]]:
            for portions in items:
                assert isinstance(portions, list)
                sent.extend(text for portion in portions for text in portion.texts if not portion.by_token)
            return super().each(work, items)

    embedded(chunks(300), MemoryCache(), Counting())
    assert sent
    assert len(sent) == len(set(sent))
