"""Tuned cross-encoders, with the bundled model on a toy task."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rag_flywheel.adapters.models.reranker import RerankerFolder
from rag_flywheel.errors import ConfigError, Damaged, NotFound
from rag_flywheel.ports import Pair

COLOURS = ("red", "green", "blue", "white", "black", "pink")
PAIRS = [
    Pair(query=f"the {asked} lamp", text=f"a lamp that shines {told}", relevant=asked == told, cluster=asked)
    for asked in COLOURS
    for told in COLOURS
]


def folder(at: Path, *, epochs: int = 1, base: str = "all-MiniLM-L6-v2") -> RerankerFolder:
    return RerankerFolder(at, base=base, epochs=epochs, learning_rate=3e-4)


@dataclass(frozen=True)
class Tuned:
    folder: Path
    store: RerankerFolder
    digest: str
    steps: list[tuple[int, int]]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    at, steps = tmp_path_factory.mktemp("rerankers"), []
    store = folder(at, epochs=6)
    digest = store.tune(PAIRS, seed=1, on_step=lambda done, total: steps.append((done, total)))
    return Tuned(folder=at, store=store, digest=digest, steps=steps)


def test_tuning_teaches_it_to_tell_answers_from_near_misses(
    tuned: Tuned,
) -> None:
    model = tuned.store.load(tuned.digest)
    for asked in COLOURS:
        scores = model.score(f"the {asked} lamp", [f"a lamp that shines {told}" for told in COLOURS])
        assert scores.argmax() == COLOURS.index(asked)


def test_scores_are_logits_one_a_text(tuned: Tuned) -> None:
    model = tuned.store.load(tuned.digest)
    scores = model.score("the red lamp", ["a lamp that shines red", "a lamp that shines blue", ""])
    assert (scores.shape, scores.dtype) == ((3,), np.float32)
    assert scores.min() < 0  # a probability would not be
    assert model.score("the red lamp", []).shape == (0,)


def test_a_score_does_not_depend_on_what_is_scored_with_it(
    tuned: Tuned,
) -> None:
    model = tuned.store.load(tuned.digest)
    together = model.score("the red lamp", ["a lamp that shines red", "something much longer " * 20])
    assert together[0] == pytest.approx(model.score("the red lamp", ["a lamp that shines red"])[0], abs=1e-4)


def test_each_step_is_reported_up_to_the_last(tuned: Tuned) -> None:
    steps = tuned.steps
    assert [done for done, _ in steps] == list(range(1, len(steps) + 1))
    assert {total for _, total in steps} == {len(steps)}


def test_a_seed_decides_the_digest_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept = folder(tmp_path)
    few = PAIRS[:8]
    first, second, other = (kept.tune(few, seed=seed, on_step=lambda done, total: None) for seed in (1, 1, 2))
    assert first == second != other
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first, other])  # and no work is left behind
    kept.load(first).score("q", ["t"])
    assert capfd.readouterr().out == ""


def test_what_is_not_kept_is_not_found(tmp_path: Path) -> None:
    assert not folder(tmp_path).has("0123456789abcdef")
    with pytest.raises(NotFound, match="reindex"):
        folder(tmp_path / "never made").load("0123456789abcdef")


def test_only_what_is_named_is_kept_and_dead_runs_leave_nothing(tmp_path: Path) -> None:
    for name in ("a", "b", "tuning-dead"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    kept = folder(tmp_path)
    kept.keep_only({"a", "unknown"})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (kept.has("a"), kept.has("b")) == (True, False)
    folder(tmp_path / "never made").keep_only(set())


def test_a_loaded_one_that_is_kept_no_longer_is_not_found(tuned: Tuned, tmp_path: Path) -> None:
    kept, digest = folder(tmp_path), tuned.digest
    shutil.copytree(tuned.folder / digest, tmp_path / digest)
    held = kept.load(digest)
    assert kept.load(digest) is held
    kept.keep_only(set())
    with pytest.raises(NotFound):
        kept.load(digest)
    assert held.score("q", ["t"]).shape == (1,)  # a version that is still open goes on


def test_a_broken_one_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "0123").mkdir()
    with pytest.raises(Damaged, match="0123"):
        folder(tmp_path).load("0123")


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json", "modules.json"])
@pytest.mark.parametrize("left", [0, 100])  # bytes
def test_one_of_whose_files_the_end_is_missing_is_damaged(tuned: Tuned, tmp_path: Path, file: str, left: int) -> None:
    copy = shutil.copytree(tuned.folder / tuned.digest, tmp_path / "0123")
    (copy / file).write_bytes((copy / file).read_bytes()[:left])
    with pytest.raises(Damaged, match="0123"):
        folder(tmp_path).load("0123")


@pytest.mark.parametrize("relevant", [True, False])
def test_pairs_of_one_kind_cannot_be_learned_from(tmp_path: Path, relevant: bool) -> None:
    with pytest.raises(ValueError, match="relevant and irrelevant"):
        folder(tmp_path).tune(
            [Pair(query="q", text="t", relevant=relevant, cluster="g")], seed=0, on_step=lambda done, total: None
        )


def test_a_base_that_cannot_be_loaded_is_an_error_of_the_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reranker\.base"):
        folder(tmp_path, base=str(tmp_path / "none")).tune(PAIRS, seed=0, on_step=lambda done, total: None)
    assert list(tmp_path.iterdir()) == []
