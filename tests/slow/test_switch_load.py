"""What the benchmark of switching under load counts as broken: each check finds the fault that it is there for."""

import importlib
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from rag_flywheel.domain import Arm, CanaryId, Exposure, InteractionId
from tests.fakes.samples import NOON
from tests.slow.test_benchmarks import SCRIPTS


@pytest.fixture(scope="module")
def load() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("switch_load")


REPLY: Mapping[str, object] = {
    "version": "v-amber",
    "arm": "control",
    "canary": "c1",
    "answer": "the amber seal",
    "citations": [{"document_id": "amber/oven.md", "text": "a seal"}],
}


def asked(
    load: Any, *, sent: float = 1.0, ended: float = 1.1, failure: str = "", reply: Mapping[str, object] = REPLY
) -> Any:
    return load.Asked(person="ada", due=sent, sent=sent, ended=ended, failure=failure, reply=dict(reply))


def exposure(arm: Arm, step: int) -> Exposure:
    return Exposure(
        at=NOON,
        unit="ada",
        arm=arm,
        canary_id=CanaryId("c1"),
        step=step,
        interaction_id=InteractionId("i1"),
        answered=True,
        failed=False,
        seconds=0.1,
    )


@pytest.mark.parametrize(
    ("cites", "says", "found"),
    [
        ("amber/oven.md", "the amber seal", False),
        ("cobalt/oven.md", "the amber seal", True),
        ("amber/oven.md", "the cobalt seal", True),
    ],
)
def test_an_answer_is_mixed_when_it_cites_or_quotes_another_version(
    load: Any, cites: str, says: str, found: bool
) -> None:
    reply = {**REPLY, "answer": says, "citations": [{"document_id": cites, "text": "a seal"}]}
    assert load.mixed(asked(load, reply=reply)) is found


@pytest.mark.parametrize(
    ("met", "changed"),
    [
        ([(Arm.CONTROL, 0), (Arm.TREATMENT, 1), (Arm.TREATMENT, 2)], False),
        ([(Arm.CONTROL, 0), (Arm.TREATMENT, 0)], True),
        ([(Arm.TREATMENT, 0), (Arm.CONTROL, 1)], True),
        ([(Arm.CONTROL, 0), (Arm.TREATMENT, 1), (Arm.CONTROL, 2)], True),
    ],
)
def test_a_person_changes_arm_by_two_in_a_step_or_by_leaving_the_treatment(
    load: Any, met: list[tuple[Arm, int]], changed: bool
) -> None:
    assert bool(load.arm_changers([exposure(arm, step) for arm, step in met])) is changed


def test_only_an_answer_on_the_control_that_was_asked_after_one_on_the_treatment_counts_as_coming_back(
    load: Any,
) -> None:
    treated = asked(load, sent=1.0, ended=2.0, reply={**REPLY, "arm": "treatment"})
    at_once, later = asked(load, sent=1.5), asked(load, sent=2.5)
    assert load.came_back([treated, at_once]) == set()
    assert load.came_back([treated, later]) == {("ada", "c1")}
    assert load.came_back([treated, asked(load, sent=2.5, reply={**REPLY, "canary": "c2"})]) == set()


@pytest.mark.parametrize(
    ("by", "sent", "ended", "failure", "excused"),
    [
        (signal.SIGKILL, 1.0, 3.0, "RemoteProtocolError", True),
        (signal.SIGTERM, 1.0, 3.0, "RemoteProtocolError", False),
        (signal.SIGKILL, 2.5, 3.0, "ConnectError", False),
        (signal.SIGKILL, 1.0, 1.5, "ReadError", False),
        (signal.SIGKILL, 1.0, 3.0, "503 NothingLive", False),
    ],
)
def test_only_a_connection_that_was_open_at_the_sigkill_may_break(
    load: Any, by: signal.Signals, sent: float, ended: float, failure: str, excused: bool
) -> None:
    question = asked(load, sent=sent, ended=ended, failure=failure)
    assert load.killed(question, [load.Ended(pid=1, by=by, at=2.0)]) is excused


def test_a_move_is_followed_when_the_first_new_answer_comes_and_the_last_old_one_is_asked(load: Any) -> None:
    move = load.Move(to="v-cobalt", by="rollback", before=9.9, after=10.0)
    seen = [
        asked(load, sent=9.8, ended=10.4),  # was under way
        asked(load, sent=10.3, ended=10.5),  # a worker that did not follow
        asked(load, sent=10.1, ended=10.2, reply={**REPLY, "version": "v-cobalt"}),
        asked(load, sent=10.6, ended=10.7, reply={**REPLY, "arm": "treatment"}),
    ]
    first, last = load.followed(move, 20.0, seen)
    assert (first, last) == (pytest.approx(0.2), pytest.approx(0.3))
    assert load.followed(move, 10.15, seen) == (None, 0.0)
