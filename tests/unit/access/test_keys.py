"""API keys: made, changed, taken back, and recognised."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rag_flywheel.access.keys import Wanted, create, holder, revoke, rotate
from rag_flywheel.access.who import local
from rag_flywheel.domain import Person, Role
from rag_flywheel.errors import Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON

DAY = timedelta(days=1)
ROOT, GRACE = local("root"), local("grace")
REVIEWER = Wanted(name="ada", roles=frozenset({Role.REVIEWER}))


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def test_whoever_has_a_key_is_who_it_was_made_for(ledger: MemoryLedger) -> None:
    _, text = create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    person = holder(text, ledger=ledger, now=NOON)
    assert (person.name, person.roles, person.speaks_for_others) == ("ada", {Role.REVIEWER}, False)
    assert ledger.access_keys()[0][1] == NOON


def test_the_ledger_holds_nothing_that_opens(ledger: MemoryLedger) -> None:
    key, text = create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    secret = text.rpartition("_")[2]
    assert len(text.split("_", 2)[2]) == 43  # 256 bits in base64
    assert secret not in repr(ledger.access_keys()) + repr(ledger.audit(limit=9))
    with pytest.raises(NotSignedIn):
        holder(f"rf_{key.key_id}_{key.digest[:43]}", ledger=ledger, now=NOON)


@pytest.mark.parametrize("wrong", ["", "rf_", "rf_0_0", "sk-1", "rf_" + "0" * 12 + "_" + "A" * 43, "rf_\ud800_\ud800"])
def test_what_is_no_key_opens_nothing(ledger: MemoryLedger, wrong: str) -> None:
    create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    with pytest.raises(NotSignedIn, match="opens nothing"):
        holder(wrong, ledger=ledger, now=NOON)


def test_a_key_with_one_letter_changed_opens_nothing(ledger: MemoryLedger) -> None:
    _, text = create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    for at in (-1, -20, 5):
        letter = "a" if text[at] != "a" else "b"
        place = at % len(text)
        with pytest.raises(NotSignedIn):
            holder(text[:place] + letter + text[place + 1 :], ledger=ledger, now=NOON)


def test_a_key_opens_until_it_expires(ledger: MemoryLedger) -> None:
    wanted = Wanted(name="ada", roles=frozenset({Role.ASKER}), lasts=DAY)
    _, text = create(wanted, by=ROOT, ledger=ledger, now=NOON)
    assert holder(text, ledger=ledger, now=NOON + DAY - timedelta(seconds=1)).name == "ada"
    with pytest.raises(NotSignedIn):
        holder(text, ledger=ledger, now=NOON + DAY)


def test_a_revoked_key_opens_nothing_from_then_on_and_is_not_revoked_twice(ledger: MemoryLedger) -> None:
    key, text = create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    assert revoke(key.key_id, by=ROOT, ledger=ledger, now=NOON).revoked == NOON
    with pytest.raises(NotSignedIn):
        holder(text, ledger=ledger, now=NOON)
    with pytest.raises(Conflict):
        revoke(key.key_id, by=ROOT, ledger=ledger, now=NOON)


def test_a_replaced_key_goes_on_opening_for_the_overlap_and_the_new_one_is_like_it(ledger: MemoryLedger) -> None:
    wanted = Wanted(name="app", roles=frozenset({Role.ASKER}), speaks_for_others=True, tenant="acme", lasts=DAY)
    key, old = create(wanted, by=ROOT, ledger=ledger, now=NOON)
    made, new = rotate(key.key_id, overlap=timedelta(hours=1), by=ROOT, ledger=ledger, now=NOON)
    assert (made.name, made.roles, made.speaks_for_others, made.tenant) == ("app", key.roles, True, "acme")
    assert made.expires == NOON + DAY
    almost = NOON + timedelta(minutes=59)
    assert holder(old, ledger=ledger, now=almost) == holder(new, ledger=ledger, now=almost)
    with pytest.raises(NotSignedIn):
        holder(old, ledger=ledger, now=NOON + timedelta(hours=1))


def test_a_key_never_goes_on_longer_for_being_replaced(ledger: MemoryLedger) -> None:
    wanted = Wanted(name="app", roles=frozenset({Role.ASKER}), lasts=timedelta(hours=1))
    key, old = create(wanted, by=ROOT, ledger=ledger, now=NOON)
    rotate(key.key_id, overlap=DAY, by=ROOT, ledger=ledger, now=NOON)
    with pytest.raises(NotSignedIn):
        holder(old, ledger=ledger, now=NOON + timedelta(hours=1))


def test_what_is_done_to_keys_is_in_the_audit_log(ledger: MemoryLedger) -> None:
    key, _ = create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    made, _ = rotate(key.key_id, overlap=DAY, by=GRACE, ledger=ledger, now=NOON)
    revoke(made.key_id, by=GRACE, ledger=ledger, now=NOON)
    told = [(entry.who, entry.action, entry.subject) for entry in reversed(ledger.audit(limit=9))]
    assert told == [
        ("root", "create key", f"key {key.key_id}"),
        ("grace", "create key", f"key {made.key_id}"),
        ("grace", "replace key", f"key {key.key_id}"),
        ("grace", "revoke key", f"key {made.key_id}"),
    ]


def test_there_is_no_key_of_an_unknown_id(ledger: MemoryLedger) -> None:
    with pytest.raises(NotFound):
        revoke("0" * 12, by=ROOT, ledger=ledger, now=NOON)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ada",
        "ada ",
        "ada\n",
        "ada\xa0",
        "ada\u200b",
        "a\nb",
        "a" * 81,
        "anonymous",
        "Anonymous:ada",
        "rag-flywheel",
    ],
)
def test_a_name_that_nobody_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        Wanted(name=name, roles=frozenset({Role.ASKER}))


def test_a_key_without_a_role_or_a_time_to_last_is_refused() -> None:
    with pytest.raises(InvalidInput, match="role"):
        Wanted(name="ada", roles=frozenset())
    with pytest.raises(InvalidInput, match="lasts"):
        Wanted(name="ada", roles=frozenset({Role.ASKER}), lasts=timedelta())


def test_a_tenants_admin_makes_and_revokes_the_keys_of_the_tenant_alone(ledger: MemoryLedger) -> None:
    admin = Person(name="ann", roles=frozenset({Role.ADMIN}), tenant="acme")
    theirs, _ = create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    with pytest.raises(NotFound, match="no such key"):
        revoke(theirs.key_id, by=admin, ledger=ledger, now=NOON)
    with pytest.raises(NotAllowed):
        create(REVIEWER, by=admin, ledger=ledger, now=NOON)
    mine, text = create(replace(REVIEWER, tenant="acme"), by=admin, ledger=ledger, now=NOON)
    assert holder(text, ledger=ledger, now=NOON).tenant == "acme"
    assert revoke(mine.key_id, by=admin, ledger=ledger, now=NOON).revoked == NOON


def test_a_name_in_other_letters_is_no_other_name_but_of_another_tenant(ledger: MemoryLedger) -> None:
    create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
    with pytest.raises(Conflict, match="key of ada"):
        create(replace(REVIEWER, name="Ada"), by=ROOT, ledger=ledger, now=NOON)
    create(replace(REVIEWER, name="Ada", tenant="acme"), by=ROOT, ledger=ledger, now=NOON)
    create(REVIEWER, by=ROOT, ledger=ledger, now=NOON)
