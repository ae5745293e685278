"""A project of pages about a household, for tests of what the gate sees in whole cycles over fakes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from eval.guardrails.checks import Invariant
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.cycle.result import CycleResult
from rag_flywheel.domain import (
    Candidate,
    Citation,
    DocumentId,
    Feedback,
    FeedbackId,
    FeedbackKind,
    GoldenCase,
    Groups,
    InteractionId,
    Retirement,
    VersionId,
)
from rag_flywheel.domain.equivalence import normalised
from rag_flywheel.ports import ALL_ENGLISH, Vectors
from rag_flywheel.services import Services
from tests.fakes.index import MemoryIndex
from tests.fakes.samples import NOON, correction, interaction, review
from tests.fakes.services import services

EARLIER = NOON - timedelta(hours=9)
FACTS = {
    "boiler": (
        "Lighting the pilot flame",
        "Turn the gas tap to the left and hold the ignition button for ten seconds.",
    ),
    "pump": ("Cleaning the filter mesh", "Rinse both meshes under running water and let them dry for a whole day."),
    "lamp": ("Replacing broken bulbs", "Unscrew the glass dome before taking out used bulbs with a dry cloth."),
    "door": ("Greasing squeaking hinges", "Grease each hinge twice per year with the oil from the blue can."),
    "oven": ("Removing burnt crumbs", "Scrape burnt crumbs off with a wooden spoon once the tray has cooled."),
    "fridge": ("Choosing a temperature", "Keep vegetables at seven degrees and meat at two on the lowest shelf."),
    "stove": ("Sweeping the chimney", "Call a chimney sweep every autumn before lighting wood for the first time."),
    "radio": (
        "Storing favourite stations",
        "Press and hold a numbered key until three short beeps confirm the station.",
    ),
}
FENCE = "Which paint suits the garden fence?"
REWORDED = "Tell me how our fence is to be varnished"
VARNISH = "Brown varnish from the shed, two coats."


class NotingIndex(MemoryIndex):
    """It also remembers what was searched for, in order: both tuning and gate go through it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[VersionId, str]] = []

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
        self.asked.append((version, text))
        return super().search(version, text=text, vector=vector, limit=limit, groups=groups, languages=languages)


@dataclass(frozen=True, kw_only=True)
class House:
    """A project of pages about a household, one fact each."""

    services: Services
    index: NotingIndex
    steps: list[tuple[str, int, int]] = field(default_factory=list)  # of the last cycle

    def cycle(self, *, force: bool = False) -> CycleResult:
        self.steps.clear()
        self.index.asked.clear()
        return reindex(self.services, force=force, steps=self.step)

    def step(self, name: str, done: int, total: int) -> None:
        self.steps.append((name, done, total))

    def report(self, version: VersionId | None = None) -> dict[str, Any]:
        """Of the version, or of the newest one."""
        decided = self.services.ledger.decision(version or self.services.ledger.versions()[-1].manifest.version_id)
        assert decided is not None
        return dict(decided.report)

    def checked(self, invariant: Invariant) -> dict[str, Any]:
        [found] = [check for check in self.report()["checks"] if check["invariant"] == invariant]
        return dict(found)

    def searched(self) -> set[str]:
        """All that was searched for in the last cycle, in either version."""
        return {question for _, question in self.index.asked}

    def write(self, name: str, text: str) -> None:
        (self.services.config.folder / name).write_text(text, encoding="utf-8")

    def correct(
        self, name: str, question: str, answer: str, *, user: str | None = None, group: str | None = None
    ) -> None:
        """A correction that was accepted, and the interaction that it is of."""
        ledger = self.services.ledger
        asked = interaction(f"asked {name}", question=question, asked=EARLIER, user=user)
        ledger.add_interaction(replace(asked, group=group))
        said = correction(name, of=f"asked {name}", question=question, answer=answer, submitted=EARLIER)
        ledger.add_correction(replace(said, user=user))
        ledger.add_review(review(name, reviewed=EARLIER))

    def praise(self, page: str, question: str, *, user: str | None = None, group: str | None = None) -> InteractionId:
        """An interaction whose answer cites a page's fact, and that somebody found right."""
        _, text = FACTS[page]
        document = DocumentId(f"{page}.md")
        cited = Citation(number=1, document_id=document, title="", text=text, start=0, end=len(text), score=0.5)
        asked = interaction(f"about {page} {question}", question=question, answer=text, asked=EARLIER, user=user)
        self.services.ledger.add_interaction(replace(asked, citations=(cited,), group=group))
        thumb = Feedback(
            feedback_id=FeedbackId(f"thumb {asked.interaction_id}"),
            interaction_id=asked.interaction_id,
            given=EARLIER,
            user=None,
            kind=FeedbackKind.THUMB,
            value="up",
        )
        self.services.ledger.add_feedback(thumb)
        return asked.interaction_id

    def add_golden(self, name: str, question: str, document: str) -> None:
        """A question of the golden set that the ledger holds."""
        case = GoldenCase(
            case_id=f"golden:{name}",
            added=EARLIER,
            who="rita",
            origin="added",
            question=question,
            cluster=normalised(question),
            answer=None,
            documents=(DocumentId(document),),
            evidence=(),
            answerable=True,
        )
        self.services.ledger.add_golden_case(case)

    def retire(self, case_id: str) -> None:
        self.services.ledger.add_retirement(
            Retirement(case_id=case_id, retired=EARLIER, who="rita", why="nobody asks so")
        )


def built_in(folder: Path, text: str = "", *, sources: str = "'*.md'") -> House:
    index = NotingIndex()
    made = replace(services(folder, text=f"sources: [{sources}]\n{text}"), index=index)
    house = House(services=made, index=index)
    for name, (heading, fact) in FACTS.items():
        house.write(f"{name}.md", f"# {name.title()}\n\n## {heading}\n\n{fact}\n")
    return house


def named(house: House, name: str) -> list[tuple[str, int, int]]:
    return [step for step in house.steps if step[0] == name]
