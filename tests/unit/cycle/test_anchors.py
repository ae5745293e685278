"""What people named stays found, through whole cycles over fakes: renamed, edited, cut otherwise, gone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eval.guardrails.checks import Invariant
from rag_flywheel.cycle.candidate import build_version
from rag_flywheel.cycle.result import CycleResult
from rag_flywheel.domain import DocumentId, Evidence, Fate, GoldenCase
from rag_flywheel.domain.equivalence import normalised
from tests.fakes.samples import correction, interaction, review
from tests.unit.cycle.house import EARLIER, House, built_in
from tests.unit.cycle.household import ground

QUESTION = "How long is the ignition button held?"
WRONG = "Turn the gas tap to the left and hold the ignition button for ten seconds."
LAST = "Then wait until the flame is blue before you close the small door."
RIGHT = "Hold it for half a minute, says the plumber."
PAGE = """# Boiler

The boiler stands in the cellar beside the washing machine.

## Lighting the pilot flame

{} {}

## Service

A plumber looks at it every autumn.
"""


def evidence(house: House, page: str, words: str) -> Evidence:
    """The span of these words on a page, with its quote."""
    text = (house.services.config.folder / page).read_text(encoding="utf-8").strip()
    start = text.index(words)
    return Evidence(document_id=DocumentId(page), start=start, end=start + len(words)).quoted(text)


def supersede(house: House, page: str, words: str = WRONG, *, quoted: bool = True) -> None:
    span = evidence(house, page, words)
    asked = replace(interaction("asked", question=QUESTION, asked=EARLIER), version_id=house.services.index.live())
    house.services.ledger.add_interaction(asked)
    made = correction("c1", of="asked", question=QUESTION, answer=RIGHT, submitted=EARLIER)
    house.services.ledger.add_correction(replace(made, supersedes=(span if quoted else span.place,)))
    house.services.ledger.add_review(review("c1", reviewed=EARLIER))


def judge(house: House, page: str, words: str, question: str = "What closes the page of the boiler?") -> None:
    case = GoldenCase(
        case_id="golden:judged",
        added=EARLIER,
        who="rita",
        origin="added",
        question=question,
        cluster=normalised(question),
        answer=None,
        documents=(),
        evidence=(evidence(house, page, words),),
        answerable=True,
    )
    house.services.ledger.add_golden_case(case)


def went_live(result: CycleResult) -> CycleResult:
    assert result.decision == "promoted", result.reasons
    return result


def shown(house: House) -> str:
    """All that the documents of the live version show."""
    live = house.services.index.live()
    assert live is not None
    return "\n".join(chunk.text for chunk in house.services.index.chunks(live) if not chunk.is_correction)


def solid(text: str) -> str:
    return "".join(text.split())


def rename(house: House, old: str, new: str, edit: Callable[[str], str] = lambda text: text) -> None:
    folder = house.services.config.folder
    text = (folder / old).read_text(encoding="utf-8")
    (folder / old).unlink()
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / new).write_text(edit(text), encoding="utf-8")


def rewrite(house: House, page: str, edit: Callable[[str], str]) -> None:
    rename(house, page, page, edit)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = built_in(tmp_path, "reranker: {minimum_groups: 3}\n", sources="'*.md', '*.html', 'cellar/*.md'")
    house.write("boiler.md", PAGE.format(WRONG, LAST))
    went_live(house.cycle())
    return house


def test_the_first_correction_that_supersedes_goes_live_where_no_question_is_judged(house: House) -> None:
    supersede(house, "boiler.md")
    went_live(house.cycle())
    assert solid(WRONG) not in solid(shown(house))
    assert house.checked(Invariant.STALE)["value"] == 0


def moved_and_edited(text: str) -> str:
    return f"A note by the owner.\n\n{text.replace('# Boiler', '# The boiler').replace('autumn', 'spring')}"


def test_a_superseded_sentence_does_not_come_back_when_its_file_is_renamed_and_edited(house: House) -> None:
    supersede(house, "boiler.md")
    went_live(house.cycle())
    rename(house, "boiler.md", "cellar/heating.md", moved_and_edited)
    result = went_live(house.cycle())
    assert solid(WRONG) not in solid(shown(house))
    assert "blue before you close" in shown(house)
    [followed] = [kept for kept in house.services.ledger.version(result.version).manifest.followed if kept.superseded]
    assert (followed.of, followed.fate) == ("correction:c1", Fate.MOVED)
    assert [span.document_id for span in followed.now] == ["cellar/heating.md"]

    rewrite(house, "cellar/heating.md", lambda text: text.replace("ten seconds.", "ten  \n*seconds*."))
    went_live(house.cycle())
    assert "ignition button for ten" not in " ".join(shown(house).split())


def test_a_superseded_sentence_that_its_owner_puts_right_is_shown_and_no_alarm(house: House) -> None:
    supersede(house, "boiler.md")
    went_live(house.cycle())
    rewrite(house, "boiler.md", lambda text: text.replace("for ten seconds", "for half a minute"))
    result = went_live(house.cycle())
    assert "hold the ignition button for half a minute" in shown(house)
    [followed] = house.services.ledger.version(result.version).manifest.followed
    assert (followed.fate, followed.now) == (Fate.FULFILLED, ())


def test_a_judged_span_is_asked_for_where_it_went_and_is_stale_where_it_is_gone(house: House) -> None:
    judge(house, "boiler.md", LAST)
    went_live(house.cycle(force=True))
    rename(house, "boiler.md", "cellar/heating.md", moved_and_edited)
    result = went_live(house.cycle())
    [followed] = house.services.ledger.version(result.version).manifest.followed
    assert (followed.of, followed.fate) == ("golden:judged", Fate.MOVED)
    assert house.checked(Invariant.STALE)["value"] in (None, 0)
    rewrite(house, "cellar/heating.md", lambda text: text.replace(LAST, ""))
    house.cycle()
    manifest = house.services.ledger.versions()[-1].manifest
    assert [(kept.of, kept.fate) for kept in manifest.followed] == [("golden:judged", Fate.STALE)]


@pytest.mark.parametrize("quoted", [True, False], ids=["with its words", "as an older release kept it"])
def test_a_span_follows_a_paragraph_that_comes_before_it(house: House, quoted: bool) -> None:
    supersede(house, "boiler.md", quoted=quoted)
    rewrite(house, "boiler.md", lambda text: text.replace("The boiler", "It was bought in May.\n\nThe boiler"))
    went_live(house.cycle())
    assert solid(WRONG) not in solid(shown(house))
    assert "It was bought in May." in shown(house)
    assert "Then wait until the flame is blue" in shown(house)


def test_a_confirmed_answer_is_found_by_its_question_when_its_page_is_renamed_and_edited(house: House) -> None:
    for page in ("pump", "lamp", "door", "oven"):
        house.praise(page, f"How do I care for the {page} of our house?")
    rename(house, "lamp.md", "lights.md", lambda text: f"A first line.\n\n{text}")
    rewrite(house, "door.md", lambda text: text.replace("twice per year", "once per month"))
    built = build_version(*ground(house.services))
    known = {chunk.document_id for chunk in built.chunks if chunk.confirmed is not None}
    assert known == {"pump.md", "lights.md", "oven.md"}
