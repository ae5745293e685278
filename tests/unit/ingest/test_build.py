"""Sources and corrections to entries; nothing unchanged is worked on again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ingest import build
from ingest.corrections import Accepted, accepted
from ingest.forms import Forms
from ingest.reading.raw import Skipped
from ingest.reading.sources import fingerprint, list_files
from rag_flywheel.config import Config, Ingest
from rag_flywheel.domain import Document, ReviewedCorrection
from rag_flywheel.ports import Redacted
from rag_flywheel.search.texts import SENTENCES_AT_MOST
from tests.fakes.encoder import HashingEncoder
from tests.fakes.rankings import MemoryCache
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import chunk, confirmed_chunk, correction, review, span

PAGE = "# Pump\n\nWrite to help@example.org about the pump and its noise at night.\n"
NOTHING = Accepted(documents=(), hiding=(), superseded=())


def collect(
    folder: Path,
    cache: MemoryCache,
    redactor: FakeRedactor,
    *,
    megabytes: int = 512,
    on_step: build.Step = lambda done, total: None,
) -> tuple[list[Document], list[Skipped]]:
    config = Config(file=folder / "config.yaml", sources=("pages",), ingest=Ingest(file_unpacked_mb=megabytes))
    files = list_files(config).files
    corpus = build.collect(
        files,
        fingerprint(files),
        settings=config.ingest,
        cache=cache,
        redactor=lambda source: redactor,
        on_step=on_step,
    )
    return list(corpus.documents), list(corpus.skipped)


def read(cache: MemoryCache) -> list[str]:
    return [key for key in cache.values if key.startswith("read:")]


def write(folder: Path, name: str, text: str) -> None:
    (folder / "pages").mkdir(exist_ok=True)
    (folder / "pages" / name).write_text(text)


def test_personal_data_is_masked_before_anything_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "pump.md", PAGE)
    cache = MemoryCache()
    (document,), _ = collect(tmp_path, cache, FakeRedactor())
    assert "help@example.org" not in document.text
    assert "<EMAIL_ADDRESS>" in document.text
    assert not any(b"help@example.org" in value for value in cache.values.values())


def test_an_unchanged_file_is_neither_read_nor_masked_again(tmp_path: Path) -> None:
    write(tmp_path, "pump.md", PAGE)
    cache = MemoryCache()
    first = collect(tmp_path, cache, FakeRedactor())
    write(tmp_path, "new.md", "# New\n\nAn altogether new page about the boiler and its dial.\n")
    redactor = FakeRedactor()
    second, _ = collect(tmp_path, cache, redactor)
    assert len(second) == 2
    assert first[0][0] in second
    assert not any("pump" in text for text in redactor.texts)


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.md", PAGE)
    write(tmp_path, "b.md", PAGE)
    write(tmp_path, "empty.md", "")
    documents, skipped = collect(tmp_path, MemoryCache(), FakeRedactor())
    assert [document.document_id for document in documents] == ["pages/a.md"]
    assert {left_out.name for left_out in skipped} == {"pages/b.md", "pages/empty.md"}


def test_superseded_spans_are_hidden_and_counted(tmp_path: Path) -> None:
    text = "The pump is loud at night. The filter is rinsed under cold water every month."
    document = Document(document_id=span("d").document_id, title="Pump", text=text, source="d.md")
    hidden = Accepted(documents=(), hiding=((span("d", 0, 26), ()),), superseded=())
    settings = Config(file=tmp_path / "c.yaml").ingest
    forms, counts = build.cut(
        [document], hidden, skipped=0, settings=settings, counter=HashingEncoder(), cache=MemoryCache()
    )
    [piece] = forms.chunks
    assert piece.text == text[27:]
    assert (counts.documents, counts.passages, counts.superseded) == (1, 1, 1)


def test_a_document_that_was_cut_before_is_not_cut_again(tmp_path: Path) -> None:
    settings, nothing, cache = Config(file=tmp_path / "c.yaml").ingest, NOTHING, MemoryCache()
    pages = [
        Document(
            document_id=span(name).document_id, title="Pump", text=f"# Pump\n\nThe {name} pump is loud.", source="d"
        )
        for name in ("red", "blue")
    ]

    class Counting(HashingEncoder):
        counted = 0

        def count_tokens(self, texts: Sequence[str]) -> list[int]:
            Counting.counted += len(texts)
            return super().count_tokens(texts)

    def cut(documents: Sequence[Document]) -> Forms:
        return build.cut(documents, nothing, skipped=0, settings=settings, counter=Counting(), cache=cache)[0]

    first, at_first = cut(pages), Counting.counted
    assert cut(pages) == first
    assert Counting.counted == at_first
    edited = [pages[0], replace(pages[1], text="# Pump\n\nThe blue pump is quiet.")]
    assert cut(edited).chunks[0] == first.chunks[0]
    assert cut(edited).chunks[1].text == "# Pump\n\nThe blue pump is quiet."
    french = [replace(pages[0], language="fr", declared=True)]
    assert [piece.language for piece in cut(french).chunks] == ["fr"]


def test_a_correction_has_the_vector_of_its_question_beside_that_of_question_and_answer(tmp_path: Path) -> None:
    found = accepted([ReviewedCorrection(correction=correction("c1"), review=review("c1"))])
    document = Document(document_id=span("d").document_id, title="T", text="Some words of the source here.", source="d")
    forms, counts = build.cut(
        [document],
        found,
        skipped=0,
        settings=Config(file=tmp_path / "c.yaml").ingest,
        counter=HashingEncoder(),
        cache=MemoryCache(),
    )
    assert (counts.passages, counts.corrections) == (1, 1)
    encoder = HashingEncoder()
    (batch,) = build.entries(forms.chunks, encoder=encoder, titles=False, on_step=lambda done, total: None)
    source, corrected = batch
    assert source.question_vector is None
    assert corrected.question_vector is not None
    assert np.array_equal(corrected.question_vector, encoder.encode_queries(["How do I roll back?"])[0])
    assert np.array_equal(
        corrected.vector, encoder.encode_documents(["How do I roll back?\nRun rag-flywheel rollback."])[0]
    )


def test_a_known_question_has_its_own_vector_beside_that_of_itself_with_the_passage_it_leads_to() -> None:
    encoder, piece = HashingEncoder(), chunk("d", "Some words of the source here.")
    known = confirmed_chunk(piece, "What does it say?")
    (batch,) = build.entries([piece, known], encoder=encoder, titles=True, on_step=lambda done, total: None)
    itself, asked = batch
    assert itself.question_vector is None
    together = "What does it say?\nSome words of the source here."
    assert np.array_equal(asked.vector, encoder.encode_documents([together])[0])
    assert asked.question_vector is not None
    assert np.array_equal(asked.question_vector, encoder.encode_queries(["What does it say?"])[0])


def test_a_passage_has_the_vectors_of_its_sentences_below_their_heading() -> None:
    text = "# Care\n\nRinse the filter. Dry it in the sun."
    heading = chunk("a", text)
    encoder = HashingEncoder()
    piece = replace(heading, headings=("Care",))
    [[entry]] = build.entries([piece], encoder=encoder, titles=True, on_step=lambda done, total: None)
    expected = encoder.encode_documents(["Care\nRinse the filter.", "Care\nDry it in the sun."])
    assert entry.sentences is not None
    assert np.allclose(entry.sentences[-2:], expected)


def test_passages_have_the_vectors_of_their_tokens_and_known_questions_those_of_their_answer_too() -> None:
    encoder, piece = HashingEncoder(by_token=True), chunk("d", "Some words of the source.")
    known = confirmed_chunk(piece, "What does it say?")
    [[itself, asked]] = build.entries([piece, known], encoder=encoder, titles=False, on_step=lambda done, total: None)
    assert itself.tokens is not None
    assert np.array_equal(itself.tokens, encoder.encode_documents(["Some", "words", "of", "the", "source."]))
    assert asked.tokens is not None
    words = ["What", "does", "it", "say?", "Some", "words", "of", "the", "source."]
    assert np.array_equal(asked.tokens, encoder.encode_documents(words))


def test_the_sentences_of_a_very_long_table_share_vectors() -> None:
    piece = chunk("a", "\n\n".join(f"Row {number} holds value {number}." for number in range(100)))
    [[entry]] = build.entries([piece], encoder=HashingEncoder(), titles=False, on_step=lambda done, total: None)
    assert entry.sentences is not None
    assert 16 <= len(entry.sentences) <= SENTENCES_AT_MOST


def test_a_part_of_a_large_file_that_is_unchanged_is_not_masked_again(tmp_path: Path) -> None:
    lines = "".join(
        json.dumps({"_id": f"d{number}", "text": f"Part {number} is screwed. " * 2000}) + "\n" for number in range(50)
    )
    write(tmp_path, "parts.jsonl", lines)
    cache = MemoryCache()
    assert len(collect(tmp_path, cache, FakeRedactor())[0]) == 50
    write(tmp_path, "parts.jsonl", lines + '{"_id": "new", "text": "The boiler is filled with water."}\n')
    redactor = FakeRedactor()
    documents, _ = collect(tmp_path, cache, redactor)
    assert len(documents) == 51
    assert 0 < len(redactor.texts) < 60


def test_of_many_bad_lines_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    write(tmp_path, "bad.jsonl", "bad\n" * 300_000 + json.dumps({"_id": "good", "text": "These are good words."}))
    (document,), skipped = collect(tmp_path, MemoryCache(), FakeRedactor())
    assert document.document_id == "good"
    assert [left_out.name for left_out in skipped[:20]] == [f"pages/bad.jsonl:{number}" for number in range(1, 21)]
    (more,) = skipped[20:]
    assert (more.name, more.reason) == ("pages/bad.jsonl", "299980 more lines or documents of it are left out")


def test_what_failed_for_a_limit_is_tried_again_and_what_is_damaged_is_remembered(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", "no line of it is good\n")
    write(tmp_path, "b.txt", "The pump is loud. " * 80_000)
    cache = MemoryCache()
    _, skipped = collect(tmp_path, cache, FakeRedactor(), megabytes=1)
    assert [left_out.name for left_out in skipped] == ["pages/a.jsonl:1", "pages/b.txt"]
    assert skipped[1].reason == "comes to more text than ingest.file_unpacked_mb (1)"
    assert len(read(cache)) == 1
    (document,), _ = collect(tmp_path, cache, FakeRedactor())
    assert document.document_id == "pages/b.txt"
    assert len(read(cache)) == 2, "another limit is no reason to read the first again"


def test_what_was_read_before_an_interrupt_is_not_read_again(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path, f"{number}.md", PAGE.replace("pump", f"pump{number}"))
    cache = MemoryCache()

    class Interrupting(FakeRedactor):
        def redact(self, text: str) -> Redacted:
            if "pump3" in text:
                raise KeyboardInterrupt
            return super().redact(text)

    with pytest.raises(KeyboardInterrupt):
        collect(tmp_path, cache, Interrupting())
    redactor = FakeRedactor()
    documents, _ = collect(tmp_path, cache, redactor)
    assert len(documents) == 6
    assert not any("pump2" in text for text in redactor.texts)


def test_progress_is_in_kilobytes_and_moves_inside_a_file_with_many_documents(tmp_path: Path) -> None:
    write(tmp_path, "parts.jsonl", ('{"_id": 1, "text": "' + "Part of a whole file. " * 5000 + '"}\n') * 40)
    steps: list[tuple[int, int]] = []
    collect(tmp_path, MemoryCache(), FakeRedactor(), on_step=lambda done, total: steps.append((done, total)))
    size = (tmp_path / "pages" / "parts.jsonl").stat().st_size / 1024
    assert steps[0] == (0, steps[-1][1])
    assert steps[-1][0] == steps[-1][1] == pytest.approx(size, abs=len(steps))
    assert len(steps) > 4


def test_a_folder_that_is_named_like_a_file_and_a_file_that_nobody_may_read_stop_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a.md", PAGE)
    (tmp_path / "pages" / "folder.pdf").mkdir()
    write(tmp_path, "secret.md", PAGE)
    (tmp_path / "pages" / "secret.md").chmod(0)
    documents, _ = collect(tmp_path, MemoryCache(), FakeRedactor())
    assert "pages/a.md" in {document.document_id for document in documents}
