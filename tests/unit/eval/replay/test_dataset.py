"""What a replay is made of, read from a BEIR folder."""

from pathlib import Path

import pytest

from eval.replay.dataset import load
from rag_flywheel.errors import InvalidInput
from tests.fakes import beir


def test_questions_come_with_their_answer_their_wordings_and_what_is_judged_to_answer_them(tmp_path: Path) -> None:
    dataset = load(beir.write(tmp_path / "things"))
    assert dataset.name == "things"
    assert len(dataset.documents) == 12
    assert dataset.documents[0].title == "Boiler"
    first = dataset.queries[0]
    assert (first.query_id, first.cluster, first.relevant) == ("boiler-0", "boiler", {"page-boiler"})
    assert first.answer == "Boiler pilot flame: hold ignition ten seconds."


def test_questions_that_cannot_be_replayed_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    extra = [
        {"_id": "refused", "text": "Who won?", "answer": "", "answerable": False},
        {"_id": "silent", "text": "What of the boiler?", "cluster": "boiler"},
        {"_id": "unjudged", "text": "What of the sea?", "answer": "It is salt."},
        {"_id": "elsewhere", "text": "What of the sky?", "answer": "It is blue."},
    ]
    judged = [*beir.judgements(), ("silent", "page-boiler", 1), ("elsewhere", "page-of-another-corpus", 1)]
    dataset = load(beir.write(tmp_path, asked=[*beir.queries(), *extra], judged=judged))
    assert {query.query_id for query in dataset.queries} == {query["_id"] for query in beir.queries()}
    assert "4 of 40 questions" in caplog.text


def test_a_question_without_a_cluster_is_one_of_its_own(tmp_path: Path) -> None:
    single = {"_id": "alone", "text": "What is a boiler?", "answer": "It heats."}
    judged = [*beir.judgements(), ("alone", "page-boiler", 1)]
    dataset = load(beir.write(tmp_path, asked=[*beir.queries(), single], judged=judged))
    assert [query.query_id for query in dataset.queries if query.cluster == dataset.queries[-1].cluster] == ["alone"]


def test_too_few_questions_with_a_second_wording_are_refused_with_what_to_do(tmp_path: Path) -> None:
    asked = [query for query in beir.queries() if query["cluster"] in ("boiler", "freezer", "kettle")]
    judged = [row for row in beir.judgements() if row[0] in {query["_id"] for query in asked}]
    with pytest.raises(InvalidInput, match=r"queries.jsonl: 3 questions have two .* at least 4: give wordings"):
        load(beir.write(tmp_path, asked=asked, judged=judged))


def test_a_folder_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"corpus.jsonl does not exist: a data set is a folder with"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({"title": "A", "text": "b"}, "_id should be a text that is not empty, found a NoneType"),
        ({"_id": "page-boiler", "text": "b"}, "_id page-boiler came before"),
        ({"_id": "x", "text": 3}, "title and text should be texts"),
    ],
)
def test_a_wrong_line_of_the_corpus_is_named(tmp_path: Path, page: dict[str, object], said: str) -> None:
    beir.write(tmp_path, pages=[*beir.documents(), page])
    with pytest.raises(InvalidInput, match=rf"corpus.jsonl:13: {said}"):
        load(tmp_path)


def test_a_line_of_the_corpus_that_is_no_json_is_named(tmp_path: Path) -> None:
    beir.write(tmp_path)
    (tmp_path / "corpus.jsonl").write_text("[1]\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"corpus.jsonl:1: expected an object with _id and text, found a list"):
        load(tmp_path)
    (tmp_path / "corpus.jsonl").write_text("\n{", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"corpus.jsonl:2: not JSON"):
        load(tmp_path)
    (tmp_path / "corpus.jsonl").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"corpus.jsonl:1: not JSON that can be read"):
        load(tmp_path)
