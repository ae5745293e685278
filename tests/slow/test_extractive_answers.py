"""Answers in a real manual's own words, to its readers' questions and to those of strangers."""

import json
from pathlib import Path

import pytest

from rag_flywheel.adapters.models.encoder import SentenceEncoder
from rag_flywheel.answering.extractive import Extractive
from tests.fakes.samples import found
from tests.paths import DATA
from tests.unit.answering.test_extractive import ask


@pytest.mark.skipif(not (DATA / "emanual-tv").is_dir(), reason=f"no data sets in {DATA}: set RAG_FLYWHEEL_DATA")
def test_a_real_manual_answers_its_readers_and_refuses_strangers() -> None:
    encoder = SentenceEncoder("all-MiniLM-L6-v2", batch=32, query_prefix="", document_prefix="")
    generator = Extractive(encoder, minimum_similarity=0.4, sentences=3)
    manual = _lines(DATA / "emanual-tv" / "corpus.jsonl")[:20]
    vectors = encoder.encode_documents([f"{section['title']}\n{section['text']}" for section in manual])
    qrels = (DATA / "emanual-tv" / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    judged = {line.split("\t")[0] for line in qrels if line.split("\t")[1] in {section["_id"] for section in manual}}
    readers = [line["text"] for line in _lines(DATA / "emanual-tv" / "queries.jsonl") if line["_id"] in judged][:30]
    strangers = [line["text"] for line in _lines(DATA / "xquad-en" / "queries.jsonl")[::40]]

    def answered(question: str) -> bool:
        cosines = vectors @ encoder.encode_queries([question])[0]
        nearest = [
            found(manual[at]["text"], rank, dense=float(cosines[at]))
            for rank, at in enumerate(cosines.argsort()[::-1][:5], start=1)
        ]
        return ask(generator, question, *nearest)[1].answered

    assert len(readers) == len(strangers) == 30
    assert sum(map(answered, readers)) >= 0.9 * len(readers)
    assert sum(map(answered, strangers)) <= 0.05 * len(strangers)


def _lines(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
