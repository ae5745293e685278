"""How the corrections of a version fare, in six numbers."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from eval.questions.golden import Case, Slice
from eval.report.correction_rates import Rate, false_triggers, lags, rates, share
from eval.scores.scorecard import Reply
from rag_flywheel.domain import (
    Chunk,
    Citation,
    CorrectionId,
    DocumentId,
    ReviewedCorrection,
    VersionRecord,
    VersionState,
)
from rag_flywheel.domain.probes import Found, Probe, Reworded
from tests.fakes.evaluation import case, chunk, reply
from tests.fakes.samples import NOON, correction, correction_chunk, manifest, review, span

HOUR = timedelta(hours=1)
WRONG = correction_chunk("c1")
SOURCE = chunk("d1")


def probe(name: str, own: Found, *others: Found) -> Probe:
    rewordings = tuple(Reworded(found=found, made=True) for found in others)
    return Probe(correction_id=CorrectionId(name), own=own, rewordings=rewordings)


def test_discoverability_and_usage_count_every_question_and_retention_the_oldest_ones_own() -> None:
    probes = [
        probe("c1", Found.AND_USED, Found.NOT_USED, Found.NOT_FOUND),
        probe("c2", Found.NOT_FOUND, Found.AND_USED),
        probe("c3", Found.NOT_FOUND),
    ]
    oldest = {CorrectionId("c1"), CorrectionId("c2")}
    found = rates(probes, oldest=oldest, false_triggers=share(1, 4), lags=[])
    assert (found.discoverability.value, found.discoverability.n) == (3 / 6, 6)
    assert (found.usage.value, found.usage.n) == (2 / 3, 3)
    assert (found.retention.value, found.retention.n) == (1 / 2, 2)
    assert (found.false_trigger_rate.value, found.false_trigger_rate.n) == (1 / 4, 4)


def test_where_nothing_was_counted_there_is_no_value() -> None:
    nothing = rates([], oldest=(), false_triggers=share(0, 0), lags=[])
    for rate in (nothing.discoverability, nothing.usage, nothing.retention, nothing.correction_lag_p50):
        assert rate == Rate(value=None, n=0)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"), [(10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634)]
)
def test_a_share_has_its_wilson_interval(count: int, n: int, low: float, high: float) -> None:
    found = share(count, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


# --- false triggers -------------------------------------------------------------------------------------------------


def cites(made: Reply, *chunks: Chunk) -> Reply:
    citations = tuple(
        Citation(number=at, document_id=piece.document_id, title="", text="", start=piece.start, end=piece.end, score=1)
        for at, piece in enumerate(chunks, start=1)
    )
    return replace(made, draft=replace(made.draft, citations=citations))


def triggered(asked: Case, made: Reply) -> tuple[float | None, int]:
    rate = false_triggers([asked], {asked.case_id: made})
    return rate.value, rate.n


def test_a_correction_that_comes_first_or_is_cited_for_something_else_is_a_false_trigger() -> None:
    asked = case("q", "d1")
    assert triggered(asked, reply(WRONG, SOURCE)) == (1.0, 1)
    assert triggered(asked, cites(reply(SOURCE, WRONG), SOURCE, WRONG)) == (1.0, 1)
    assert triggered(asked, cites(reply(SOURCE, WRONG), SOURCE)) == (0.0, 1)
    assert triggered(asked, reply()) == (0.0, 1)


def test_it_is_one_too_where_nothing_answers_the_question() -> None:
    assert triggered(case("q"), reply(WRONG)) == (1.0, 1)


def test_a_correction_that_took_the_place_of_what_answers_is_none() -> None:
    asked = case("q", evidence=[span("d1", 0, 20)])
    assert triggered(asked, reply(correction_chunk("c1", supersedes=[span("d1", 10, 30)]))) == (0.0, 1)


def test_questions_that_a_correction_answers_and_targets_do_not_count() -> None:
    answered = case("old", "correction:c9")
    target = case("new", "d1", slice=Slice.PARAPHRASE)
    sources = replace(case("asked", "d1"), sources_only=True)
    replies = {asked.case_id: reply(WRONG) for asked in (answered, target, sources)}
    assert false_triggers([answered, target, sources], replies) == Rate(value=None, n=0)


# --- lag ------------------------------------------------------------------------------------------------------------


def accepted(name: str, at: datetime) -> ReviewedCorrection:
    return ReviewedCorrection(correction=correction(name), review=review(name, reviewed=at))


def record(version: str, *states: tuple[datetime, VersionState], holds: tuple[str, ...]) -> VersionRecord:
    return VersionRecord(manifest=manifest(version, corrections=holds), states=states)


def test_lag_runs_from_acceptance_to_the_first_version_that_went_live_with_it() -> None:
    records = [
        record("v1", (NOON + HOUR, VersionState.LIVE), holds=()),
        record("v2", (NOON + HOUR, VersionState.BUILT), (NOON + 2 * HOUR, VersionState.REJECTED), holds=("c1",)),
        record("v3", (NOON + 2 * HOUR, VersionState.CANARY), (NOON + 3 * HOUR, VersionState.LIVE), holds=("c1",)),
        record("v4", (NOON + 4 * HOUR, VersionState.LIVE), holds=("c1",)),
    ]
    assert lags([accepted("c1", NOON)], records, decided=NOON + 9 * HOUR) == [3 * 3600]


def test_what_the_candidate_newly_brings_counts_up_to_the_decision() -> None:
    assert lags([accepted("c1", NOON)], [], decided=NOON + HOUR) == [3600]


def test_what_was_accepted_again_counts_from_then() -> None:
    records = [record("v1", (NOON, VersionState.LIVE), holds=("c1",))]
    assert lags([accepted("c1", NOON + HOUR)], records, decided=NOON + 3 * HOUR) == [2 * 3600]


def test_the_lags_are_told_by_their_middle_and_by_the_latest_twentieth() -> None:
    found = rates([], oldest=(), false_triggers=share(0, 0), lags=[float(at) for at in range(100, 0, -1)])
    assert found.correction_lag_p50 == Rate(value=50.0, n=100)
    assert found.correction_lag_p95 == Rate(value=95.0, n=100)


def test_documents_of_the_case_that_are_no_corrections_leave_it_in() -> None:
    both = case("q", "d1", "correction:c9")
    assert triggered(both, reply(WRONG)) == (None, 0)
    assert triggered(replace(both, documents=frozenset({DocumentId("d1")})), reply(WRONG)) == (1.0, 1)
