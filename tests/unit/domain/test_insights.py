"""Whom an answer is for, and whether it is sensitive, follows from its traits as it does from the answer itself."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rag_flywheel.domain import Citation, DocumentId, FeedbackKind, Groups, Interaction, Json
from rag_flywheel.domain.insights import judgement, traits
from rag_flywheel.domain.readers import ANYBODY, EVERYTHING, Reader
from rag_flywheel.privacy.sensitive import Sensitive
from tests.contract.rows import a_feedback
from tests.fakes.samples import interaction, shown

LIVE = {DocumentId("open"): (), DocumentId("pay"): ("hr",), DocumentId("correction:c1"): ("hr",)}
READERS = (
    EVERYTHING,
    ANYBODY,
    Reader(groups=frozenset({"hr"}), documents=LIVE),
    Reader(groups=frozenset({"it"}), documents=LIVE),
    Reader(groups=frozenset({"it"}), documents=LIVE, before=True),
)


def answers() -> Iterator[Interaction]:
    """With what may be shown and cited, asked in whatever groups."""
    documents = ("open", "pay", "gone", "correction:c1")
    seen_by: tuple[tuple[str, ...] | None, ...] = (None, (), ("it",))
    askers: tuple[Groups, ...] = (None, frozenset(), frozenset({"hr", "staff"}))
    for number, then, groups in itertools.product(range(3), seen_by, askers):
        for names in itertools.combinations(documents, number):
            ranking = [replace(shown(name, rank), groups=then) for rank, name in enumerate(names, 1)]
            asked = replace(interaction(ranking=ranking, citations=0), groups=groups)
            yield asked
            yield replace(asked, group="patients", shown=0)
            for name in names:
                cited = Citation(number=1, document_id=DocumentId(name), title="", text="x", start=0, end=1, score=1.0)
                yield replace(asked, shown=0, citations=(cited,))


@pytest.mark.parametrize("reader", READERS)
def test_who_may_count_every_trait_of_an_answer_is_who_may_read_it(reader: Reader) -> None:
    found = [(reader.reads_interaction(asked), all(map(reader.counts, traits(asked)))) for asked in answers()]
    assert [read for read, _ in found] == [counted for _, counted in found]
    assert len(set(found)) == (1 if reader is EVERYTHING else 2)


@pytest.mark.parametrize("by_source", [True, False])
def test_an_answer_is_told_with_noise_alone_where_one_of_its_traits_or_the_group_of_its_asker_is_sensitive(
    by_source: bool,
) -> None:
    sensitive = Sensitive(
        anything=True,
        by_source=by_source,
        groups=frozenset({"patients", "staff"}),
        file_is=lambda file: by_source and file == "pay.md",
        files={DocumentId(name): f"{name}.md" for name in ("open", "pay")} if by_source else {},
    )
    found = [
        (sensitive.hidden(asked), asked.group in sensitive.groups or not all(map(sensitive.counts, traits(asked))))
        for asked in answers()
    ]
    assert [hidden for hidden, _ in found] == [told for _, told in found]
    assert len(set(found)) == 2


@pytest.mark.parametrize(
    ("kind", "value", "good"),
    [
        (FeedbackKind.THUMB, "up", True),
        (FeedbackKind.THUMB, "down", False),
        (FeedbackKind.STARS, 4, True),
        (FeedbackKind.STARS, 3, False),
        (FeedbackKind.EDITED, "so", False),
        (FeedbackKind.COMMENT, "bad!", None),
        (FeedbackKind.USED, True, None),
    ],
)
def test_a_signal_says_that_an_answer_was_good_or_bad_or_neither(
    kind: FeedbackKind, value: Json, good: bool | None
) -> None:
    assert judgement(replace(a_feedback(), kind=kind, value=value, stage=None)) is good
