"""What a correction is looked at beside."""

from rag_flywheel.domain import Chunk, Evidence
from rag_flywheel.feedback.looking import CHARACTERS, PASSAGES, LivePassages, beside, live_passages
from tests.fakes.samples import chunk, correction, correction_chunk, interaction, shown, span

GUIDE = chunk("guide", "What the guide says.")
FORUM = chunk("forum", "What people say.")


def live(*chunks: Chunk) -> LivePassages:
    return live_passages(chunks, lambda name: name == "guide.md")


def test_the_passages_shown_and_the_words_cited_are_beside_it() -> None:
    asked = interaction(ranking=[shown("guide", 1), shown("forum", 2), shown("third", 3)])  # two were shown
    found = beside(correction(), asked, live(GUIDE, FORUM, chunk("third", "Not shown.")))
    assert found.passages == ("What the guide says.", "What people say.", "text")
    assert found.official == ("What the guide says.",)
    assert not found.replaces_official


def test_the_evidence_stands_first_as_it_was_named() -> None:
    quoted = span("guide", 0, 4).quoted("What the guide said then.")
    assert beside(correction(evidence=[quoted]), interaction(), live()).passages == ("What", "text")


def test_what_it_supersedes_is_not_beside_it() -> None:
    asked = interaction(ranking=[shown("guide", 1), shown("forum", 2)])
    found = beside(correction(supersedes=[span("guide", 0, 4), span("forum", 50, 60)]), asked, live(GUIDE, FORUM))
    assert (found.passages, found.official, found.replaces_official) == (("What people say.",), (), True)


def test_a_passage_that_is_not_live_any_more_is_left_out() -> None:
    asked = interaction(ranking=[shown("gone", 1)], citations=0)
    assert beside(correction(), asked, live(GUIDE)).passages == ()


def test_an_earlier_correction_is_no_official_source() -> None:
    found = live_passages([GUIDE, correction_chunk("c0")], lambda name: True)
    assert found.official == {GUIDE.document_id}


def test_whoever_names_much_evidence_is_looked_at_beside_some_of_it() -> None:
    text = "".join(f"{number:05}" for number in range(5_000))
    named: list[Evidence] = [span("guide", start, start + 5_000).quoted(text) for start in range(0, 20_000, 1_000)]
    found = beside(correction(evidence=named), interaction(), live())
    assert [len(passage) for passage in found.passages] == [CHARACTERS] * PASSAGES
