"""What `Erasure` promises."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from rag_flywheel.domain import DocumentId, InteractionId, ItemKind, VersionId
from rag_flywheel.domain.erasures import ERASED, ErasureState, Scope, Theirs
from rag_flywheel.ports import Ledger
from tests.contract.rows import (
    NOON,
    a_consent,
    a_correction,
    a_decision,
    a_delivery,
    a_feedback,
    a_golden_case,
    a_manifest,
    a_notice,
    a_retirement,
    a_review,
    a_second_review,
    a_session,
    a_topic_ruling,
    an_aside,
    an_assignment,
    an_entry,
    an_erasure,
    an_interaction,
)
from tests.contract.running import failing
from tests.fakes.samples import exposure, span


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
        ledger.add_assignment(an_assignment(of))
        ledger.add_second_review(a_second_review(f"s{number}", of=of))
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
        ledger.add_consent(a_consent(f"{user} says", user=user))
    ledger.add_topic_ruling(a_topic_ruling("ours", members=("anns", "bobs")))
    ledger.add_topic_ruling(a_topic_ruling("mine", members=("anns",)))

    counts = ledger.erase(Scope(user="ann"))

    assert counts == {
        "interactions": 1,
        "feedback": 2,
        "corrections": 2,
        "reviews": 3,
        "assignments": 3,
        "second_reviews": 3,
        "asides": 2,
        "exposures": 3,
        "replies": 1,
        "consents": 1,
        "sessions": 1,
        "session_uses": 1,
        "session_ends": 1,
        "topic_members": 2,
        "topic_rulings": 1,
    }
    assert [ruling.members for ruling in ledger.topic_rulings()] == [("bobs",)]
    assert {interaction.interaction_id for interaction in ledger.interactions(limit=9)} == {"bobs", "nobodys"}
    assert [feedback.feedback_id for feedback in ledger.feedback()] == ["bob-on-bobs"]
    assert ledger.exposures() == [exposure("bob", of="bobs"), exposure("bob", of=None)]
    [left] = ledger.corrections()
    assert left.correction.correction_id == "bob-corrects"
    assert left.review == a_review("r3", of="bob-corrects")
    assert ledger.assignments() == [an_assignment("bob-corrects")]
    assert ledger.second_reviews() == [a_second_review("s3", of="bob-corrects")]
    assert [aside.suspicion.item for aside in ledger.asides()] == ["bobs", "bob-corrects", "anns"]
    assert ledger.remembered("anns-key") is None
    assert [event.user for event in ledger.consents()] == ["bob"]
    assert ledger.session("anns") is None
    assert ledger.session("bobs") is not None
    assert ledger.remembered("bobs-key") is not None
    assert set(ledger.erase(Scope(user="ann")).values()) == {0}


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
        counts = ledger.erase(Scope(user="ann"))
        speaking.result()
    assert (counts["interactions"], counts["feedback"], counts["exposures"]) == (1, 1, 1)
    assert (ledger.feedback(), ledger.exposures()) == ([], [])


def test_an_erasure_inside_a_failed_transaction_erases_nothing(ledger: Ledger) -> None:
    ledger.add_interaction(an_interaction())
    with failing(ledger.transaction()):
        ledger.erase(Scope(user="ann"))
    assert ledger.interaction(InteractionId("i1")) == an_interaction()


def test_an_erasure_keeps_to_its_conversation_and_its_span_of_time(ledger: Ledger) -> None:
    later = NOON + timedelta(days=1)
    for name, asked, session in (("early", NOON, "s1"), ("late", later, "s1"), ("other", later, "s2")):
        ledger.add_interaction(replace(an_interaction(name, asked=asked), session=session))
        ledger.add_feedback(a_feedback(f"on-{name}", of=name, given=asked))
    ledger.erase(Scope(user="ann", session="s1", since=later))
    assert [interaction.interaction_id for interaction in ledger.interactions_of("ann")] == ["early", "other"]
    assert [feedback.feedback_id for feedback in ledger.feedback()] == ["on-early", "on-other"]
    ledger.erase(Scope(user="ann", until=NOON))
    assert [interaction.interaction_id for interaction in ledger.interactions_of("ann")] == ["other"]


THEIRS = Theirs(names=lambda text: "k1" in text, wrote=lambda text: "like this" in text)


def test_what_stays_names_and_quotes_an_erased_record_no_more(ledger: Ledger) -> None:
    cited = replace(an_interaction().citations[0], document_id=DocumentId("correction:k1"), text="like this")
    quoting = replace(an_interaction("bobs", user="bob"), answer="like this [1]", citations=(cited,))
    asked_the_same = replace(an_interaction("carols", user="carol"), question="like this?")
    for asked in (quoting, asked_the_same):
        ledger.add_interaction(asked)
    on_it = replace(a_correction("k2", of="carols", user="carol"), evidence=(), supersedes=(span("correction:k1"),))
    ledger.add_correction(on_it)
    ledger.add_feedback(a_feedback("on-k1", of="bobs", user="bob", value="k1"))
    ledger.add_feedback(a_feedback("on-bobs", of="bobs", user="bob"))
    ledger.add_golden_case(replace(a_golden_case(), answer="like this"))
    ledger.add_golden_case(a_golden_case("golden:q2"))
    ledger.add_notice(replace(a_notice(), data={"subject": "k1"}))
    ledger.add_delivery(a_delivery())
    ledger.add_notice(a_notice("n2"))
    ledger.add_retirement(a_retirement("correction:k1"))
    ledger.add_version(a_manifest())
    ledger.add_decision(replace(a_decision(), report={"asked": [{"question": "like this", "case": 1}], "n": 2}))
    ledger.add_audit(an_entry("k1"))
    ledger.add_audit(an_entry("v1"))

    ledger.scrub(THEIRS, manifests=False)

    assert ledger.version(VersionId("v1")).manifest.corrections == ("k1",)
    bobs = ledger.interaction(InteractionId("bobs"))
    assert (bobs.answer, bobs.citations[0].text, bobs.citations[0].document_id) == (ERASED, ERASED, ERASED)
    assert bobs.question == quoting.question
    assert ledger.interaction(InteractionId("carols")) == asked_the_same
    assert [entry.correction for entry in ledger.corrections()] == [replace(on_it, supersedes=(span(ERASED),))]
    assert [feedback.feedback_id for feedback in ledger.feedback()] == ["on-bobs"]
    assert [case.case_id for case in ledger.golden_cases()] == ["golden:q2"]
    assert [notice.notice_id for notice, _ in ledger.undelivered("crm", attempts=3)] == ["n2"]
    assert ledger.retirements() == []
    decided = ledger.decision(VersionId("v1"))
    assert decided is not None
    assert decided.report == {"asked": [{"question": ERASED, "case": 1}], "n": 2}
    assert [entry.subject for entry in ledger.audit(limit=9)] == ["v1", ERASED]

    ledger.scrub(THEIRS, manifests=True)
    assert ledger.version(VersionId("v1")).manifest.corrections == ()
    assert not [table for table, row in ledger.records() if "k1" in json.dumps(row)]
    assert not any(ledger.scrub(THEIRS, manifests=True).values())


def test_the_latest_word_on_an_erasure_counts_and_the_last_one_stands_alone(ledger: Ledger) -> None:
    ledger.add_erasure(an_erasure())
    ledger.add_erasure(an_erasure("e2"))
    swept = an_erasure(state=ErasureState.SWEPT)
    ledger.add_erasure(swept)
    assert ledger.erasures() == [swept, an_erasure("e2")]
    done = replace(swept, state=ErasureState.DONE, scope=None, names=frozenset())
    ledger.close_erasure(done)
    assert {erasure.erasure_id: erasure for erasure in ledger.erasures()} == {"e1": done, "e2": an_erasure("e2")}
    ledger.overwrite()
