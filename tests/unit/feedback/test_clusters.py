"""Which questions are put together, and what such a topic is called."""

import numpy as np

from rag_flywheel.feedback.clusters import alike, clusters, names, typical
from rag_flywheel.ports import Vectors
from tests.fakes.encoder import HashingEncoder


def directions(*degrees: float) -> Vectors:
    """Unit vectors of the plane."""
    radians = np.radians(np.array(degrees, dtype=np.float32))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_questions_that_are_near_one_another_are_put_together_and_a_lone_one_stays_alone() -> None:
    found = clusters(directions(0, 90, 5, 95, 180), near=0.9)
    assert sorted(map(sorted, found)) == [[0, 2], [1, 3], [4]]


def test_a_chain_of_questions_each_near_the_next_is_not_one_topic() -> None:
    found = clusters(directions(0, 20, 40, 60, 80), near=np.cos(np.radians(25)))
    assert max(map(len, found)) == 2
    assert sorted(row for rows in found for row in rows) == [0, 1, 2, 3, 4]


def test_no_questions_are_no_topics_and_equal_ones_are_one() -> None:
    assert clusters(np.zeros((0, 2), dtype=np.float32), near=0.9) == []
    assert clusters(directions(7, 7, 7), near=0.9) == [[0, 1, 2]]


def test_the_most_typical_question_stands_in_the_middle_and_comes_first() -> None:
    assert typical(directions(0, 10, 40)) == 1
    texts = ["how do I export a report", "export report", "how do I export reports to a file"]
    [found] = alike(texts, encoder=HashingEncoder(512), near=0.01)
    assert sorted(found) == [0, 1, 2]
    assert found[0] == typical(HashingEncoder(512).encode_documents(texts))


def test_a_topic_is_named_by_words_that_stand_in_it_and_hardly_elsewhere() -> None:
    groups = [
        ["How do I export a report?", "Can I export the report as PDF?", "report export fails"],
        ["How do I sign in?", "sign in fails"],
    ]
    exporting, signing = names(groups)
    assert set(exporting.split(" · ")) >= {"export", "report"}
    assert signing.startswith("sign")


def test_masked_values_and_common_words_name_nothing() -> None:
    assert names([["What is it?"], ["Is it <PERSON>?"]]) == ["", ""]
