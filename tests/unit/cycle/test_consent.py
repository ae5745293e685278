"""Consent through whole cycles, over fakes and over the embedded store with SQLite: given, withdrawn, given again."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.cycle import candidate, less
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleDecision
from rag_flywheel.cycle.snapshot import take_snapshot
from rag_flywheel.domain import CorrectionId, InteractionId, Manifest
from rag_flywheel.domain.consent import EVERY_PURPOSE, ConsentEvent, ConsentState, Means, Purpose
from rag_flywheel.services import Services
from tests.fakes.samples import NOON, correction, interaction, review
from tests.unit.cycle.household import quiet
from tests.unit.cycle.test_erasing import PEOPLE, Town, ident, on_disk, settled

PRIVATE, OTHER = PEOPLE[4], PEOPLE[6]
LEARN, EVALUATE = frozenset({Purpose.LEARN}), frozenset({Purpose.EVALUATE})


@pytest.fixture(params=["fakes", "disk"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    with contextlib.ExitStack() as opened:
        made = settled(tmp_path) if request.param == "fakes" else opened.enter_context(on_disk(tmp_path))
        yield Town(services=made, folder=tmp_path)


def say(town: Town, name: str, purposes: frozenset[Purpose], *, given: bool, session: str | None = None) -> None:
    town.services.ledger.add_consent(
        ConsentEvent(
            event_id=town.services.new_id(),
            at=town.services.now(),
            user=town.scope(name).user,
            session=session,
            state=ConsentState.GIVEN if given else ConsentState.WITHDRAWN,
            purposes=purposes,
            how=Means.API,
            notice="",
            said_by="the person themself",
        )
    )


def live(services: Services) -> Manifest:
    version = services.index.live()
    assert version is not None
    return services.ledger.version(version).manifest


def told_in_live(town: Town, name: str) -> list[str]:
    """What the live version's passages hold of a person, and what they are found by."""
    chunks = town.services.index.chunks(live(town.services).version_id)
    return [repr(chunk) for chunk in chunks if name in repr(chunk) or ident("bbbb", name) in repr(chunk)]


def test_what_is_withdrawn_is_in_no_later_version_and_counts_no_more_when_it_is_given_again(town: Town) -> None:
    services = town.services
    assert town.night() is CycleDecision.PROMOTED
    assert (told_in_live(town, PRIVATE) != [], town.night()) == (True, CycleDecision.UNCHANGED)
    before = {name: told_in_live(town, name) for name in PEOPLE}

    say(town, PRIVATE, LEARN, given=False)
    assert town.night() is CycleDecision.PROMOTED
    held = live(services)
    assert told_in_live(town, PRIVATE) == []
    assert set(PEOPLE) - {PRIVATE} == {name for name in PEOPLE if told_in_live(town, name) == before[name]}
    assert set(held.corrections) == {ident("cccc", name) for name in set(PEOPLE) - {PRIVATE}}
    assert set(held.confirmed) == {ident("bbbb", name) for name in set(PEOPLE) - {PRIVATE}}
    assert len(services.ledger.interactions_of(town.scope(PRIVATE).user)) == 2, "what was said is kept"
    assert town.night() is CycleDecision.UNCHANGED

    say(town, PRIVATE, LEARN, given=True)
    assert town.night() is CycleDecision.UNCHANGED, "what was left out stays out"
    asked = replace(
        interaction("new", question=f"How old is {PRIVATE}?", asked=services.now(), user=town.scope(PRIVATE).user),
        session="s",
    )
    services.ledger.add_interaction(asked)
    said = correction("again", of="new", question=asked.query, answer=f"{PRIVATE} is ninety years old today.")
    services.ledger.add_correction(replace(said, user=asked.user, submitted=services.now()))
    services.ledger.add_review(review("again", reviewed=services.now()))
    assert town.night() is CycleDecision.PROMOTED
    assert set(live(services).corrections) == {*held.corrections, "again"}


def test_a_version_that_holds_what_was_withdrawn_teaches_the_next_one_nothing(town: Town) -> None:
    town.night()
    snapshot = take_snapshot(town.services)
    control = town.services.index.live()
    assert (
        candidate.prepare(snapshot, town.services, live=control, anew=False, rephrase=None, steps=quiet).inherited
        is not None
    )
    say(town, PRIVATE, LEARN, given=False)
    snapshot = take_snapshot(town.services)
    assert (
        candidate.prepare(snapshot, town.services, live=control, anew=False, rephrase=None, steps=quiet).inherited
        is None
    )


def test_a_conversation_of_its_own_is_left_out_alone(town: Town) -> None:
    say(town, PRIVATE, LEARN, given=False, session="s")
    snapshot = take_snapshot(town.services)
    names = {document.document_id for document in snapshot.accepted.documents}
    assert f"correction:{ident('cccc', PRIVATE)}" not in names
    assert ident("bbbb", PRIVATE) in {asked.interaction_id for asked in snapshot.confirmed}


def test_what_others_said_on_the_questions_of_who_withdrew_goes_and_their_word_on_others_questions_too(
    town: Town,
) -> None:
    ledger, user = town.services.ledger, town.scope(PRIVATE).user
    for name, of, author in (("others", PRIVATE, "z"), ("theirs", OTHER, user)):
        said = correction(name, of=ident("bbbb", of), question=f"{name}?", answer=f"{name} say so.", submitted=NOON)
        ledger.add_correction(replace(said, user=author, submitted=NOON - timedelta(hours=1)))
        ledger.add_review(review(name, reviewed=NOON - timedelta(hours=1)))
    assert {"others", "theirs"} <= {entry.correction.correction_id for entry in take_snapshot(town.services).reviewed}
    say(town, PRIVATE, LEARN, given=False)
    left = {entry.correction.correction_id for entry in take_snapshot(town.services).reviewed}
    assert not left & {"others", "theirs"}


def test_who_does_not_agree_to_be_asked_after_is_learned_from_and_no_question_of_theirs_is_asked(town: Town) -> None:
    services = town.services
    say(town, PRIVATE, EVALUATE, given=False)
    snapshot = take_snapshot(services)
    ground = candidate.prepare(snapshot, services, live=None, anew=False, rephrase=None, steps=quiet)
    tried = less.everything(snapshot, ground)
    gate = tried.gate
    asked = [case.question for case in (*gate.questions.open, *gate.questions.sealed)]
    asked += [interaction.query for interaction in gate.recent] + [*tried.plan.questions]
    assert [question for question in asked if PRIVATE in question] == []
    assert [question for question in asked if OTHER in question] != []
    assert CorrectionId(ident("cccc", PRIVATE)) in tried.manifest.corrections
    assert InteractionId(ident("bbbb", PRIVATE)) in tried.manifest.confirmed
    assert PRIVATE not in json.dumps([interaction.query for interaction in gate.recent])


def test_what_was_only_assumed_counts_only_while_the_settings_assume(tmp_path: Path) -> None:
    made = settled(tmp_path, PEOPLE[:2])
    ledger, user = made.ledger, "somebody"
    for name, how in (("assumed", Means.ASSUMED), ("said", Means.API)):
        asked = interaction(name, question=f"{name}?", asked=NOON - timedelta(hours=2), user=user)
        ledger.add_interaction(replace(asked, purposes=EVERY_PURPOSE, agreed=how))
        said = correction(f"of {name}", of=name, question=f"{name}?", answer=f"{name} it was.", submitted=NOON)
        ledger.add_correction(replace(said, submitted=NOON - timedelta(hours=1)))
        ledger.add_review(review(f"of {name}", reviewed=NOON - timedelta(hours=1)))
    strict = made.config.model_copy(update={"privacy": made.config.privacy.model_copy(update={"consent": "required"})})
    assert {"of assumed", "of said"} <= {entry.correction.correction_id for entry in take_snapshot(made).reviewed}
    left = {entry.correction.correction_id for entry in take_snapshot(replace(made, config=strict)).reviewed}
    assert ("of said" in left, "of assumed" in left) == (True, False)


def test_a_purpose_that_was_not_agreed_to_when_it_was_asked_is_none_of_its_uses(tmp_path: Path) -> None:
    made = settled(tmp_path, PEOPLE[:2])
    asked = interaction("kept alone", question="Why?", asked=NOON - timedelta(hours=2), user="somebody")
    made.ledger.add_interaction(replace(asked, purposes=frozenset({Purpose.ANSWER}), agreed=Means.API))
    said = correction("unlearned", of="kept alone", question="Why?", answer="Because of that.", submitted=NOON)
    made.ledger.add_correction(replace(said, submitted=NOON - timedelta(hours=1)))
    made.ledger.add_review(review("unlearned", reviewed=NOON - timedelta(hours=1)))
    snapshot = take_snapshot(made)
    assert "unlearned" not in {entry.correction.correction_id for entry in snapshot.reviewed}
    assert not snapshot.may_ask(made.ledger.interaction(InteractionId("kept alone")))
    assert reindex(made, force=False, steps=quiet).decision is CycleDecision.PROMOTED
