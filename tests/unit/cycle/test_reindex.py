"""The cycle over fakes: a run that dies, and which way the next version goes."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.cycle.candidate import build_version
from rag_flywheel.cycle.gate_run import open_gate
from rag_flywheel.cycle.reindex import conclude, reindex
from rag_flywheel.domain import (
    Outcome,
    VersionId,
    VersionState,
)
from rag_flywheel.errors import AliasMoved
from rag_flywheel.golden_set.listing import held_documents, read_corpus
from rag_flywheel.ports import answers_of
from rag_flywheel.rollout import promotion
from rag_flywheel.services import Services
from tests.fakes.encoder import HashingEncoder
from tests.fakes.samples import passage
from tests.fakes.services import services
from tests.unit.cycle.household import (
    ASKED,
    again,
    changed,
    cycle,
    ground,
    night,
    praised,
    quiet,
)

# --- a run that dies ------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What no code of the cycle catches, as a signal."""


@pytest.mark.parametrize("step", ["learning", "answering with the candidate", "deciding"])
def test_a_run_that_dies_before_its_decision_leaves_only_what_the_next_one_clears(
    household: Services, step: str
) -> None:
    first, _ = cycle(household)
    praised(household, ASKED)

    def die(name: str, done: int, total: int) -> None:
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        reindex(household, force=False, steps=die)
    assert [version.manifest for version in household.ledger.versions()] == [first]
    assert household.index.live() == first.version_id
    [orphan] = set(household.index.versions()) - {first.version_id}
    second, _ = cycle(household)
    assert set(household.index.versions()) == {first.version_id, second.version_id}
    assert orphan != second.version_id
    assert [version.manifest.version_id for version in household.ledger.versions()] == [
        first.version_id,
        second.version_id,
    ]


# --- sources that are fetched ---------------------------------------------------------------------------------------


def test_a_run_fetches_its_readers_first_names_those_that_fail_and_keeps_what_they_gave_before(tmp_path: Path) -> None:
    pages = tmp_path / "wiki.json"
    pages.write_text('[["Hold the reset button for ten seconds.", {"title": "Reset"}, "1"]]')
    reader = "{reader: 'tests.unit.ingest.reading.readers:Wiki', args: {file: wiki.json}}"
    made = services(tmp_path, text=f"sources: [{reader}]\n")
    first = reindex(made, force=False, steps=quiet)
    assert (first.decision, first.skipped) == ("promoted", ())
    assert list(held_documents(made, read_corpus(made))) == ["Wiki/1"]
    pages.unlink()
    second = reindex(made, force=False, steps=quiet)
    assert (second.decision, second.version) == ("unchanged", first.version)
    assert "it raised FileNotFoundError (No such file or directory); its documents of" in second.skipped[0].reason
    assert list(held_documents(made, read_corpus(made))) == ["Wiki/1"]
    pages.write_text('[["Hold the reset button for two seconds.", {"title": "Reset"}, "2"]]')
    reindex(made, force=False, steps=quiet)
    assert list(held_documents(made, read_corpus(made))) == ["Wiki/2"], "what vanished leaves"


# --- which way the next version goes --------------------------------------------------------------------------------


def going(made: Services, strategy: str) -> Services:
    """The same, but for the strategy by which what passes the gate is deployed."""
    canary = made.config.canary.model_copy(update={"strategy": strategy})
    return replace(made, config=made.config.model_copy(update={"canary": canary}))


@pytest.mark.parametrize("strategy", ["canary", "shadow"])
def test_a_version_that_passed_the_gate_goes_the_configured_way_and_the_live_one_stays(
    household: Services, strategy: str
) -> None:
    made = going(household, strategy)
    first = again(made)
    assert first.decision == "promoted", "there is nothing to compare the first version with"
    changed(made)
    result = again(made)
    assert (result.decision, made.index.live()) == (strategy, first.version)
    assert result.reasons[-1] == f"canary.strategy is {strategy}"
    assert made.ledger.version(result.version).state is VersionState.CANARY
    under_way = promotion.running(made.ledger)
    assert under_way is not None
    assert (under_way.control, under_way.treatment) == (first.version, result.version)
    assert under_way.shadow is (strategy == "shadow")
    assert set(made.index.versions()) == {first.version, result.version}


def test_without_traffic_auto_goes_directly_and_says_why(household: Services) -> None:
    again(household)
    changed(household)
    result = again(household)
    assert (result.decision, household.index.live()) == ("promoted", result.version)
    assert result.reasons[-1].startswith("passed the gate; 0 people who named themselves")


def test_a_run_forgets_the_answers_of_versions_that_are_no_longer_kept(household: Services) -> None:
    first = again(household)
    assert first.version is not None
    kept, gone = f"{answers_of(first.version)}1", f"{answers_of(VersionId('long-gone'))}1"
    household.cache.put({kept: b"{}", gone: b"{}", "vectors:1": b""})
    changed(household)
    again(household)
    assert set(household.cache.get([kept, gone, "vectors:1"])) == {kept, "vectors:1"}


def test_who_asks_first_of_new_passages_waits_for_nothing_that_can_be_made_before(household: Services) -> None:
    again(household)
    changed(household, "Wind the clock on Sundays. Then oil its wheels.")
    steps: list[str] = []
    reindex(household, force=False, steps=lambda name, done, total: steps.append(name))
    encoder = household.encoders(household.config.embedder)
    assert isinstance(encoder, HashingEncoder)
    live = household.index.live()
    assert live is not None
    passages = [passage(chunk) for chunk in household.index.chunks(live) if "clock" in chunk.text]
    encoder.encoded = 0
    list(household.generator.answer("How do I care for the clock?", passages))
    assert (len(passages), encoder.encoded) == (1, 1)  # the question alone
    assert steps[-1] == "making answers ready"


def test_while_a_canary_runs_the_next_version_waits_and_nothing_is_built(household: Services) -> None:
    made = going(household, "canary")
    again(made)
    changed(made)
    second = again(made)
    changed(made)
    before = made.index.versions()
    result = again(made)
    assert (result.decision, result.version) == ("waiting", second.version)
    assert f"the canary of {second.version}" in result.reasons[0]
    assert "rag-flywheel canary stop" in result.reasons[0]
    assert "reindex --force" in result.reasons[0]
    assert made.index.versions() == before
    assert promotion.running(made.ledger) is not None


def test_a_forced_run_puts_a_newer_candidate_in_the_place_of_the_one_on_trial(household: Services) -> None:
    made = going(household, "canary")
    first = again(made)
    changed(made)
    second = again(made)
    changed(made)
    third = again(made, force=True)
    assert (third.decision, made.index.live()) == ("canary", first.version)
    under_way = promotion.running(made.ledger)
    assert under_way is not None
    assert under_way.treatment == third.version
    assert made.ledger.version(second.version).state is VersionState.ROLLED_BACK
    assert second.version in made.index.versions(), "somebody may be reading it"


def test_what_a_canary_rolled_back_is_not_built_again_by_itself(household: Services) -> None:
    made = going(household, "canary")
    again(made)
    changed(made)
    second = again(made)
    stopped(made)
    result = again(made)
    assert result.decision == "unchanged"
    assert f"nothing has changed since {second.version} was built, and that was rolled back" in result.reasons[0]


def stopped(made: Services) -> None:
    assert promotion.finish(
        promotion.newest(made.ledger),
        promoted=False,
        index=made.index,
        ledger=made.ledger,
        act=promotion.act_of("test", "worse", at=made.now()),
    )


def frozen(made: Services, on: bool = True) -> None:
    promotion.freeze(on, ledger=made.ledger, act=promotion.act_of("grace", "launch", at=made.now()))


@pytest.mark.parametrize("force", [False, True])
def test_under_a_freeze_nothing_is_built(household: Services, force: bool) -> None:
    first = again(household)
    changed(household)
    frozen(household)
    result = again(household, force=force)
    assert (result.decision, result.version) == ("frozen", first.version)
    assert "by grace: `rag-flywheel unfreeze`" in result.reasons[0]
    assert household.index.versions() == [first.version]
    frozen(household, on=False)
    assert again(household).decision == "promoted"


def test_a_freeze_that_comes_while_a_version_is_built_keeps_it_from_going_live_and_a_later_run_builds_it_again(
    household: Services,
) -> None:
    first = again(household)
    changed(household)

    def freezing(name: str, done: int, total: int) -> None:
        if name == "learning" and promotion.frozen(household.ledger) is None:
            frozen(household)

    result = reindex(household, force=False, steps=freezing)
    assert (result.decision, household.index.live()) == ("frozen", first.version)
    assert "promotions have been frozen" in result.reasons[-1]
    assert household.ledger.version(result.version).state is VersionState.DELETED
    frozen(household, on=False)
    assert again(household).decision == "promoted"


def test_a_person_who_moves_the_alias_while_a_version_is_built_keeps_it_from_going_live(household: Services) -> None:
    first = again(household)
    changed(household)
    second = again(household)
    changed(household)

    def moving(name: str, done: int, total: int) -> None:
        if name == "learning" and household.index.live() == second.version:
            act = promotion.act_of("ada", "x", at=household.now())
            promotion.roll_back(None, index=household.index, ledger=household.ledger, act=act)

    with pytest.raises(AliasMoved):
        reindex(household, force=False, steps=moving)
    assert household.index.live() == first.version
    assert again(household).decision == "promoted"
    assert {version.state for version in household.ledger.versions()} <= {
        VersionState.LIVE,
        VersionState.RETIRED,
        VersionState.ROLLED_BACK,
        VersionState.DELETED,
    }


def test_a_canary_that_a_dead_process_promoted_no_longer_keeps_the_next_version_waiting(household: Services) -> None:
    made = going(household, "canary")
    first = again(made)
    changed(made)
    second = again(made)
    made.index.move_live(second.version, expected=first.version)  # and here the process died
    notes: list[str] = []
    result = reindex(made, force=False, steps=lambda name, done, total: notes.append(name))
    assert result.decision == "unchanged"
    assert notes[0] == f"ended the canary of {second.version}: its move of the alias was not recorded"
    assert made.ledger.version(second.version).state is VersionState.LIVE


@pytest.mark.parametrize("outcome", ["refused", "undecided"])
def test_a_version_that_the_gate_did_not_pass_leaves_a_notice_with_its_reasons(
    household: Services, outcome: str
) -> None:
    again(household)
    changed(household)
    snapshot, base = ground(household)
    built = build_version(snapshot, base)
    gate = open_gate(built, base, None)
    decided = night(gate.ask(built.manifest, confidence=0.95, still_lost={}), gate)
    manifest = decided.manifest
    fallen = replace(decided.decision, outcome=Outcome(outcome), reasons=("untouched questions fell",))
    result = conclude(replace(decided, decision=fallen), household, steps=quiet)
    assert (result.decision, result.version, result.reasons) == (outcome, manifest.version_id, fallen.reasons)
    notice = household.ledger.undelivered("anybody", attempts=1)[-1][0]
    assert (notice.kind, notice.data["subject"], notice.data["outcome"]) == ("gate", manifest.version_id, outcome)
    assert notice.data["reasons"] == ["untouched questions fell"]
    assert household.ledger.version(manifest.version_id).state is VersionState.DELETED
