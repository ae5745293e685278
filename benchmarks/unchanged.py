"""The processor time of a `reindex` that finds nothing changed, its start included, beside the number of documents.

A corpus of short made texts is indexed once, as a file each and as lines of one file, and then the whole command is
run again on it. Usage:

    python benchmarks/unchanged.py [--documents 2000] [--runs 5] [--json]
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

WORDS = 12  # in a document: what matters is how many there are
SETTINGS = (
    "sources: [{source}]\nprivacy: {{consent: assumed}}\ngate: {{known_items: 0}}\nguardrails: {{maximum_stale: 1.0}}\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Seconds of the processor, user and system, of one command."""

    corpus: str
    documents: int
    runs: int
    median: float
    most: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results = []
    for corpus, write in (("a file each", _files), ("lines of one file", _lines)):
        with tempfile.TemporaryDirectory() as folder:
            config = write(Path(folder), _texts(given.documents))
            _reindex(config, "promoted")
            seconds = [_reindex(config, "unchanged") for _ in range(given.runs)]
        results.append(
            Result(
                corpus=corpus,
                documents=given.documents,
                runs=given.runs,
                median=round(statistics.median(seconds), 2),
                most=round(max(seconds), 2),
            )
        )
    if given.json:
        print(json.dumps([asdict(result) for result in results]))
        return
    print("| corpus | documents | runs | median, s | most, s |\n| --- | --- | --- | --- | --- |")
    for result in results:
        print(f"| {result.corpus} | {result.documents} | {result.runs} | {result.median} | {result.most} |")


def _texts(count: int) -> list[str]:
    chance = random.Random(0)
    vocabulary = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5000)]
    return [" ".join(chance.choices(vocabulary, k=WORDS)) + "." for _ in range(count)]


def _files(folder: Path, texts: list[str]) -> Path:
    (folder / "docs").mkdir()
    for number, text in enumerate(texts):
        (folder / "docs" / f"{number:05}.md").write_text(f"# Page {number}\n\n{text}\n", encoding="utf-8")
    return _config(folder, "docs")


def _lines(folder: Path, texts: list[str]) -> Path:
    lines = [json.dumps({"_id": f"{number:05}", "text": text}) for number, text in enumerate(texts)]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return _config(folder, "corpus.jsonl")


def _config(folder: Path, source: str) -> Path:
    config = folder / "config.yaml"
    config.write_text(SETTINGS.format(source=source), encoding="utf-8")
    return config


def _reindex(config: Path, expected: str) -> float:
    """Run the command, and the seconds of the processor that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "rag_flywheel", "--config", str(config), "--json", "reindex"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    decision = json.loads(ended.stdout).get("decision") if ended.stdout else ended.stderr
    if decision != expected:
        raise SystemExit(f"expected {expected}, found {decision} {ended.stdout}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
