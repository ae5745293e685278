"""A first `reindex` with its gate, beside LlamaIndex's ingestion pipeline, and three later ones: nothing changed, one
page in a hundred changed, one correction accepted.

Each is a process of its own from its start to its end. More pages than the handbook has are made of its own, with other
words here and there: they are synthetic. LlamaIndex reads the same pages, cuts them into pieces as long as our chunks
can be, embeds them with the same model and writes them to a local Qdrant; it masks nothing, and tests nothing. It needs
the extra `[bench]`; without it only `reindex` is timed.
"""

import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from performance_rows import Measured, options, pages, ratio, tell

MOST = 3  # rounds: a round is minutes
FEWEST = 400  # passages, below which the aim, which is for about 500, is not judged
VENDOR = "LlamaIndex, HuggingFaceEmbedding, QdrantVectorStore"
MANY = 20_000  # passages, from which the aims of a change are judged
CHANGED = 0.01  # share of the pages
SWAPPED = 0.3  # share of a made page's words
SETTINGS = (
    "sources: [docs]\nprivacy: {consent: assumed}\nguardrails: {maximum_stale: 1.0}\n"
    "review: {second_reviewer: false}\ncanary: {strategy: direct}\n"
)
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
    ways = ("first", "again", "theirs", "changed", "corrected")
    took: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    passages = nodes = 0
    ends: dict[str, str] = {}
    rounds = min(given.rounds, MOST)
    for _ in range(rounds):
        with TemporaryDirectory() as name:
            folder = Path(name)
            _written(folder, given.pages)
            said = {}
            for way in ways:
                if way == "changed":
                    _change(folder, given.pages)
                elif way == "corrected":
                    _correct(folder)
                elif way == "theirs" and not compared:
                    continue
                command = [sys.executable, "-c", PIPELINE, name] if way == "theirs" else _command(folder, "reindex")
                seconds, processor, said[way] = _timed(command)
                took[way].append(seconds)
                worked[way].append(processor)
            ends = {way: json.loads(said[way])["decision"] for way in ways if way != "theirs"}
            passages = json.loads(said["first"])["counts"]["passages"]
            nodes = int(said["theirs"].split()[-1]) if compared else 0
    amount = f"{rounds} times {given.pages} pages, each time in a new folder"
    rows = _rows(took, worked, passages=passages, nodes=nodes, read=given.pages)
    tell([*rows, *_after_a_change(took, worked, ends, passages=passages)], amount)


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


def _after_a_change(
    took: dict[str, list[float]], worked: dict[str, list[float]], ends: dict[str, str], *, passages: int
) -> list[Measured]:
    seconds = {name: statistics.median(of) for name, of in took.items() if of}
    told = {
        name: f"{ends[name]}; seconds of the processor: {statistics.median(worked[name]):.1f}"
        for name in ("changed", "corrected")
    }
    faster = seconds["first"] / seconds["changed"]
    return [
        Measured(
            what="`reindex`, one page in a hundred changed",
            unit="s",
            ours=round(seconds["changed"], 1),
            aim="30 times faster than a first build of 20,000 passages",
            met=None if passages < MANY else faster >= 30,
            quality=f"{faster:.1f} times faster than the first build; {told['changed']}",
        ),
        Measured(
            what="from accepted to live, one correction",
            unit="s",
            ours=round(seconds["corrected"], 1),
            aim="60 s at 20,000 passages",
            met=None if passages < MANY else seconds["corrected"] <= 60 and ends["corrected"] == "promoted",
            quality=told["corrected"],
        ),
    ]


def _written(folder: Path, count: int) -> None:
    (folder / "docs").mkdir()
    for number in range(count):
        (folder / "docs" / f"{number:05}.md").write_text(_page(number), encoding="utf-8")
    (folder / "config.yaml").write_text(SETTINGS, encoding="utf-8")


def _page(number: int, *, edition: int = 1) -> str:
    """The handbook's pages one by one, then such with other words here and there."""
    known = pages(1000)
    text = known[number % len(known)].read_text(encoding="utf-8")
    if number < len(known) and edition == 1:
        return text
    chance, words = Random(f"{number}|{edition}"), [word for word in text.split() if word.isalpha()]
    lines = [
        " ".join(
            chance.choice(words) if word.isalpha() and chance.random() < SWAPPED else word for word in line.split(" ")
        )
        for line in text.split("\n")
    ]
    return "\n".join(lines)


def _change(folder: Path, count: int) -> None:
    for number in Random(0).sample(range(count), max(1, round(CHANGED * count))):
        (folder / "docs" / f"{number:05}.md").write_text(_page(number, edition=2), encoding="utf-8")


def _correct(folder: Path) -> None:
    """A correction that waits for the next `reindex`."""
    asked = _said(folder, "ask", "How often is the boiler in the cellar serviced?", "--user", "ada")
    answer = "The boiler in the cellar is serviced every nine weeks, on a Tuesday."
    made = _said(folder, "correct", asked["interaction_id"], "--answer", answer, "--user", "ada")
    _said(folder, "review", "decide", made["correction_id"], "--verdict", "accept", "--reviewer", "bob")


def _said(folder: Path, *words: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(_timed(_command(folder, *words))[2])
    return found


def _command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "rag_flywheel", "--config", str(folder / "config.yaml"), "--json", *words]


def _timed(command: Sequence[str]) -> tuple[float, float, str]:
    """Seconds, those of the processor in the process and those below it, and what was printed."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode and not done.stdout:  # the gate may refuse, which is told
        raise SystemExit(f"{command[1]} ended with {done.returncode}: {done.stderr[-500:]} {done.stdout[-500:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


if __name__ == "__main__":
    main()
