"""Which engine runs the bundled model."""

import errno
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from rag_flywheel.adapters.models import trial
from rag_flywheel.adapters.models.encoder import Running, SentenceEncoder, model_path
from rag_flywheel.adapters.models.engines import ENGINES, STEP, Run, check_places, in_openvino, rounded
from rag_flywheel.adapters.models.trial import Chosen, Embed, choose, remember, remembered
from rag_flywheel.errors import ConfigError

LENGTHS = """
from pathlib import Path
import numpy as np
from rag_flywheel.adapters.models.encoder import model_path
from rag_flywheel.adapters.models.engines import in_openvino

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1000

run = in_openvino(Path(model_path("all-MiniLM-L6-v2")) / "model.safetensors")
for length in (256, 128):
    run(*np.ones((2, 4, length), dtype=np.int64))
before = held()
for length in range(1, 257, 2):
    run(*np.ones((2, 4, length), dtype=np.int64))
print(held() - before)
"""
"""Prints by how many MB a process grows while it embeds batches of many lengths, after the longest."""


def engine(*, seconds: float, cosine: float = 1.0) -> Embed:
    """One that takes its time, and gives vectors this near to those of another."""

    def embed(texts: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        time.sleep(seconds)
        row = np.array([cosine, np.sqrt(1 - cosine**2)], dtype=np.float32)
        return np.tile(row, (len(texts), 1))

    return embed


@pytest.mark.parametrize(
    ("seconds", "cosine", "taken"), [(0.01, 1.0, "openvino"), (0.01, 0.99, "onnxruntime"), (0.08, 1.0, "onnxruntime")]
)
def test_an_engine_is_taken_where_it_is_faster_and_gives_the_same(seconds: float, cosine: float, taken: str) -> None:
    chosen = choose(engine(seconds=0.04), engine(seconds=seconds, cosine=cosine), machine="m")
    assert chosen.engine == taken
    assert f"{cosine:.5f}" in chosen.reason


def test_what_was_chosen_holds_for_the_machine_that_chose_it(tmp_path: Path) -> None:
    file = tmp_path / "engine.json"
    chosen = Chosen(engine="openvino", reason="faster", machine="here")
    remember(file, chosen)
    assert remembered(file, machine="here") == chosen
    assert remembered(file, machine="elsewhere") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '["openvino"]',
        json.dumps({"engine": "openvino"}),
        json.dumps({"engine": "another", "reason": "", "machine": "here"}),
    ],
)
def test_a_damaged_choice_is_made_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)
    assert remembered(tmp_path / "engine.json", machine="here") is None


def test_where_no_folder_keeps_it_nothing_is_written(tmp_path: Path) -> None:
    remember(tmp_path / "none" / "engine.json", Chosen(engine="openvino", reason="", machine=""))
    assert list(tmp_path.iterdir()) == []


def test_a_choice_that_cannot_be_kept_is_no_error_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "engine.json").mkdir()  # what no file can take the place of
    remember(tmp_path / "engine.json", Chosen(engine="openvino", reason="", machine=""))
    assert [file.name for file in tmp_path.iterdir()] == ["engine.json"]


def encoder(running: Running) -> SentenceEncoder:
    return SentenceEncoder("all-MiniLM-L6-v2", batch=4, query_prefix="", document_prefix="", running=running)


def test_without_openvino_nothing_is_tried_and_naming_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "FASTER", "no-such-package")
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    usual = encoder(Running(engine="auto", remembered=tmp_path / "engine.json"))
    usual.encode_queries(["red"])
    assert usual.runs_on == "onnxruntime"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=r"embedder\.engine: 'openvino' cannot run here .*pip install"):
        encoder(Running(engine="openvino")).encode_queries(["red"])


@pytest.mark.parametrize("error", [ImportError, RuntimeError, OSError, ConfigError])
@pytest.mark.parametrize("before", [False, True])
def test_where_openvino_does_not_start_auto_takes_the_default_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception], before: bool
) -> None:
    def broken(weights: Path) -> Run:
        raise error(f"{weights.name} cannot be read")

    file = tmp_path / "engine.json"
    monkeypatch.setitem(ENGINES, "openvino", broken)
    monkeypatch.setattr(trial, "machine", lambda: "here")
    if before:
        remember(file, Chosen(engine="openvino", reason="faster", machine="here"))
    usual = encoder(Running(engine="auto", remembered=file))
    assert usual.encode_queries(["red"]).shape == (1, 384)
    assert usual.runs_on == f"onnxruntime: OpenVINO cannot run here ({error.__name__})"
    with pytest.raises(ConfigError):
        encoder(Running(engine="openvino")).encode_queries(["red"])


def test_a_full_disk_is_no_choice_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether OpenVINO is faster is tried at the next start, when there may be room for its copy of the weights."""

    def full(weights: Path) -> Run:
        raise OSError(errno.ENOSPC, "No space left on device", str(weights))

    monkeypatch.setitem(ENGINES, "openvino", full)
    monkeypatch.setattr(trial, "machine", lambda: "here")
    encoder(Running(engine="auto", remembered=tmp_path / "engine.json")).encode_queries(["red"])
    assert list(tmp_path.iterdir()) == []


def test_openvino_is_given_no_weights_that_stand_elsewhere_than_its_graph_says(tmp_path: Path) -> None:
    """A release of the model whose file has another order gives an error, and no wrong vectors."""
    installed = Path(model_path("all-MiniLM-L6-v2")) / "model.safetensors"
    check_places(installed)
    other = load_file(installed)
    save_file({f"first.{name}": value for name, value in other.items()}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=r"embedder\.engine: .*digest of its header .*expected a1621c"):
        in_openvino(tmp_path / "model.safetensors")


def test_texts_of_all_lengths_come_to_few_shapes_of_batches_in_openvino() -> None:
    """It keeps memory for each shape: without this a server's would grow for days."""
    batches = [rounded(np.ones((8, length), dtype=np.int64)) for length in range(1, 257)]
    assert len({batch.shape for batch in batches}) == 256 / STEP
    assert [batch.sum() for batch in batches] == [8 * length for length in range(1, 257)]


def test_openvino_holds_no_more_memory_for_each_length(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    program = tmp_path / "lengths.py"
    program.write_text(LENGTHS, encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 60


def test_openvino_gives_the_vectors_of_onnx_runtime(tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    texts = ["a red valve", "word " * 300, "", *trial.TRIED]
    usual, other = (encoder(Running(engine=name)) for name in ("onnxruntime", "openvino"))
    assert (usual.encode_documents(texts) * other.encode_documents(texts)).sum(axis=1).min() > trial.LEAST_COSINE
    tokens = [each.encode_documents_by_token(texts)[1] for each in (usual, other)]
    assert all(of.shape == own.shape for of, own in zip(*tokens, strict=True))
    tried = encoder(Running(engine="auto", remembered=tmp_path / "engine.json"))
    tried.encode_queries(["red"])
    kept = json.loads((tmp_path / "engine.json").read_text())
    assert tried.runs_on == f"{kept['engine']}: {kept['reason']}"
