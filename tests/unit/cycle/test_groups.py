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
    DocumentId,
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
from rag_flywheel.errors import InvalidInput, NotFound
from rag_flywheel.feedback import corrections, gaps, intake, review, review_queue
from rag_flywheel.feedback.quoting import quoted
from rag_flywheel.golden_set import changes, listing
from rag_flywheel.golden_set.changes import NewQuestion
from rag_flywheel.privacy.numbering import masking
from rag_flywheel.search.texts import document_texts
from rag_flywheel.services import Services
from tests.fakes.services import services
from tests.unit.cycle.household import quiet

TEAMS = [f"team{number}" for number in range(50)]
THINGS = ("vault", "garage door", "old safe", "cellar", "server room")  # ten teams have each
SECRET = re.compile(r"plum\d+mango")


def secret(team: str) -> str:
    return f"plum{team.removeprefix('team')}mango"


def thing(team: str) -> str:
    return THINGS[int(team.removeprefix("team")) % len(THINGS)]


def asked_by(team: str) -> str:
    return f"What is the code of the {thing(team)}?"


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
            masking=masking(made),
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
            name, ruling, ledger=made.ledger, masking=masking(made), look=None, at=made.now(), new_id=made.new_id
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
                masking=masking(made),
                minimum_similarity=0.3,
                at=made.now(),
                new_id=made.new_id,
            )
        )

    def queue(self, groups: Groups) -> list[review_queue.Progress]:
        made = self.services
        return review_queue.queue(
            review_queue.Selection(wanted=lambda reviewed: True, limit=1000),
            known=review_queue.survey(ledger=made.ledger, live=made.index.live(), reader=self.reader(groups)),
            ledger=made.ledger,
            people={},
            now=made.now(),
            reader=self.reader(groups),
        )

    def explained(self, asked: Interaction, groups: Groups) -> Explanation:
        return explain(asked.interaction_id, chat=self.chat, limit=1000, reader=self.reader(groups))

    def told(self, groups: Groups) -> dict[str, list[str]]:
        """All that is listed for somebody, item by item."""
        made, reader = self.services, self.reader(groups)
        return {
            "gaps": [repr(gap) for gap in gaps.gaps(ledger=made.ledger, near=0.0, reader=reader)],
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
    files = {f"{team}/code.md": f"The code of the {thing(team)} is {secret(team)}, kept well.\n" for team in TEAMS}
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
    asked = {team: made.ask(asked_by(team), of(team)) for team in TEAMS}
    assert all(secret(team) in answer.answer for team, answer in asked.items())
    names = {
        team: made.correct(answer, f"Ours, the {thing(team)}, opens with {secret(team)}, says Ann.", of(team))
        for team, answer in asked.items()
    }
    for team in TEAMS:
        made.accept(names[team], of(team))
        with pytest.raises(NotFound):
            made.accept(names[team], of("team0" if team != "team0" else "team1"))
    made.reindex()
    live = made.services.ledger.versions()[-1].manifest
    assert set(live.corrections) == set(names.values()), "nobody's correction took the place of another group's"
    again = {team: made.ask(asked_by(team), of(team)) for team in TEAMS}
    outsider = made.ask(asked_by("team0"), of("others"))
    assert not outsider.answered
    everyone = {**{of(team): again[team] for team in TEAMS}, of("others"): outsider}
    told = {groups: made.told(groups) for groups in everyone}
    for groups, answer in everyone.items():
        own = {secret(team) for team in groups if team in TEAMS}
        said = [repr(answer), *(text for texts in told[groups].values() for text in texts)]
        said.append(repr(made.explained(answer, groups)))
        assert set(SECRET.findall("\n".join(said))) <= own, groups
        assert own <= set(SECRET.findall(answer.answer)), "the answer is there for those whom it is for"
    counts = {groups: {kind: len(items) for kind, items in lists.items()} for groups, lists in told.items()}
    assert counts.pop(of("others")) == {"gaps": 1, "triage": 0, "review": 0, "aside": 0, "golden": 0}
    assert set(map(str, counts.values())) == {str(counts[of("team0")])}, "no list is longer for what others have"
    assert counts[of("team0")]["review"] == 1
    for team in TEAMS[1:]:
        with pytest.raises(NotFound) as error:
            made.explained(again[team], of("team0"))
        name = again[team].interaction_id
        assert str(error.value) == f"no interaction {name}: its id is in the reply to the question"


# --- corrections ----------------------------------------------------------------------------------------------------

PAY = "Pay day is the last day of the month. Questions about it go to the office on the second floor.\n"
PEOPLE = "From July on the pay day is the fifteenth day, by a decision that is not announced yet.\n"
WHEN = "When is pay day?"


def office(folder: Path) -> World:
    """`pay.md` is open, and what `hr` knows of it is for them alone; `sales` and `board` have a page each."""
    files = {
        "pay.md": PAY,
        "lunch.md": "Lunch is served in the canteen from noon to two.\n",
        "hr/july.md": PEOPLE,
        "sales/targets.md": "The target of the sales team for autumn is nine hundred pumps.\n",
        "board/plan.md": "The board plans to move the whole firm to Lisbon in spring.\n",
    }
    groups = '{path: docs, groups: {"hr/": [hr], "sales/": [sales], "board/": [board, hr]}}'
    made = world(folder, groups, files, more="gate: {minimum_cases: 1}\nreranker: {minimum_groups: 4}\n")
    made.reindex()
    return made


def whole(document: str, text: str) -> Evidence:
    return Evidence(document_id=DocumentId(f"docs/{document}"), start=0, end=len(text.rstrip()))


def groups_in(made: World) -> dict[str, tuple[str, ...]]:
    """Whom the corrections of the live version are for, by their text."""
    live = made.services.index.live()
    assert live is not None
    return {
        chunk.text: chunk.groups
        for chunk in made.services.index.chunks(live)
        if chunk.is_correction and chunk.confirmed is None
    }


def texts(made: World, question: str, groups: Groups) -> list[str]:
    return [passage.chunk.text for passage in made.chat.search(question, groups=groups)[1].passages]


def test_a_correction_for_few_hides_what_it_replaces_from_these_few_alone(tmp_path: Path) -> None:
    made = office(tmp_path)
    first, _, rest = PAY.rstrip().partition(". ")
    asked = made.ask(WHEN, of("hr"))
    name = made.correct(
        asked,
        "Pay day is the fifteenth.",
        of("hr"),
        evidence=[whole("hr/july.md", PEOPLE)],
        supersedes=[Evidence(document_id=DocumentId("docs/pay.md"), start=0, end=len(first) + 1)],
    )
    made.accept(name, of("hr"))
    made.reindex()
    assert groups_in(made) == {"Pay day is the fifteenth.": ("hr",)}
    for groups in (of(), of("sales")):
        assert PAY.rstrip() in texts(made, WHEN, groups)
        assert not any("fifteenth" in text for text in texts(made, WHEN, groups))
    for groups in (of("hr"), of("hr", "sales"), None):
        found = texts(made, WHEN, groups)
        assert rest in found
        assert not any("last day" in text for text in found)


def test_a_correction_that_no_group_may_read_whole_is_set_aside_and_shown_to_nobody(tmp_path: Path) -> None:
    made = office(tmp_path)
    both = [
        whole("hr/july.md", PEOPLE),
        whole("sales/targets.md", "The target of the sales team for autumn is nine hundred pumps."),
    ]
    asked = made.ask(WHEN, of("hr", "sales"))
    name = made.correct(asked, "It moves with the targets of autumn.", of("hr", "sales"), evidence=both)
    made.accept(name)
    result = reindex(made.services, force=False, steps=quiet)
    assert [(found.item, str(found.guardrail)) for found in result.aside] == [(name, "groups")]
    assert made.services.ledger.correction(name).sent_back
    assert all(name not in record.manifest.corrections for record in made.services.ledger.versions())
    made.accept(name)  # with a note: it is for operators alone
    made.reindex()
    assert groups_in(made) == {"It moves with the targets of autumn.": ("!nobody",)}
    for groups in (of("hr", "sales"), of("!nobody")):
        assert not any("targets of autumn" in text for text in texts(made, WHEN, groups))


def test_a_correction_without_evidence_is_for_those_who_may_read_what_its_answer_cited(tmp_path: Path) -> None:
    made = office(tmp_path)
    asked = made.ask("Where does the board plan to move the firm in spring?", of("board"))
    assert [citation.document_id for citation in asked.citations] == ["docs/board/plan.md"]
    made.accept(made.correct(asked, "Only a branch goes abroad.", of("board")))
    made.reindex()
    assert groups_in(made) == {"Only a branch goes abroad.": ("board", "hr")}


def test_a_correction_of_an_answer_that_cited_nothing_is_for_the_groups_of_who_asked(tmp_path: Path) -> None:
    made = office(tmp_path)
    asked = made.ask("Xyzzy quux?", of("sales"))
    assert not asked.citations
    made.accept(made.correct(asked, "Ask Grace, who knows it.", of("sales")))
    made.reindex()
    assert groups_in(made) == {"Ask Grace, who knows it.": ("sales",)}


def test_a_correction_to_the_same_question_takes_nothing_from_another_group(tmp_path: Path) -> None:
    made = office(tmp_path)
    told = {"hr": "Never on a Friday.", "sales": "After the audit."}
    for group, answer in told.items():
        made.accept(made.correct(made.ask("Xyzzy quux?", of(group)), answer, of(group)))
    for_all = made.ask("Xyzzy quux?", of())
    made.accept(made.correct(for_all, "Nobody knows when.", of()))
    made.reindex()
    found = groups_in(made)
    assert found == {"Never on a Friday.": ("hr",), "After the audit.": ("sales",), "Nobody knows when.": ()}

    def known(groups: Groups) -> set[str]:
        ranking = made.chat.search("Xyzzy quux?", groups=groups)[1]
        fittings = (*ranking.admitted, *ranking.kept_out)
        return {fitting.candidate.chunk.text for fitting in fittings}

    assert known(of("hr")) == {"Never on a Friday."}, "theirs stands before what all are told"
    assert known(of("sales")) == {"After the audit."}
    assert known(of()) == {"Nobody knows when."}


def test_evidence_that_is_not_for_whoever_names_it_is_refused_as_if_it_were_not_there(tmp_path: Path) -> None:
    made = office(tmp_path)
    asked = made.ask(WHEN, of())
    errors = []
    for document in ("hr/july.md", "none/such.md"):
        span = [whole(document, PEOPLE)]
        for evidence, supersedes in ((span, []), ([], span)):
            with pytest.raises(InvalidInput) as error:
                made.correct(asked, "Something else.", of("sales"), evidence=evidence, supersedes=supersedes)
            errors.append(str(error.value).replace(document, "X"))
    assert len(set(errors)) == 1
    new = NewQuestion(
        question=WHEN,
        answer=None,
        documents=(DocumentId("docs/hr/july.md"),),
        answerable=True,
        cluster=None,
        reader=made.reader(of("sales")),
    )
    with pytest.raises(InvalidInput, match="hold no document"):
        changes.add(new, who="ada", services=made.services)


def test_what_was_asked_of_others_documents_takes_no_feedback_and_no_correction(tmp_path: Path) -> None:
    made = office(tmp_path)
    asked = made.ask("What is the target of the sales team for autumn?", of("sales"))
    assert asked.citations
    with pytest.raises(NotFound):
        made.correct(asked, "Something else.", of("hr"))
    with pytest.raises(NotFound):
        intake.readable(asked.interaction_id, made.reader(of("hr")), made.services.ledger)
    assert intake.readable(asked.interaction_id, made.reader(of("hr", "sales")), made.services.ledger) == asked


# --- what changes ---------------------------------------------------------------------------------------------------


def test_changed_groups_hold_from_the_next_version_on(tmp_path: Path) -> None:
    made = office(tmp_path)
    target = "What is the target of the sales team for autumn?"
    asked = made.ask(target, of("sales"))
    file = tmp_path / "config.yaml"
    text = file.read_text().replace('"sales/": [sales]', '"sales/": [hr]')
    before = made.services
    again = services(tmp_path, text=text, ledger=before.ledger)
    changed = World(replace(again, index=before.index, cache=before.cache, now=before.now, new_id=before.new_id))
    assert changed.reindex() == Readership(open=2, groups={"board": 1, "hr": 3})
    assert not any("nine hundred" in text for text in texts(changed, target, of("sales")))
    assert any("nine hundred" in text for text in texts(changed, target, of("hr")))
    with pytest.raises(NotFound):
        changed.explained(asked, of("sales"))
    assert changed.explained(asked, of("hr")).passages


def test_a_version_that_knows_no_groups_is_for_operators_once_the_settings_name_some(tmp_path: Path) -> None:
    made = office(tmp_path)
    live = made.services.index.live()
    assert live is not None
    searcher = made.services.open(made.services.ledger.version(live).manifest)
    older = replace(searcher, grouped=False)
    for groups, expected in ((of(), False), (of("hr"), False), (None, True)):
        seen = made.chat.readers.searcher(older, groups)
        assert bool(made.chat.search(WHEN, groups=groups)[1].passages)
        assert (seen.groups is None) == expected


def test_a_confirmed_question_is_for_those_who_share_a_group_with_who_asked(tmp_path: Path) -> None:
    made = office(tmp_path)
    questions = [f"{word} lunch is served in the canteen?" for word in ("Is it true that", "When", "Why", "Where")]
    for question in questions:
        made.praise(made.ask(question, of("sales")))
    made.reindex()
    live = made.services.index.live()
    assert live is not None
    found = {chunk.groups for chunk in made.services.index.chunks(live) if chunk.confirmed is not None}
    assert found == {("sales",)}


def test_an_explanation_leaves_out_what_was_found_and_is_not_for_its_reader_without_a_gap(tmp_path: Path) -> None:
    files = {
        "pump.md": "The pump is started with the green lever by the door.\n",
        "sales/pump.md": "The pump is sold with a green lever at nine hundred.\n",
        "lamp.md": "The lamp by the door is green when the pump runs.\n",
    }
    more = "gate: {minimum_cases: 1}\nretrieval: {passages: 1}\n"
    made = world(tmp_path, '{path: docs, groups: {"sales/": [sales]}}', files, more=more)
    made.reindex()
    asked = made.ask("How is the pump started with the green lever by the door?", of("sales"))
    assert [shown.document_id for shown in asked.ranking[: asked.shown]] == ["docs/pump.md"]
    assert "docs/sales/pump.md" in {shown.document_id for shown in asked.ranking}
    whole, part = made.explained(asked, of("sales")), made.explained(asked, of())
    assert [passage.rank for passage in whole.passages] == [1, 2, 3]
    assert [(passage.rank, passage.document_id) for passage in part.passages] == [
        (1, "docs/pump.md"),
        (2, "docs/lamp.md"),
    ]
    assert (whole.repeated, part.repeated) == (True, True)
    assert "sales" not in repr(part)
