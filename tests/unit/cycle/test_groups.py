"""Who is shown what, through the whole loop over fakes: documents, corrections, and all that is told of them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.answering.chat import Chat, open_chat
from rag_flywheel.answering.explain import Explanation, explain
from rag_flywheel.cycle import aside
from rag_flywheel.cycle.reindex import reindex
from rag_flywheel.domain import (
    CorrectionId,
    Evidence,
    FeedbackKind,
    Groups,
    Interaction,
    InteractionId,
    Question,
    Readership,
    Verdict,
)
from rag_flywheel.domain.readers import EVERYTHING, Reader
from rag_flywheel.errors import NotFound
from rag_flywheel.feedback import corrections, gaps, intake, review
from rag_flywheel.feedback.quoting import quoted
from rag_flywheel.golden_set import listing
from rag_flywheel.search.texts import document_texts
from rag_flywheel.services import Services
from tests.fakes.services import services
from tests.unit.cycle.household import quiet

TEAMS = [f"team{number}" for number in range(50)]
ASKED = "What is the code of the vault?"
SECRET = re.compile(r"plum\d+mango")


def secret(team: str) -> str:
    return f"plum{team.removeprefix('team')}mango"


def of(*groups: str) -> frozenset[str]:
    return frozenset(groups)


class World:
    """A project whose documents are for whom `groups` says, and its people."""

    def __init__(self, made: Services) -> None:
        self.services = made
        self.chat: Chat = open_chat(made)

    def reindex(self) -> Readership | None:
        result = reindex(self.services, force=False, steps=quiet)
        assert result.decision == "promoted", (result.decision, result.reasons)
        return result.readers

    def ask(self, text: str, groups: Groups) -> Interaction:
        made = self.services
        question = Question(text=text, asked=made.now(), groups=groups)
        return self.chat.answer(question, interaction_id=InteractionId(made.new_id()))

    def reader(self, groups: Groups) -> Reader:
        return self.chat.readers.reader(groups)

    def correct(
        self,
        asked: Interaction,
        answer: str,
        groups: Groups,
        *,
        evidence: Sequence[Evidence] = (),
        supersedes: Sequence[Evidence] = (),
    ) -> CorrectionId:
        """Hand it in; it waits for a review."""
        made, live = self.services, self.services.index.live()
        assert live is not None
        prepared = corrections.prepare(
            corrections.Submission(
                interaction_id=asked.interaction_id,
                answer=answer,
                evidence=tuple(evidence),
                supersedes=tuple(supersedes),
                reader=self.reader(groups),
            ),
            ledger=made.ledger,
            redactor=made.redactor,
            find=lambda text: self.chat.search(text, groups=groups)[1].passages,
            quoted=lambda spans, seen: quoted(
                spans, versions=[live], texts=lambda version: document_texts(made.index.chunks(version))
            ),
            at=made.now() - timedelta(hours=2),
            new_id=made.new_id,
        )
        made.ledger.add_correction(prepared)
        return prepared.correction_id

    def accept(self, name: CorrectionId, groups: Groups = None) -> None:
        made = self.services
        ruling = review.Ruling(verdict=Verdict.ACCEPT, reviewer="grace", note="right", reader=self.reader(groups))
        review.decide(
            name, ruling, ledger=made.ledger, redactor=made.redactor, look=None, at=made.now(), new_id=made.new_id
        )

    def praise(self, asked: Interaction, value: str = "up") -> None:
        made = self.services
        signal = intake.Signal(
            interaction_id=asked.interaction_id, kind=FeedbackKind.THUMB, value=value, user=None, reader=EVERYTHING
        )
        made.ledger.add_feedback(
            intake.prepare(
                signal,
                ledger=made.ledger,
                redactor=made.redactor,
                minimum_similarity=0.3,
                at=made.now(),
                new_id=made.new_id,
            )
        )

    def queue(self, groups: Groups) -> list[review.Progress]:
        made = self.services
        return review.queue(
            ledger=made.ledger,
            live=made.index.live(),
            wanted=lambda reviewed: True,
            conflicting=False,
            limit=1000,
            reader=self.reader(groups),
        )

    def explained(self, asked: Interaction, groups: Groups) -> Explanation:
        return explain(asked.interaction_id, chat=self.chat, limit=1000, reader=self.reader(groups))

    def told(self, groups: Groups) -> dict[str, list[str]]:
        """All that is listed for somebody, item by item."""
        made, reader = self.services, self.reader(groups)
        return {
            "gaps": [repr(gap) for gap in gaps.gaps(ledger=made.ledger, near=0.0, limit=1000, reader=reader)],
            "triage": [repr(suspect) for suspect in gaps.triage(ledger=made.ledger, limit=1000, reader=reader)],
            "review": [repr(item) for item in self.queue(groups)],
            "aside": [repr(item) for item in aside.overview(made, reader)],
            "golden": [repr(item) for item in listing.overview(made, reader)],
        }


def world(folder: Path, sources: str, files: dict[str, str], *, more: str = "") -> World:
    for name, text in files.items():
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    settings = f"sources: [{sources}]\ngolden: ''\nguardrails: {{author_share_from: 1000}}\n{more}"
    return World(services(folder, text=settings))


def vaults(folder: Path, *, index: str = "memory") -> World:
    files = {f"{team}/vault.md": f"The code of the vault is {secret(team)}, and it is kept well.\n" for team in TEAMS}
    files["open.md"] = "The canteen opens at noon and serves soup on Mondays.\n"
    rules = ", ".join(f'"{team}/": [{team}]' for team in TEAMS)
    made = world(folder, f"{{path: docs, groups: {{{rules}}}}}", files, more="gate: {minimum_cases: 1}\n")
    if index == "edge":
        made = World(replace(made.services, index=EdgeIndex(folder / "index")))
    return made


@pytest.mark.parametrize("index", ["memory", "edge"])
def test_fifty_groups_keep_their_secrets_whatever_anybody_asks_corrects_and_lists(tmp_path: Path, index: str) -> None:
    made = vaults(tmp_path, index=index)
    assert made.reindex() == Readership(open=1, groups=dict.fromkeys(sorted(TEAMS), 1))
    asked = {team: made.ask(ASKED, of(team)) for team in TEAMS}
    assert all(secret(team) in answer.answer for team, answer in asked.items())
    names = {
        team: made.correct(answer, f"The vault of ours opens with {secret(team)}, says Ann.", of(team))
        for team, answer in asked.items()
    }
    for team in TEAMS:
        made.accept(names[team], of(team))
        with pytest.raises(NotFound):
            made.accept(names[team], of("team0" if team != "team0" else "team1"))
    made.reindex()
    again = {team: made.ask(ASKED, of(team)) for team in TEAMS}
    outsider = made.ask(ASKED, of("others"))
    everyone = {**{of(team): again[team] for team in TEAMS}, of("others"): outsider}
    for groups, answer in everyone.items():
        own = {secret(team) for team in groups if team in TEAMS}
        said = [repr(answer), *(text for texts in made.told(groups).values() for text in texts)]
        said.append(repr(made.explained(answer, groups)))
        assert set(SECRET.findall("\n".join(said))) <= own, groups
        assert own <= set(SECRET.findall(answer.answer)), "the answer is there for those whom it is for"
    assert not outsider.answered
    counts = {groups: {kind: len(items) for kind, items in made.told(groups).items()} for groups in everyone}
    assert counts[of("others")] == {**counts[of("others")], "review": 0, "aside": 0, "triage": 0, "golden": 0}
    assert {tuple(count.items()) for groups, count in counts.items() if groups != of("others")} == {
        tuple(counts[of("team0")].items())
    }, "nobody's lists are longer for what others have"
    for team in TEAMS[1:]:
        with pytest.raises(NotFound) as error:
            made.explained(again[team], of("team0"))
        assert (
            str(error.value) == f"no interaction {again[team].interaction_id}: its id is in the reply to the question"
        )
