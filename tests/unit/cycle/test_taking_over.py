"""What a candidate takes over from the live version, and what makes it write everything anew."""

from dataclasses import replace

from rag_flywheel.config import Embedder, Privacy, Source
from rag_flywheel.cycle import taking_over
from rag_flywheel.domain import VersionId
from rag_flywheel.services import Services
from rag_flywheel.wiring import redactor_of
from tests.fakes.samples import chunk, confirmed_chunk, correction_chunk

LIVE = VersionId("v1")
PAGES = [chunk(f"d{number}", text=f"The pump {number} is loud.") for number in range(40)]
CORRECTION = correction_chunk("c1")
KNOWN = confirmed_chunk(PAGES[0], "Why is it loud?")


def test_only_what_changed_or_came_is_written_and_what_changed_or_went_is_taken_out() -> None:
    changed, new = replace(PAGES[1], title="Another title"), chunk("new", text="The boiler is quiet.")
    now = [PAGES[0], changed, *PAGES[3:], new, CORRECTION]
    like = taking_over.most_of(LIVE, [*PAGES, CORRECTION], now)
    assert like is not None
    assert like.without == (PAGES[1], PAGES[2])
    assert taking_over.new(now, [*PAGES, CORRECTION]) == [changed, new]


def test_a_persons_words_that_are_gone_or_other_ones_leave_no_copy_of_them_in_the_files() -> None:
    before = [*PAGES, CORRECTION, KNOWN]
    assert taking_over.most_of(LIVE, before, [*PAGES, KNOWN]) is None
    assert taking_over.most_of(LIVE, before, [*PAGES, CORRECTION]) is None
    reworded = replace(CORRECTION, text="Another answer altogether.", end=26)
    assert taking_over.most_of(LIVE, before, [*PAGES, reworded, KNOWN]) is None


def test_a_correction_that_went_leaves_nothing_though_another_person_says_the_same() -> None:
    same = correction_chunk("c2")
    assert (same.text, same.question) == (CORRECTION.text, CORRECTION.question)
    assert taking_over.most_of(LIVE, [*PAGES, CORRECTION], [*PAGES, same]) is None


def test_a_confirmed_question_that_leads_to_a_changed_passage_is_still_that_persons() -> None:
    changed = replace(PAGES[0], title="Another title")
    now = [changed, *PAGES[1:], CORRECTION, confirmed_chunk(changed, "Why is it loud?")]
    like = taking_over.most_of(LIVE, [*PAGES, CORRECTION, KNOWN], now)
    assert like is not None
    assert set(like.without) == {PAGES[0], KNOWN}


def test_where_much_has_changed_all_is_written() -> None:
    assert taking_over.most_of(LIVE, PAGES, PAGES[5:]) is None


def _recipe(household: Services, **changes: object) -> str:
    config = household.config.model_copy(update=changes)
    return taking_over.recipe(
        replace(household, config=config, document_redactor=lambda source: redactor_of(config, source.policy))
    )


def test_another_model_makes_other_entries_and_another_engine_does_not(household: Services) -> None:
    plain = _recipe(household, embedder=Embedder())
    assert plain != _recipe(household, embedder=Embedder(model="other"))
    assert plain == _recipe(household, embedder=Embedder(engine="openvino"))


def test_where_documents_are_masked_otherwise_than_before_all_is_written_so_that_no_file_keeps_what_is_masked_now(
    household: Services,
) -> None:
    source = Source(path="docs")
    plain = _recipe(household, sources=(source,), privacy=Privacy())
    assert plain != _recipe(household, sources=(source,), privacy=Privacy(redact=False))
    assert plain != _recipe(household, sources=(source.model_copy(update={"mask": "full"}),), privacy=Privacy())
    assert plain == _recipe(household, sources=(source.model_copy(update={"groups": ("staff",)}),), privacy=Privacy())
