"""Which engine runs the bundled model."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from rag_flywheel.adapters.models import trial
from rag_flywheel.adapters.models.encoder import Running, SentenceEncoder
from rag_flywheel.adapters.models.trial import Chosen, Embed, choose, remember, remembered
from rag_flywheel.errors import ConfigError


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


@pytest.mark.parametrize("text", ["", "{", '["openvino"]', json.dumps({"engine": "openvino"})])
def test_a_damaged_choice_is_made_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)
    assert remembered(tmp_path / "engine.json", machine="here") is None


def test_where_no_folder_keeps_it_nothing_is_written(tmp_path: Path) -> None:
    remember(tmp_path / "none" / "engine.json", Chosen(engine="openvino", reason="", machine=""))
    assert list(tmp_path.iterdir()) == []


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
