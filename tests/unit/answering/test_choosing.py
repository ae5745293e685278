"""Which sentences are chosen, and how they are shown and cited: with values given, so no model is asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from rag_flywheel.answering.choosing import Sentence, candidates, choose, quoted, runs, worths
from rag_flywheel.domain import Citation, Passage
from tests.fakes.samples import found


def worth_of(sentences: Sequence[Sentence], value: Callable[[str], float]) -> list[np.ndarray]:
    return [np.array([value(text) for text in sentence.weighed]) for sentence in sentences]


def answer(value: Callable[[str], float], *passages: Passage, most: int = 4) -> tuple[str, list[Citation]]:
    """What is shown where a text is worth `value`."""
    sentences = candidates(passages)
    worth = dict(zip(sentences, worth_of(sentences, value), strict=True))
    text, citations = "", []
    for run in runs(choose(sentences, [values.max() for values in worth.values()], most)):
        pieces, cited = quoted(run, [worth[sentence] for sentence in run], len(citations) + 1)
        text += "".join(pieces)
        citations += cited
    return text, citations


def with_word(word: str) -> Callable[[str], float]:
    return lambda text: 1.0 if word in text else 0.2


def test_a_sentence_that_points_back_brings_the_one_before_it() -> None:
    text = "Press the red button for long. This turns the alarm off.\n\nThe lamp is green."
    assert answer(with_word("alarm"), found(text), most=2)[0] == text.partition("\n\n")[0] + " [1]"


def test_where_there_is_no_room_for_what_a_sentence_needs_another_is_taken() -> None:
    text = "It is red. It is hot. It is loud.\n\nWait."
    passage = found(f"# Alarm\n\nPress it. {text}")
    shown, _ = answer(
        lambda said: {"Press it": 1.0, "loud": 0.99}.get(said.split("\n")[-1][:8].rstrip("."), 0.2), passage, most=1
    )
    assert shown == "Press it. [1]"


def test_a_paragraph_goes_on_after_the_sentence_that_was_chosen() -> None:
    text = "Plug in the lamp. Restart the box. Wait a minute. Open the lid.\n\nOther things."
    shown, _ = answer(lambda said: 1.0 if "Restart" in said else 0.4, found(text), most=3)
    assert shown == "Restart the box. Wait a minute. Open the lid. [1]"


def test_a_list_without_a_lead_is_shown_below_its_heading() -> None:
    passage = found("- Unplug it.\n- Wait.")
    passage = replace(passage, chunk=replace(passage.chunk, headings=("Reset", "page 3")))
    shown, [cited] = answer(with_word("Unplug"), passage)
    assert shown == "**Reset**\n\n- Unplug it.\n- Wait. [1]"
    assert cited.text == "- Unplug it.\n- Wait."


ROWS = "".join(f"| E{number} | fault {number} |\n" for number in range(500))
TABLE = f"These are the codes:\n\n| code | meaning |\n|---|---|\n{ROWS}"


def test_of_a_long_table_the_header_and_the_rows_that_match_are_shown_each_stretch_cited() -> None:
    shown, cited = answer(lambda text: 0.9 if "| E7 |" in text or "| E70 |" in text else 0.3, found(TABLE))
    assert shown.splitlines() == [
        "These are the codes:",
        "",
        "| code | meaning |",
        "|---|---|",
        "| E7 | fault 7 |",
        "| E70 | fault 70 |",
        "[1][2][3]",
    ]
    assert [citation.text for citation in cited][1:] == ["| E7 | fault 7 |", "| E70 | fault 70 |"]
    assert all(TABLE[citation.start : citation.end] == citation.text for citation in cited)


def test_a_short_table_is_shown_whole() -> None:
    table = TABLE[: TABLE.index("| E9 |")].rstrip()
    shown, [cited] = answer(with_word("E7"), found(table))
    assert (shown, cited.text) == (f"{table}\n[1]", table)


def test_a_long_list_is_shown_as_far_as_it_fits() -> None:
    steps = "".join(f"{number}. Do the step {number}, and do it carefully.\n" for number in range(1, 400))
    shown, _ = answer(with_word("step 7,"), found(f"Do this:\n\n{steps}"))
    assert len(shown) < 4_000
    assert "Do this:" in shown
    assert "step 7," in shown


@pytest.mark.parametrize("text", ["```\n" + "x = 1\n" * 4_000 + "```", "word " * 4_000])
def test_nothing_is_shown_without_end(text: str) -> None:
    shown, _ = answer(with_word("nothing"), found(text))
    assert len(shown) < 4_000
    assert shown.count("```") % 2 == 0


def test_a_header_that_the_passage_only_repeats_is_not_cited() -> None:
    passage = found("| E1 | fault |\n| E2 | fault |", start=500)
    header = found("| code | meaning |\n|---|---|", start=100).chunk
    chunk = replace(passage.chunk, text=f"{header.text}\n{passage.chunk.text}", repeated=(header.span,))
    shown, [cited] = answer(with_word("E2"), replace(passage, chunk=chunk))
    assert "| code | meaning |" in shown
    assert (cited.start, cited.end) == (500, passage.chunk.end)


def test_words_and_numbers_of_the_question_count_rare_ones_more() -> None:
    sentences = candidates([found("The code says what failed. The code 12 is a password. The code 30 is a lock.")])
    equal = worth_of(sentences, lambda _: 0.5)
    first, twelve, thirty = (values.max() for values in worths("What does the code 12 mean?", sentences, equal))
    assert twelve > first > thirty - 0.2
    assert first >= thirty


def test_the_beginning_of_a_section_and_a_better_rank_count() -> None:
    text = "# Reset\n\nHold it down. Let it go."
    sentences = candidates([found(text), found("Nothing to hold.", 2, start=900)])
    opening, later, other = (values.max() for values in worths("How?", sentences, worth_of(sentences, lambda _: 0.5)))
    assert opening > later > other


def test_how_much_likelier_the_search_holds_a_passage_counts_beside_its_rank() -> None:
    def behind(score: float) -> float:
        passages = replace(found("Hold it.", start=9), score=0.5), replace(found("Let it go.", 2, start=9), score=score)
        sentences = candidates(passages)
        first, second = (values.max() for values in worths("How?", sentences, worth_of(sentences, lambda _: 0.5)))
        return float(first - second)

    assert 0.05 < behind(0.45) < 0.06
    assert 0.1 < behind(0.1) < behind(0.0) < 0.5


def test_references_and_broken_sentences_count_less() -> None:
    text = "It is done by hand. The lid opens. See [the guide](https://a.example)."
    sentences = candidates([found(text, start=7)])
    broken, plain, reference = (
        values.max() for values in worths("How?", sentences, worth_of(sentences, lambda _: 0.5))
    )
    assert plain > broken
    assert plain > reference


def test_links_of_a_document_from_the_web_lead_there() -> None:
    passage = found("Read [the guide](guide.html) first.")
    passage = replace(passage, chunk=replace(passage.chunk, document_id="site: https://a.example/docs/start.html"))
    shown, _ = answer(with_word("guide"), passage)
    assert shown == "Read [the guide](https://a.example/docs/guide.html) first. [1]"
