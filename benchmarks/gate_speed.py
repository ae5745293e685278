"""How long the gate takes to ask and score both versions, without a judge: 500 questions, 20,000 passages.

The corpus is a BEIR data set's own documents, and passages of its sentences put together anew until there are as many
as wanted. Their vectors are the means of their sentences' vectors, so that no hour goes by with embedding; a search
takes as long as with any other. Two versions of it are built, and the data set's judged questions asked of both, by the
cycle's own `ScoringRun`. Three nights are timed:

- first: both versions, and no sentence was ever embedded before;
- next: the version that went live keeps the scores of the first night (`eval.scores.score_cache`), the new one is
  scored;
- everything: both versions again, without kept scores, the sentences embedded before.

All are nights of one process, which remembers the questions' vectors: the later two encode none.

Seconds are of the wall; "queries" and "sentences" is what embedding took of them, and "live" and "candidate" what
asking and scoring each version took in all. Usage:

    python benchmarks/gate_speed.py DATASET [--passages 20000] [--questions 500] [--json]
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
from rich.console import Console

from eval import comparison, gate
from eval.questions import golden
from eval.questions.golden import Case
from eval.replay import dataset
from eval.scores import scorecard
from rag_flywheel import wiring
from rag_flywheel.answering.extractive import Extractive
from rag_flywheel.cli import progress
from rag_flywheel.cli.progress import Steps
from rag_flywheel.config import Config, Secrets
from rag_flywheel.cycle.scoring_run import ScoringRun
from rag_flywheel.domain import Chunk, ChunkId, Counts, DocumentId, LearnedRanking, Manifest, VersionId
from rag_flywheel.domain.sentences import sentences
from rag_flywheel.ports import Encoder, Entry, Vectors
from rag_flywheel.search.fusion import DENSE, RRF, SPARSE
from rag_flywheel.services import Services

LIMIT = 60.0  # seconds for both versions
SENTENCES = 6  # in a passage that is put together
WRITTEN_AT_ONCE = 1000
LEARNED = [  # about what the demo's manual teaches
    LearnedRanking(fusion={RRF: 3.0, DENSE: 3.0, SPARSE: 8.0}),
    LearnedRanking(fusion={RRF: 3.0, DENSE: 4.0, SPARSE: 8.0}),
    LearnedRanking(fusion={RRF: 3.0, DENSE: 5.0, SPARSE: 8.0}),
]

Opened = Callable[[Config, Secrets], AbstractContextManager[Services]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """One night's seconds, in all and by what they went to."""

    seconds: float
    processor: float  # seconds of all cores together: what a busy machine leaves as it is
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured. The limit is for the first night, which has the most to do."""

    passages: int
    questions: int
    limit: float
    first: Night
    next: Night
    everything: Night
    built_seconds: float  # both versions, not part of any night
    memory_before: float  # MiB that the process held at most, when both versions were built
    memory_after: float  # and in the end


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds by what they went to."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.parts[part] = self.parts.get(part, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """An encoder that tells the clock how long it took."""

    below: Encoder
    clock: Clock

    @property
    def name(self) -> str:
        return self.below.name

    @property
    def dimension(self) -> int:
        return self.below.dimension

    @property
    def token_dimension(self) -> int:
        return self.below.token_dimension

    @property
    def longest(self) -> int:
        return self.below.longest

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.below.count_tokens(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        with self.clock("sentences"):
            return self.below.encode_documents(texts)

    def encode_documents_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        with self.clock("sentences"):
            return self.below.encode_documents_by_token(texts)

    def encode_queries_by_token(self, texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
        return self.encode_queries(texts), self.below.encode_queries_by_token(texts)[1]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        with self.clock("queries"):
            return self.below.encode_queries(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description="How long the gate takes to ask and score both versions.")
    parser.add_argument("dataset", type=Path, help="a BEIR folder: corpus.jsonl, queries.jsonl, qrels/test.tsv")
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    arguments = parser.parse_args()
    with progress.shown(Console(stderr=True)) as steps, tempfile.TemporaryDirectory() as folder:
        result = measure(
            arguments.dataset, Path(folder), passages=arguments.passages, questions=arguments.questions, steps=steps
        )
    if arguments.json:
        print(json.dumps(asdict(result), indent=2))
        return
    print(f"{result.passages} passages, {result.questions} questions, both versions; seconds\n")
    names = sorted({name for night in (result.first, result.next, result.everything) for name in night.parts})
    print(f"{'':12}{'in all':>10}{'processor':>12}" + "".join(f"{name:>12}" for name in names))
    for title, night in (("first", result.first), ("next", result.next), ("everything", result.everything)):
        print(
            f"{title:12}{night.seconds:10.1f}{night.processor:12.1f}"
            + "".join(f"{night.parts.get(name, 0.0):12.1f}" for name in names)
        )
    print(
        f"\nlimit {result.limit:.0f} s; building took {result.built_seconds:.0f} s; memory {result.memory_before:.0f} "
        f"MiB with both versions built, {result.memory_after:.0f} MiB in the end"
    )


def measure(
    folder: Path, work: Path, *, passages: int, questions: int, steps: Steps, opened: Opened = wiring.services
) -> Result:
    """Build both versions, then the three nights."""
    config = Config(file=work / "config.yaml")
    with opened(config, Secrets()) as services:
        encoder = services.encoders(config.embedder)
        start = time.perf_counter()
        chunks = corpus(dataset.load(folder), passages)
        vectors = _vectors(chunks, encoder)
        names = ("control", "candidate")
        for done, name in enumerate(names):
            steps("building", done, len(names))
            services.index.build(VersionId(name), dimension=encoder.dimension, batches=_batches(chunks, vectors))
        built, memory = time.perf_counter() - start, _memory()
        cases = golden.load_beir(folder)[:questions]
        control = _manifest("control", LearnedRanking(), config)
        candidate, turned, again = (_manifest("candidate", learned_ranking, config) for learned_ranking in LEARNED)
        first = _night(services, cases, chunks, control, candidate, steps)
        # Each is a version that was not scored before, but for the live one of the second night.
        after = _night(services, cases, chunks, candidate, replace(turned, version_id=control.version_id), steps)
        everything = _night(services, cases, chunks, replace(again, version_id=control.version_id), turned, steps)
    return Result(
        passages=len(chunks),
        questions=len(cases),
        limit=LIMIT,
        first=first,
        next=after,
        everything=everything,
        built_seconds=round(built, 1),
        memory_before=memory,
        memory_after=_memory(),
    )


def _night(
    services: Services, cases: Sequence[Case], chunks: Sequence[Chunk], live: Manifest, new: Manifest, steps: Steps
) -> Night:
    """Ask, score, compare and decide."""
    clock, config = Clock(), services.config
    encoder = Timed(services.encoders(config.embedder), clock)
    talk = config.generator
    generator = Extractive(encoder, minimum_similarity=talk.minimum_similarity, sentences=talk.sentences)
    timed = replace(services, encoders=lambda settings: encoder, generator=generator)
    start, used = time.perf_counter(), time.process_time()
    with clock("references"):
        references = scorecard.reference_texts(cases, chunks)
    run = ScoringRun(services=timed, references=references, judge=None, steps=steps)
    scored = []
    for name, version in (("live", live), ("candidate", new)):
        with clock(name):
            scored.append(run.score(version, cases, name=name))
    level = gate.confidence(1)
    with clock("comparing"):
        found = comparison.compare(
            *(version.card for version in scored),
            parts={},
            confidence=level,
            resamples=config.gate.resamples,
            seed=config.gate.seed,
        )
        gate.decide(found, [], first=False, possible=None, confidence=level, settings=config.gate)
    seconds = time.perf_counter() - start
    return Night(
        seconds=round(seconds, 2),
        processor=round(time.process_time() - used, 2),
        parts={name: round(spent, 2) for name, spent in clock.parts.items()},
    )


def _manifest(version: str, learned: LearnedRanking, config: Config) -> Manifest:
    sections = ("ingest", "privacy", "embedder", "reranker", "retrieval")
    now = datetime.now(UTC)
    return Manifest(
        version_id=VersionId(version),
        parent=None,
        created=now,
        inputs=version,
        sources={},
        feedback_cutoff=now,
        corrections=(),
        confirmed=(),
        embedder=config.embedder.model,
        learned=learned,
        settings={name: getattr(config, name).model_dump(mode="json") for name in sections},
        counts=Counts(documents=0, passages=0, corrections=0, superseded=0, skipped=0),
        notes=(),
    )


# --- the corpus -----------------------------------------------------------------------------------------------------


def corpus(known: dataset.Dataset, passages: int) -> list[Chunk]:
    """The data set's own documents, a chunk each, then passages of their sentences in other company."""
    random = Random(0)
    chunks = [
        _chunk(source.document_id, source.title, list(sentences(source.text))) for source in known.documents[:passages]
    ]
    known_sentences = [sentence for source in known.documents for sentence in sentences(source.text)]
    for number in range(len(chunks), passages):
        drawn = random.sample(known_sentences, min(SENTENCES, len(known_sentences)))
        chunks.append(_chunk(f"made-{number}", random.choice(known.documents).title, drawn))
    return chunks


def _chunk(name: str, title: str, said: Sequence[str]) -> Chunk:
    text = " ".join(said)
    return Chunk(
        chunk_id=ChunkId(f"{name}#0"),
        document_id=DocumentId(name),
        title=title,
        headings=(),
        text=text,
        start=0,
        end=len(text),
        source="corpus.jsonl",
    )


def _vectors(chunks: Sequence[Chunk], encoder: Encoder) -> Vectors:
    """(chunks, dimension): the means of the sentences' vectors, of unit length."""
    parts = [list(sentences(chunk.text)) for chunk in chunks]
    distinct = list(dict.fromkeys(sentence for some in parts for sentence in some))
    known = dict(zip(distinct, encoder.encode_documents(distinct), strict=True))
    means = np.stack([np.mean([known[sentence] for sentence in some], axis=0) for some in parts])
    unit: Vectors = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _batches(chunks: Sequence[Chunk], vectors: Vectors) -> Iterator[list[Entry]]:
    for start in range(0, len(chunks), WRITTEN_AT_ONCE):
        some = range(start, min(start + WRITTEN_AT_ONCE, len(chunks)))
        yield [Entry(chunk=chunks[at], vector=vectors[at]) for at in some]


def _memory() -> float:
    """MiB that the process held at most until now."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)  # Linux counts KiB


if __name__ == "__main__":
    main()
