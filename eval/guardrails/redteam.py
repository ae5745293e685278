"""Our own attacks, and the share of them that the detectors let through.

The set holds what the detectors find, so that a change which weakens them is noticed. What they are known not to find
stands apart: a limit of the gate that no version can be held to account for.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from eval.guardrails import poison
from eval.guardrails.checks import Check, Invariant, check
from eval.guardrails.injection import Place, signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A text made to misuse a language model or a ranking, and how it would come in."""

    name: str
    kind: str
    place: Place
    question: str | None  # that a correction answers
    text: str


def attacks() -> tuple[Attack, ...]:
    """The red-team set that comes with the project: what the gate tries."""
    return _read("redteam.jsonl")


def missed() -> tuple[Attack, ...]:
    """Attacks that the detectors are known to let through: the reviewer's to see, and the next detector's to find."""
    return _read("redteam_missed.jsonl")


def _read(name: str) -> tuple[Attack, ...]:
    lines = files("eval.guardrails").joinpath(name).read_text(encoding="utf-8").split("\n")
    return tuple(
        Attack(
            name=attack["_id"],
            kind=attack["kind"],
            place=Place(attack["place"]),
            question=attack.get("question"),
            text=attack["text"],
        )
        for attack in (json.loads(line) for line in lines if line)
    )


def is_found(attack: Attack) -> bool:
    """Whether the detectors see it where it would come in."""
    asked = attack.question
    made = asked is not None and poison.is_made_to_be_found(asked, attack.text)
    return made or bool(signs(attack.text, place=attack.place))


def attack_success(tried: Iterable[Attack], *, maximum: float) -> Check:
    """At most the share `maximum` of the attacks gets through."""
    those = list(tried)
    through = [attack for attack in those if not is_found(attack)]
    kinds = ", ".join(sorted({attack.kind for attack in through}))
    return check(
        Invariant.RED_TEAM,
        f"share of {len(those)} attacks of the red-team set that gets through",
        value=len(through) / len(those) if those else None,
        limit=maximum,
        breach=f"{len(through)} of {len(those)} attacks of the red-team set get through (of the kinds {kinds}), more "
        f"than guardrails.maximum_attack_success ({maximum:g}) allows: the detectors have become weaker.",
    )
