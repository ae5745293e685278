"""A first `reindex` with its gate, and one that finds nothing changed, beside LlamaIndex's ingestion pipeline.

Each is a process of its own from its start to its end. LlamaIndex reads the same pages, cuts them into pieces as long
as our chunks can be, embeds them with the same model and writes them to a local Qdrant; it masks nothing, and tests
nothing. It needs the extra `[bench]`; without it only `reindex` is timed.
"""

import importlib.util
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from performance_rows import Measured, options, pages, ratio, tell

MOST = 3  # rounds: a round is minutes
FEWEST = 400  # passages, below which the aim, which is for about 500, is not judged
VENDOR = "LlamaIndex, HuggingFaceEmbedding, QdrantVectorStore"
SETTINGS = "sources: [docs]\nprivacy: {consent: assumed}\nguardrails: {maximum_stale: 1.0}\n"
PIPELINE = """
import sys
from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient
from rag_flywheel.adapters.models.encoder import model_path
folder = sys.argv[1]
nodes = IngestionPipeline(
    transformations=[
        SentenceSplitter(chunk_size=256, chunk_overlap=24),
        HuggingFaceEmbedding(model_name=model_path("all-MiniLM-L6-v2"), device="cpu"),
    ],
    vector_store=QdrantVectorStore(client=QdrantClient(path=folder + "/qdrant"), collection_name="bench"),
).run(documents=SimpleDirectoryReader(folder + "/docs").load_data())
print(len(nodes))
"""


def main() -> None:
    given = options()
    compared = all(
        importlib.util.find_spec(f"llama_index.{name}") for name in ("embeddings.huggingface", "vector_stores.qdrant")
    )
    took: dict[str, list[float]] = {"first": [], "again": [], "theirs": []}
    worked: dict[str, list[float]] = {"first": [], "again": [], "theirs": []}
    passages = nodes = 0
    rounds = min(given.rounds, MOST)
    for _ in range(rounds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            _written(folder, given.pages)
            commands = {"first": _reindex(folder), "again": _reindex(folder)}
            if compared:
                commands["theirs"] = [sys.executable, "-c", PIPELINE, name]
            said = {}
            for way, command in commands.items():
                seconds, processor, said[way] = _timed(command)
                took[way].append(seconds)
                worked[way].append(processor)
            passages = json.loads(said["first"])["counts"]["passages"]
            nodes = int(said["theirs"].split()[-1]) if compared else 0
    amount = f"{rounds} times {given.pages} pages, each time in a new folder"
    tell(_rows(took, worked, passages=passages, nodes=nodes, read=given.pages), amount)


def _rows(
    took: dict[str, list[float]], worked: dict[str, list[float]], *, passages: int, nodes: int, read: int
) -> list[Measured]:
    gained = ratio(took["theirs"], took["first"]) if took["theirs"] else None
    again = statistics.median(took["again"])
    processor = {name: f"{statistics.median(seconds):.1f}" for name, seconds in worked.items() if seconds}
    quality = f"{passages} passages; seconds of the processor: {processor['first']}"
    if gained:
        quality = f"{passages} passages, {nodes} nodes; seconds of the processor: {processor['first']} here, "
        quality += f"{processor['theirs']} there"
    return [
        Measured(
            what=f"first build of {read} pages, gate included",
            unit="s",
            ours=round(statistics.median(took["first"]), 1),
            other=VENDOR if gained else "LlamaIndex: the extra `[bench]` is not installed",
            theirs=round(statistics.median(took["theirs"]), 1) if gained else None,
            ratio=gained,
            aim="as fast at 500 chunks",
            met=None if gained is None or passages < FEWEST else gained >= 1,
            quality=quality,
        ),
        Measured(
            what="`reindex`, nothing changed",
            unit="s",
            ours=round(again, 1),
            aim="under 3 s",
            met=again < 3,
            quality=f"seconds of the processor: {processor['again']}",
        ),
    ]


def _written(folder: Path, count: int) -> None:
    (folder / "docs").mkdir()
    for page in pages(count):
        shutil.copy(page, folder / "docs")
    (folder / "config.yaml").write_text(SETTINGS, encoding="utf-8")


def _reindex(folder: Path) -> list[str]:
    return [sys.executable, "-m", "rag_flywheel", "--config", str(folder / "config.yaml"), "--json", "reindex"]


def _timed(command: Sequence[str]) -> tuple[float, float, str]:
    """Seconds, those of the processor in the process and those below it, and what was printed."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command[1]} ended with {done.returncode}: {done.stderr[-500:]} {done.stdout[-500:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


if __name__ == "__main__":
    main()
