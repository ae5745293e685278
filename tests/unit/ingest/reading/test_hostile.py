"""Every hostile file that we could think of, among good ones."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ingest import build
from ingest.build import Corpus
from ingest.reading.formats import SUFFIXES
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.adapters.privacy.redactor import NoRedactor
from rag_flywheel.config import Config, Ingest
from tests.fakes import hostile, sound
from tests.fakes.hostile import MARK, SECRET
from tests.fakes.rankings import MemoryCache

SETTINGS = Ingest(file_seconds=6, file_memory_mb=512, file_unpacked_mb=50)


def known(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if Path(name).suffix in SUFFIXES}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """All of them, read at once."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "pages").mkdir()
    made = {name: make() for name, make in {**hostile.MUST_BE_NAMED, **hostile.MAY_BE_READ}.items()}
    made |= {name: made[name] + hostile.line(f'"line of {name}"', name) for name in hostile.LINES}
    for name, data in {**known(made), **sound.files()}.items():
        (folder / "pages" / name).write_bytes(data)
    (folder / "pages" / "beside.secret").write_text(SECRET)
    (folder / "pages" / "folder.pdf").mkdir()
    config = Config(file=folder / "config.yaml", sources=("pages",), ingest=SETTINGS)
    files = list_files(config).files
    assert len(files) == len(known(made)) + len(sound.files())
    return build.collect(
        files,
        fingerprint(files),
        settings=config.ingest,
        cache=MemoryCache(),
        redactor=lambda source: NoRedactor(),
        on_step=lambda done, total: None,
    )


def named(corpus: Corpus) -> Iterator[str]:
    """The files of which something is left out."""
    for left_out in corpus.skipped:
        yield left_out.name.removeprefix("pages/").partition(":")[0].partition(" in ")[0]


def test_good_files_come_through(corpus: Corpus) -> None:
    sentences = sound.sentences()
    assert len(sentences) >= 30
    found = {document.source.removeprefix("pages/"): document.text for document in corpus.documents}
    assert {name for name, text in sentences.items() if text not in found.get(name, "")} == set()


def test_files_with_nothing_to_read_are_named(corpus: Corpus) -> None:
    harmful = {name for name in hostile.MUST_BE_NAMED if Path(name).suffix in SUFFIXES}
    assert len(harmful) >= 50
    assert harmful - set(named(corpus)) == set()
    read = {document.document_id.removeprefix("pages/") for document in corpus.documents}
    assert harmful & read == set()


def test_a_good_line_after_a_bad_one_comes_through(corpus: Corpus) -> None:
    read = {document.document_id for document in corpus.documents}
    assert {f"line of {name}" for name in hostile.LINES} - read == set()


def test_the_others_are_read_or_named(corpus: Corpus) -> None:
    rest = {name for name in hostile.MAY_BE_READ if Path(name).suffix in SUFFIXES}
    read = {document.document_id.removeprefix("pages/") for document in corpus.documents}
    assert rest - read - set(named(corpus)) == set()


def test_no_reason_holds_text_and_no_file_brings_in_another(corpus: Corpus) -> None:
    assert [left_out.name for left_out in corpus.skipped if MARK in left_out.reason] == []
    assert [document.document_id for document in corpus.documents if SECRET in document.text] == []
