"""Texts to vectors with the bundled model."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from rag_flywheel.adapters.models.encoder import SentenceEncoder, model_path
from rag_flywheel.errors import ConfigError


def encoder(*, query_prefix: str = "", document_prefix: str = "") -> SentenceEncoder:
    return SentenceEncoder("all-MiniLM-L6-v2", batch=4, query_prefix=query_prefix, document_prefix=document_prefix)


@pytest.fixture(scope="module")
def bundled() -> SentenceEncoder:
    return encoder()


def test_vectors_are_unit_rows_of_the_models_dimension(bundled: SentenceEncoder) -> None:
    vectors = bundled.encode_documents(["a button", "the weather", "电视", ""])
    assert (bundled.name, bundled.dimension) == ("all-MiniLM-L6-v2", 384)
    assert (vectors.shape, vectors.dtype) == ((4, 384), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_the_bundled_model_gives_the_vectors_that_sentence_transformers_gives(bundled: SentenceEncoder) -> None:
    texts = [
        "",
        " ",
        "a",
        "Überraschend naïve 电视 \U0001f600",
        "`x = 1`\n\n| a | b |",
        "\x00\u200b",
        "word " * 400,
        "?" * 3000,
    ]
    texts += [f"How do I set option {number} " + "of the recorder " * number for number in range(40)]
    vendor = SentenceTransformer(model_path("all-MiniLM-L6-v2"), device="cpu")
    expected = vendor.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    assert bundled.encode_documents(texts) == pytest.approx(expected, abs=2e-5)


def test_the_bundled_model_is_run_without_what_takes_seconds_to_import() -> None:
    program = (
        "import sys\n"
        "from rag_flywheel.adapters.models.encoder import SentenceEncoder\n"
        "SentenceEncoder('all-MiniLM-L6-v2', batch=1, query_prefix='', document_prefix='').encode_queries(['x'])\n"
        "print({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_means_the_same_is_nearer_than_what_does_not(bundled: SentenceEncoder) -> None:
    query = bundled.encode_queries(["How can I turn the volume up?"])[0]
    same, other = bundled.encode_documents(["Raising the loudness of the sound", "Cleaning the screen with a cloth"])
    assert query @ same > query @ other + 0.2


def test_tokens_that_tell_something_have_vectors_that_keep_the_words_apart(bundled: SentenceEncoder) -> None:
    texts = ["The valve of the boiler, closed.", "Lemons are sour.", "of the", ""]
    whole, by_token = bundled.encode_documents_by_token(texts)
    assert np.array_equal(whole, bundled.encode_documents(texts))
    assert [len(tokens) for tokens in by_token] == [3, 3, 4, 2]  # without such tokens every one counts, [CLS] too
    lengths = np.linalg.norm(np.concatenate(by_token), axis=1)
    assert lengths == pytest.approx(np.ones(len(lengths)), abs=1e-5)
    [asked] = bundled.encode_queries_by_token(["Which valve is closed?"])[1]
    near, far = ((asked @ tokens.T).max(axis=1).mean() for tokens in by_token[:2])
    assert len(asked) == 2
    assert near > far + 0.2


def test_no_texts_give_no_rows(bundled: SentenceEncoder) -> None:
    assert bundled.encode_documents([]).shape == (0, 384)
    assert bundled.encode_queries([]).shape == (0, 384)
    assert bundled.encode_documents_by_token([])[1] == bundled.encode_queries_by_token([])[1] == []


def test_each_kind_of_text_gets_its_own_prefix(bundled: SentenceEncoder) -> None:
    prefixed = encoder(query_prefix="query: ", document_prefix="passage: ")
    assert prefixed.encode_queries(["red"]) == pytest.approx(bundled.encode_queries(["query: red"]), abs=1e-6)
    assert prefixed.encode_documents(["red"]) == pytest.approx(bundled.encode_documents(["passage: red"]), abs=1e-6)


def test_a_text_has_one_vector_whatever_it_is_encoded_with(bundled: SentenceEncoder) -> None:
    together = bundled.encode_documents(["red", "a much longer text about a quite different matter " * 5])[0]
    assert together == pytest.approx(bundled.encode_documents(["red"])[0], abs=1e-5)


def test_many_threads_at_once_load_it_once_and_get_the_same_vectors() -> None:
    fresh = encoder()
    texts = [f"text {number} " * number for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(lambda text: fresh.encode_documents([text])[0], texts))
    assert np.stack(vectors) == pytest.approx(fresh.encode_documents(texts), abs=1e-5)


def test_loading_and_encoding_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    encoder().encode_queries(["quiet"])
    assert capfd.readouterr().out == ""


def test_a_model_that_cannot_be_loaded_is_an_error_of_the_settings(tmp_path: Path) -> None:
    broken = SentenceEncoder(str(tmp_path / "none"), batch=1, query_prefix="", document_prefix="")
    with pytest.raises(ConfigError, match=r"embedder\.model"):
        broken.encode_queries(["x"])


def test_a_name_is_the_bundled_model_a_folder_or_a_hub_name(tmp_path: Path) -> None:
    assert Path(model_path("all-MiniLM-L6-v2")).is_dir()
    assert model_path("sentence-transformers/all-MiniLM-L6-v2") == model_path("all-MiniLM-L6-v2")
    assert model_path(str(tmp_path)) == str(tmp_path)
    assert model_path("intfloat/e5-small-v2") == "intfloat/e5-small-v2"


def test_tokens_are_counted_as_the_model_counts_them_and_what_is_longest_is_embedded_whole() -> None:
    texts = ["Hold the button for 5 seconds.", "电视 überraschend `x = 1` naïve", "", "word " * 300]
    prefixed = encoder(document_prefix="passage: ")
    model = SentenceTransformer(model_path("all-MiniLM-L6-v2"), device="cpu")
    expected = [len(model.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
    assert prefixed.count_tokens(texts) == expected
    fits = "word " * prefixed.longest
    whole, cut = (model.tokenizer(f"passage: {text}")["input_ids"] for text in (fits, f"{fits} more"))
    assert (len(whole), len(cut)) == (model.max_seq_length, model.max_seq_length + 1)


def test_a_model_without_a_tokenizer_of_its_own_in_its_folder_is_loaded_to_count(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_path("all-MiniLM-L6-v2"), folder)
    (folder / "sentence_bert_config.json").unlink()
    bare = SentenceEncoder(str(folder), batch=1, query_prefix="", document_prefix="")
    assert bare.count_tokens(["one two three"]) == [3]
    assert bare.longest > 100
    assert (bare.token_dimension, bare.encode_queries_by_token(["one"])[1][0].size) == (0, 0)
