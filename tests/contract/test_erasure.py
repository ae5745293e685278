"""What `Erasure` promises."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from rag_flywheel.domain import InteractionId, ItemKind
from rag_flywheel.ports import Ledger
from tests.contract.rows import NOON, a_correction, a_feedback, a_review, a_session, an_aside, an_interaction
from tests.contract.running import failing
from tests.fakes.samples import exposure


def test_erasing_a_person_removes_all_of_theirs_and_what_others_said_on_it_and_counts_it(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("anns", user="ann"))
    ledger.add_interaction(an_interaction("bobs", user="bob"))
    ledger.add_interaction(an_interaction("nobodys", user=None))
    ledger.add_feedback(a_feedback("ann-on-bobs", of="bobs", user="ann"))
    ledger.add_feedback(a_feedback("bob-on-anns", of="anns", user="bob"))
    ledger.add_feedback(a_feedback("bob-on-bobs", of="bobs", user="bob"))
    ledger.add_correction(a_correction("ann-corrects", of="bobs", user="ann"))
    ledger.add_correction(a_correction("bob-corrects-ann", of="anns", user="bob"))
    ledger.add_correction(a_correction("bob-corrects", of="bobs", user="bob"))
    for number, of in enumerate(["ann-corrects", "ann-corrects", "bob-corrects-ann", "bob-corrects"]):
        ledger.add_review(a_review(f"r{number}", of=of))
    for unit, met in (("ann", "bobs"), ("ann", None), ("a session", "anns"), ("bob", "bobs"), ("bob", None)):
        ledger.add_exposure(exposure(unit, of=met))
    for item, kind in (
        ("anns", ItemKind.QUESTION),
        ("bobs", ItemKind.QUESTION),
        ("ann-corrects", ItemKind.CORRECTION),
        ("bob-corrects", ItemKind.CORRECTION),
        ("anns", ItemKind.DOCUMENT),
    ):
        ledger.add_aside(an_aside(item, kind=kind))
    ledger.remember("anns-key", digest="d", reply={"id": "ann-corrects", "status": "pending"}, at=NOON)
    ledger.remember("bobs-key", digest="d", reply={"id": "bob-corrects", "status": "pending"}, at=NOON)
    for digest, user in (("anns", "ann"), ("bobs", "bob")):
        ledger.open_session(a_session(digest, user=user))
        ledger.session_seen(digest, at=NOON)
        ledger.end_session(digest, at=NOON)

    counts = ledger.erase_user("ann")

    assert counts == {
        "interactions": 1,
        "feedback": 2,
        "corrections": 2,
        "reviews": 3,
        "asides": 2,
        "exposures": 3,
        "replies": 1,
        "sessions": 1,
        "session_uses": 1,
        "session_ends": 1,
    }
    assert {interaction.interaction_id for interaction in ledger.interactions(limit=9)} == {"bobs", "nobodys"}
    assert [feedback.feedback_id for feedback in ledger.feedback()] == ["bob-on-bobs"]
    assert ledger.exposures() == [exposure("bob", of="bobs"), exposure("bob", of=None)]
    [left] = ledger.corrections()
    assert left.correction.correction_id == "bob-corrects"
    assert left.review == a_review("r3", of="bob-corrects")
    assert [aside.suspicion.item for aside in ledger.asides()] == ["bobs", "bob-corrects", "anns"]
    assert ledger.remembered("anns-key") is None
    assert ledger.session("anns") is None
    assert ledger.session("bobs") is not None
    assert ledger.remembered("bobs-key") is not None
    assert set(ledger.erase_user("ann").values()) == {0}


def test_what_others_say_while_a_person_is_erased_goes_too(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction("anns", user="ann"))
    written = threading.Event()

    def speak() -> None:
        with ledger.transaction():
            ledger.add_feedback(a_feedback(of="anns", user="bob"))
            ledger.add_exposure(exposure("bob", of="anns"))
            written.set()
            time.sleep(0.1)  # the erasure begins before this commits

    with ThreadPoolExecutor(1) as bob:
        speaking = bob.submit(speak)
        written.wait()
        counts = ledger.erase_user("ann")
        speaking.result()
    assert (counts["interactions"], counts["feedback"], counts["exposures"]) == (1, 1, 1)
    assert (ledger.feedback(), ledger.exposures()) == ([], [])


def test_an_erasure_inside_a_failed_transaction_erases_nothing(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    with failing(ledger.transaction()):
        ledger.erase_user("ann")
    assert ledger.interaction(InteractionId("i1")) == an_interaction()
