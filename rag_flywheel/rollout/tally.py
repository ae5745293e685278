"""What came of the answers of each arm: exposures and feedback to the sums that arms are compared by. Pure."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace

from rag_flywheel.domain import Arm, Exposure, Feedback, InteractionId, Outcomes
from rag_flywheel.feedback import implicit

QUESTIONS_COUNTED = 20
"""Of one person: whoever asks without end, person or script, must not decide for all."""


@dataclass(slots=True)
class _Person:
    asked: int = 0
    bad: int = 0
    failed: bool = False
    refused: bool = False
    slow: bool = False


def tally(
    exposures: Iterable[Exposure],
    feedback: Iterable[Feedback],
    corrected: Set[InteractionId],
    *,
    slow_seconds: float,
) -> dict[Arm, Outcomes]:
    """The outcomes of every arm, both sequences oldest first. The exposures are those to compare: of one canary's step.

    An answer is bad when it failed, when it is among `corrected`, or by its feedback (`implicit.is_bad`). The first
    QUESTIONS_COUNTED questions of a person count, and for failed, refused and slow answers all of them; one that failed
    is neither refused nor slow.
    """
    heard: dict[InteractionId, list[Feedback]] = {}
    for signal in feedback:
        heard.setdefault(signal.interaction_id, []).append(signal)
    bad = {name for name, given in heard.items() if implicit.is_bad(given)} | corrected
    people: dict[tuple[Arm, str], _Person] = {}
    for exposure in exposures:
        person = people.setdefault((exposure.arm, exposure.unit), _Person())
        if person.asked < QUESTIONS_COUNTED:
            person.asked += 1
            person.bad += exposure.failed or exposure.interaction_id in bad
        person.failed |= exposure.failed
        person.refused |= not (exposure.failed or exposure.answered)
        person.slow |= not exposure.failed and exposure.seconds > slow_seconds
    return {arm: _summed(arm, [person for (its, _), person in people.items() if its is arm]) for arm in Arm}


def outside_holdout(exposures: Iterable[Exposure]) -> Iterator[Exposure]:
    """The same, with everybody outside the hold-out in one arm, the control: over several canaries nobody has one arm,
    and who was in two would count as two people."""
    for exposure in exposures:
        yield exposure if exposure.arm is Arm.HOLDOUT else replace(exposure, arm=Arm.CONTROL)


def _summed(arm: Arm, people: list[_Person]) -> Outcomes:
    return Outcomes(
        arm=arm,
        people=len(people),
        asked=sum(person.asked for person in people),
        bad=sum(person.bad for person in people),
        asked_squared=sum(person.asked**2 for person in people),
        bad_squared=sum(person.bad**2 for person in people),
        asked_bad=sum(person.asked * person.bad for person in people),
        failed=sum(person.failed for person in people),
        refused=sum(person.refused for person in people),
        slow=sum(person.slow for person in people),
    )
