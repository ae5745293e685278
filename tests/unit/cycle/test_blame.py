"""What took the guard questions that a candidate lost, and the least that is left out for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from eval.questions.golden import Case, Slice
from eval.scores.scorecard import HIT
from rag_flywheel.cycle.blame import Blamed, bearable, blame, sentences
from rag_flywheel.cycle.lost_questions import EXAMINED, Again, Kind, Lost, differences, lost
from rag_flywheel.cycle.scoring_run import ScoringRun
from rag_flywheel.cycle.what_if import asked_again
from rag_flywheel.domain import (
    Admission,
    Candidate,
    Groups,
    LearnedRanking,
    VersionId,
)
from rag_flywheel.ports import ALL_ENGLISH, Vectors
from rag_flywheel.search.fusion import KNOWN, SPARSE, features
from rag_flywheel.search.retrieval import Ranking
from tests.fakes.evaluation import case
from tests.fakes.index import MemoryIndex
from tests.fakes.samples import chunk, correction_chunk
from tests.fakes.services import publish, services

TOPICS = 6
ANYTHING = ("Where is which part of what machine kept?", "Ask in the shop.")  # near to every question about a topic
FENCE = ("Who repairs our garden fences?", "The carpenter does.")
BOLD = Admission(threshold=0.3, words=0.0, passage=0.0)
CLOSE = Admission(threshold=0.7, words=0.0, passage=0.0)
NARROW = Admission(threshold=0.95, words=0.0, passage=0.0)
LIFTING = {KNOWN: 20.0, SPARSE: 1.0}


def about(topic: int) -> str:
    return f"Where is part{topic} of machine{topic} kept?"


def near(topic: int) -> str:
    """A question about something else that shares words with one about the topic, and with no other so many."""
    return f"Where is part{topic} of machine{topic} sold?"


def page(topic: int) -> str:
    return f"On shelf{topic} lies part{topic} of machine{topic} between boxes with screws and old tins of paint."


PAGES = {f"page{topic}": page(topic) for topic in range(TOPICS)}
NOTHING = Ranking(passages=(), weighed=features([]), nearest=None, admitted=(), kept_out=())
NEVER = Again(rank=lambda question, as_live, left_out: NOTHING, answers=lambda question, passages: False)
CASES = [case(f"golden:{topic}", f"page{topic}", question=about(topic)) for topic in range(TOPICS)]


@dataclass(frozen=True, kw_only=True)
class Version:
    """What a version holds, and how it ranks."""

    pages: Mapping[str, str] = field(default_factory=lambda: PAGES)
    corrections: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    confirmed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    admission: Admission | None = BOLD
    fusion: Mapping[str, float] = field(default_factory=dict)

    @property
    def learned(self) -> LearnedRanking:
        return LearnedRanking(admission=self.admission, fusion=self.fusion)


class CountingIndex(MemoryIndex):
    """It counts what was searched."""

    searches = 0

    def search(
        self,
        version: VersionId,
        *,
        text: str,
        vector: Vectors,
        limit: int,
        groups: Groups,
        languages: Mapping[str, float] = ALL_ENGLISH,
    ) -> list[Candidate]:
        self.searches += 1
        return super().search(version, text=text, vector=vector, limit=limit, groups=groups, languages=languages)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of blame, and how often it searched."""

    blamed: Blamed
    searches: int


def told(folder: Path, live: Version, candidate: Version, cases: Sequence[Case] = CASES, *, bearable: int = 0) -> Told:
    """Both versions are built and asked, and the candidate is blamed."""
    index = CountingIndex()
    made = replace(services(folder), index=index)
    for name, version in (("v1", live), ("v2", candidate)):
        publish(
            made,
            name,
            version.pages,
            corrections=version.corrections,
            confirmed=version.confirmed,
            learned=version.learned,
        )
    run = ScoringRun(services=made, references={}, judge=None, steps=lambda what, done, total: None)
    manifests = [made.ledger.version(VersionId(name)).manifest for name in ("v1", "v2")]
    before, after = (run.score(manifest, cases, name=manifest.version_id) for manifest in manifests)
    chunks = list(index.chunks(VersionId("v2")))
    differ = differences(chunks, index.chunks(VersionId("v1")), learned=candidate.learned, live=live.learned)
    again = asked_again(manifests[1], live.learned, run)
    index.searches = 0
    blamed = blame(lost(cases, before, after), chunks, differ, again, bearable=bearable, seed=0)
    return Told(blamed=blamed, searches=index.searches)


def took(blamed: Blamed, case_id: str) -> set[tuple[Kind, str]]:
    return {(cause.kind, cause.name) for cause in blamed.by_question[case_id]}


def left_out(blamed: Blamed) -> tuple[tuple[str, ...], tuple[str, ...], bool, bool]:
    return (blamed.corrections, blamed.confirmed, blamed.order, blamed.admission)


def test_where_nothing_is_lost_nobody_is_to_blame(tmp_path: Path) -> None:
    blamed = told(tmp_path, Version(), Version(corrections={"fence": FENCE})).blamed
    assert (blamed.by_question, blamed.leaves_out, sentences(blamed, ())) == ({}, False, [])


def test_a_correction_that_answers_everything_is_left_out_alone(tmp_path: Path) -> None:
    blamed = told(tmp_path, Version(), Version(corrections={"anything": ANYTHING, "fence": FENCE})).blamed
    assert [took(blamed, asked.case_id) for asked in CASES] == [{(Kind.CORRECTION, "anything")}] * TOPICS
    assert left_out(blamed) == (("anything",), (), False, False)


def test_a_confirmed_question_that_takes_others_is_left_out(tmp_path: Path) -> None:
    confirmed = {"i9": (ANYTHING[0], "page0")}
    blamed = told(tmp_path, Version(), Version(confirmed=confirmed, corrections={"fence": FENCE})).blamed
    assert (blamed.confirmed, blamed.corrections) == (("i9",), ())
    assert [took(blamed, asked.case_id) for asked in CASES] == [{(Kind.CONFIRMED, "i9")}] * TOPICS


def test_an_order_that_loses_questions_is_not_adopted_and_corrections_stay(tmp_path: Path) -> None:
    live = Version(fusion={SPARSE: 8.0})
    blamed = told(tmp_path, live, Version(fusion={SPARSE: -8.0}, corrections={"fence": FENCE})).blamed
    assert left_out(blamed) == ((), (), True, False)
    assert set(blamed.by_question) == {asked.case_id for asked in CASES}


def test_nothing_that_people_said_is_left_out_for_what_the_order_alone_brings_back(tmp_path: Path) -> None:
    """The known question lifts another passage, but only in an order that weighs that."""
    live = Version(admission=NARROW)
    candidate = Version(admission=NARROW, fusion=LIFTING, confirmed={"i3": (near(1), "page3")})
    assert left_out(told(tmp_path, live, candidate).blamed) == ((), (), True, False)


def test_a_rule_by_which_every_correction_takes_a_question_is_not_adopted_and_corrections_stay(tmp_path: Path) -> None:
    corrections = {f"c{topic}": (near(topic), "In town.") for topic in range(TOPICS)}
    blamed = told(tmp_path, Version(admission=NARROW), Version(corrections=corrections)).blamed
    assert left_out(blamed) == ((), (), False, True)


def test_where_one_correction_took_all_it_is_left_out_and_not_the_rule(tmp_path: Path) -> None:
    corrections = {"anything": ANYTHING} | {f"c{n}": (f"Who repairs fence{n}?", "Joe does.") for n in range(8)}
    blamed = told(tmp_path, Version(admission=NARROW), Version(corrections=corrections)).blamed
    assert (blamed.corrections, blamed.admission) == (("anything",), False)


def test_two_corrections_that_stand_before_one_answer_are_left_out_together(tmp_path: Path) -> None:
    corrections = {"c1": (near(2), "In town."), "c2": (near(2).replace("sold", "made"), "Abroad."), "fence": FENCE}
    blamed = told(tmp_path, Version(admission=CLOSE), Version(admission=CLOSE, corrections=corrections)).blamed
    assert set(blamed.corrections) == {"c1", "c2"}
    assert set(blamed.by_question) == {"golden:2"}


def test_what_takes_a_question_only_together_is_left_out_together(tmp_path: Path) -> None:
    live = Version(fusion={SPARSE: 8.0})
    blamed = told(tmp_path, live, Version(fusion={SPARSE: -8.0}, corrections={"anything": ANYTHING})).blamed
    assert (blamed.corrections, blamed.order) == (("anything",), True)
    assert took(blamed, "golden:3") == {(Kind.CORRECTION, "anything"), (Kind.ORDER, "")}


def test_new_documents_before_answers_are_named_and_nothing_is_left_out(tmp_path: Path) -> None:
    pages = {**PAGES, "news": about(4).replace("?", ".")}
    blamed = told(tmp_path, Version(), Version(pages=pages, corrections={"fence": FENCE})).blamed
    assert (blamed.documents, blamed.leaves_out) == (("news",), False)
    assert took(blamed, "golden:4") == {(Kind.DOCUMENT, "news")}


def test_a_document_that_is_gone_is_named(tmp_path: Path) -> None:
    pages = {name: text for name, text in PAGES.items() if name != "page1"}
    blamed = told(tmp_path, Version(), Version(pages=pages, corrections={"fence": FENCE})).blamed
    assert (blamed.vanished, blamed.leaves_out) == (("page1",), False)


def test_a_document_that_reads_otherwise_is_named_where_nothing_else_took_its_question(tmp_path: Path) -> None:
    pages = {**PAGES, "page1": "Moved to another building."}
    blamed = told(tmp_path, Version(), Version(pages=pages)).blamed
    assert (blamed.vanished, blamed.unexplained) == (("page1",), ())


def test_a_correction_that_hides_what_answered_is_left_out() -> None:
    pages = [chunk(f"page{topic}", page(topic)) for topic in range(2)]
    hiding = correction_chunk("hiding", *FENCE, supersedes=[pages[0].span])
    shortened = replace(pages[0], text="On shelf0")
    differ = differences([shortened, pages[1], hiding], pages, learned=LearnedRanking(), live=LearnedRanking())
    gone = Lost(case=CASES[0], metric=HIT, answered=pages[0])
    blamed = blame([gone], [shortened, pages[1], hiding], differ, NEVER, bearable=0, seed=0)
    assert (blamed.corrections, blamed.vanished) == (("hiding",), ())


def test_a_correction_that_answers_what_nothing_answers_is_left_out(tmp_path: Path) -> None:
    nothing = case("golden:nothing", question="Where is which part of what ship kept?")
    blamed = told(tmp_path, Version(), Version(corrections={"anything": ANYTHING}), [nothing]).blamed
    assert blamed.corrections == ("anything",)


def test_a_known_question_that_lifts_another_passage_is_left_out(tmp_path: Path) -> None:
    live = Version(admission=NARROW, fusion=LIFTING)
    assert told(tmp_path, live, replace(live, confirmed={"i3": (near(1), "page3")})).blamed.confirmed == ("i3",)


def test_so_small_a_loss_as_the_gate_can_bear_leaves_nothing_out(tmp_path: Path) -> None:
    corrections = {"c1": (near(1), "In town."), "c2": (near(2), "In town.")}
    for bears, left_out in ((0, 2), (1, 1), (2, 0)):
        folder = tmp_path / str(bears)
        folder.mkdir()
        candidate = Version(admission=CLOSE, corrections=corrections)
        blamed = told(folder, Version(admission=CLOSE), candidate, bearable=bears).blamed
        assert (len(blamed.corrections), len(blamed.borne)) == (left_out, 2 - left_out)


def test_what_took_a_question_may_stay_unknown() -> None:
    pages = [chunk(f"page{topic}", page(topic)) for topic in range(2)]
    differ = differences(pages, pages, learned=LearnedRanking(), live=LearnedRanking())
    gone = Lost(case=CASES[0], metric=HIT, answered=pages[0])
    blamed = blame([gone], pages, differ, NEVER, bearable=0, seed=0)
    assert (blamed.unexplained, blamed.leaves_out) == (("golden:0",), False)
    assert sentences(blamed, ()) == ["what took 1 lost question is not known: golden:0"]


def test_targets_and_sealed_questions_are_not_looked_at(tmp_path: Path) -> None:
    cases = [
        replace(CASES[0], slice=Slice.PARAPHRASE),
        replace(CASES[1], sealed=True),
        CASES[2],
    ]
    blamed = told(tmp_path, Version(), Version(corrections={"anything": ANYTHING}), cases).blamed
    assert set(blamed.by_question) == {"golden:2"}


def test_of_very_many_lost_questions_some_are_looked_at_with_few_searches_each(tmp_path: Path) -> None:
    number = EXAMINED + 20
    pages = {f"page{topic}": page(topic) for topic in range(number)}
    cases = [case(f"golden:{topic}", f"page{topic}", question=about(topic)) for topic in range(number)]
    candidate = Version(pages=pages, corrections={"anything": ANYTHING}, fusion={SPARSE: -8.0})
    came = told(tmp_path, Version(pages=pages, admission=NARROW, fusion={SPARSE: 8.0}), candidate, cases)
    assert (len(came.blamed.by_question), came.blamed.lost) == (EXAMINED, number)
    assert came.searches <= 10 * EXAMINED
    assert sentences(came.blamed, ())[0] == f"{EXAMINED} of {number} lost questions were looked at"


@pytest.mark.parametrize(
    ("questions", "won", "confidence", "expected"),
    [(200, 0, 0.95, 4), (200, 4, 0.95, 6), (200, 0, 0.99286, 3), (20, 0, 0.95, 0)],
)
def test_what_can_be_borne_grows_with_the_questions_and_with_what_is_won(
    questions: int, won: int, confidence: float, expected: int
) -> None:
    assert bearable(questions, won, margin=0.045, confidence=confidence) == expected


def test_sentences_name_ids_and_numbers_and_no_text(tmp_path: Path) -> None:
    pages = {name: text for name, text in PAGES.items() if name != "page1"}
    candidate = Version(pages=pages, corrections={"anything": ANYTHING})
    blamed = told(tmp_path, Version(), candidate).blamed
    assert sentences(blamed, {"anything"}) == [
        f"the correction anything took {TOPICS - 1} lost questions: it is left out",
        "that page1 is gone, or reads otherwise, took 1 lost question: nothing can be left out for that",
    ]
    assert sentences(blamed, ())[0].endswith("nothing else tells of that, and it stays in")
