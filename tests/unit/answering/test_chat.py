"""Question to interaction: one version for a whole answer, recorded as consent allows."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.answering.chat import Chat
from rag_flywheel.api.state import make_state
from rag_flywheel.config import Privacy
from rag_flywheel.domain import (
    Arm,
    Canary,
    Candidate,
    Draft,
    Exposure,
    Interaction,
    InteractionId,
    LearnedRanking,
    Passage,
    Question,
    Turn,
    VersionId,
)
from rag_flywheel.errors import (
    Damaged,
    IndexUnavailable,
    LanguageModelUnavailable,
    LedgerUnavailable,
    NotFound,
    NothingLive,
)
from rag_flywheel.ports import Vectors
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.rollout import promotion
from rag_flywheel.search.fusion import RERANK
from rag_flywheel.search.versions import OpenVersions, Searcher
from rag_flywheel.services import Services
from tests.fakes.index import MemoryIndex
from tests.fakes.ledger import MemoryLedger
from tests.fakes.samples import NOON, canary, manifest
from tests.fakes.services import build, publish, services

ID = InteractionId("i1")
QUESTION = "How do I put the previous version back?"


class Retelling:
    """A generator that tells every passage it is given, piece by piece, and remembers what it was asked."""

    name = "retelling"

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.rewritten: list[tuple[str, list[str]]] = []

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        self.rewritten.append((question, [turn.text for turn in history]))
        return f"{history[-1].text} {question}" if history else question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing can be done before."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str | Draft]:
        self.asked.append((question, [passage.chunk.document_id for passage in passages]))
        pieces = [f"{passage.chunk.text} " for passage in passages]
        yield from pieces
        yield Draft(text="".join(pieces), answered=bool(pieces), citations=())


def chat(made: Services) -> Chat:
    return make_state(made).chat


def question(
    text: str = QUESTION,
    *,
    user: str | None = None,
    session: str | None = None,
    history: Sequence[Turn] = (),
    consent: bool = True,
    group: str | None = None,
) -> Question:
    return Question(
        text=text, asked=NOON, user=user, session=session, history=tuple(history), consent=consent, group=group
    )


@pytest.fixture
def made(tmp_path: Path) -> Services:
    return services(tmp_path)


def test_before_the_first_reindex_nothing_is_answered(made: Services) -> None:
    with pytest.raises(NothingLive, match="reindex"):
        chat(made).answer(question(), interaction_id=ID)
    assert made.ledger.interactions(limit=10) == []


def test_an_answer_cites_the_span_that_it_rests_on_and_is_recorded(made: Services) -> None:
    publish(made, "v1")
    answered = chat(made).answer(question(user="ada", session="s1"), interaction_id=ID)
    assert answered.answered
    assert "run rag-flywheel rollback" in answered.answer
    [citation] = answered.citations
    assert (citation.number, citation.document_id) == (1, "rollback")
    assert 0 <= citation.start < citation.end
    assert (answered.version_id, answered.arm, answered.generator) == ("v1", "control", "extractive")
    assert [one.rank for one in answered.ranking] == [1, 2, 3]
    assert answered.shown == 3
    assert made.ledger.interaction(ID) == answered


def test_a_person_and_a_session_are_recorded_as_stand_ins(made: Services) -> None:
    publish(made, "v1")
    answered = chat(made).answer(question(user="ada", session="s1"), interaction_id=ID)
    salt = made.ledger.salt()
    assert (answered.user, answered.session) == (pseudonym("ada", salt), pseudonym("s1", salt, of="session"))


def test_the_askers_group_is_recorded_as_the_application_names_it(made: Services) -> None:
    publish(made, "v1")
    chat(made).answer(question(user="ada", group="plan-s"), interaction_id=ID)
    assert made.ledger.interaction(ID).group == "plan-s"


@pytest.mark.parametrize("group", ["", "ada@example.org", "Ada Lovelace", "x" * 41, "beta\n", "Île"])
def test_a_group_with_another_name_than_a_short_plain_one_is_refused_and_the_name_is_not_repeated(group: str) -> None:
    with pytest.raises(ValueError, match=f"1 to 40 letters .* of {len(group)} characters") as refused:
        question(group=group)
    assert not group or group not in str(refused.value)


def test_a_question_that_nothing_answers_is_refused_honestly_and_recorded(made: Services) -> None:
    publish(made, "v1")
    refused = chat(made).answer(question("Zebras migrate whenever?"), interaction_id=ID)
    assert not refused.answered
    assert refused.citations == ()
    assert [interaction.interaction_id for interaction in made.ledger.interactions(answered=False, limit=10)] == [ID]


def test_personal_data_is_masked_before_anything_sees_it(tmp_path: Path) -> None:
    generator = Retelling()
    made = services(tmp_path, generator=generator)
    publish(made, "v1")
    asked = question("Is ada@example.org known?", history=[Turn(role="user", text="I am bob@example.org")])
    answered = chat(made).answer(asked, interaction_id=ID)
    assert answered.question == "Is <EMAIL_ADDRESS> known?"
    assert generator.rewritten == [("Is <EMAIL_ADDRESS> known?", ["I am <EMAIL_ADDRESS>"])]
    assert "example.org" not in answered.query


def test_without_consent_numbers_are_kept_and_texts_are_not(made: Services) -> None:
    publish(made, "v1")
    told = chat(made).answer(question(user="ada", session="s1", group="beta", consent=False), interaction_id=ID)
    assert (told.question, told.answered) == (QUESTION, True)
    assert told.citations
    kept = made.ledger.interaction(ID)
    assert (kept.question, kept.query, kept.answer, kept.citations) == ("", "", "", ())
    assert (kept.user, kept.session, kept.group, kept.consent) == (None, None, None, False)
    assert (kept.answered, kept.version_id, kept.ranking) == (told.answered, told.version_id, told.ranking)


@pytest.mark.parametrize(
    ("policy", "given", "kept"),
    [
        ("assumed", None, True),
        ("assumed", False, False),
        ("required", None, False),
        ("required", True, True),
    ],
)
def test_the_policy_decides_only_what_the_caller_did_not_say(
    tmp_path: Path, policy: str, given: bool | None, kept: bool
) -> None:
    one = chat(services(tmp_path, text=f"privacy: {{consent: {policy}}}"))
    assert one.privacy == Privacy(consent=policy)  # type: ignore[arg-type]
    assert one.consents(given) is kept


def test_a_follow_up_is_searched_for_as_a_standalone_query(tmp_path: Path) -> None:
    generator = Retelling()
    made = services(tmp_path, generator=generator)
    publish(made, "v1", {"rollback": "Put the previous version back.", "tea": "Tea is made with water."})
    before = [Turn(role="user", text="previous version back")]
    answered = chat(made).answer(question("and how?", history=before), interaction_id=ID)
    assert (answered.question, answered.query) == ("and how?", "previous version back and how?")
    assert generator.asked[0][0] == "previous version back and how?"
    assert answered.ranking[0].document_id == "rollback"


def test_the_generator_sees_only_the_first_passages_and_the_ledger_more(tmp_path: Path) -> None:
    generator = Retelling()
    made = services(tmp_path, generator=generator)
    publish(made, "v1", {f"d{at:02}": f"version number {at}" for at in range(60)})
    answered = chat(made).answer(question("version"), interaction_id=ID)
    assert len(generator.asked[0][1]) == answered.shown == 5
    assert len(answered.ranking) == 50
    assert generator.asked[0][1] == [one.document_id for one in answered.ranking[:5]]


def test_the_pieces_of_a_stream_are_the_answer(made: Services) -> None:
    publish(made, "v1")
    *pieces, last = chat(made).stream(question(), interaction_id=ID)
    assert isinstance(last, Interaction)
    assert "".join(str(piece) for piece in pieces) == last.answer


def test_the_next_answer_comes_from_the_version_that_the_alias_names_then(made: Services) -> None:
    one = chat(made)
    publish(made, "v1", {"a": "the previous version is old"})
    first = one.answer(question(), interaction_id=ID)
    publish(made, "v2", {"b": "the previous version is new"})
    second = one.answer(question(), interaction_id=InteractionId("i2"))
    assert [first.version_id, second.version_id] == ["v1", "v2"]
    assert [first.ranking[0].document_id, second.ranking[0].document_id] == ["a", "b"]


def test_an_answer_that_has_begun_stays_with_its_version(tmp_path: Path) -> None:
    made = services(tmp_path, generator=Retelling())
    publish(made, "v1", {f"old{at}": f"old version {at}" for at in range(3)})
    stream = chat(made).stream(question("version"), interaction_id=ID)
    first = next(stream)
    publish(made, "v2", {"new": "new version"})
    made.index.delete(VersionId("v1"))
    *pieces, last = stream
    assert isinstance(last, Interaction)
    assert last.version_id == "v1"
    assert {one.document_id for one in last.ranking} == {"old0", "old1", "old2"}
    assert "new" not in "".join([str(first), *map(str, pieces)])


class RetiringIndex(MemoryIndex):
    """It moves on and deletes the live version just after its name was read, as a reindex beside us may do."""

    def __init__(self) -> None:
        super().__init__()
        self.next: list[VersionId] = []

    def live(self) -> VersionId | None:
        live = super().live()
        if self.next and live is not None:
            self.move_live(self.next.pop(0), expected=live)
            self.delete(live)
        return live


@pytest.mark.parametrize("opened", [True, False], ids=["open already", "not open yet"])
def test_a_version_that_is_retired_before_the_search_is_passed_over(tmp_path: Path, opened: bool) -> None:
    index = RetiringIndex()
    made = replace(services(tmp_path), index=index)
    for name in ("v1", "v2", "v3"):
        publish(made, name, {name: "the previous version"}, live=name == "v1")
    one = chat(made)
    if opened:
        one.answer(question(), interaction_id=InteractionId("i0"))
    index.next = [VersionId("v2"), VersionId("v3")]
    answered = one.answer(question(), interaction_id=ID)
    assert answered.version_id == "v3"
    assert [shown.document_id for shown in answered.ranking] == ["v3"]


def test_a_live_version_without_its_reranker_is_damaged(made: Services) -> None:
    publish(made, "v1", learned=LearnedRanking(fusion={RERANK: 1.0}, reranker="gone"))
    with pytest.raises(Damaged, match="v1"):
        chat(made).answer(question(), interaction_id=ID)


def test_an_alias_that_the_ledger_does_not_know_is_damaged(made: Services) -> None:
    build(made.index, "v9")
    made.index.move_live(VersionId("v9"), expected=None)
    with pytest.raises(Damaged, match="belong together"):
        chat(made).answer(question(), interaction_id=ID)


def test_versions_are_opened_once_and_the_least_used_are_closed(tmp_path: Path) -> None:
    made = services(tmp_path)
    made_for: list[str] = []

    def make(version: VersionId) -> Searcher:
        made_for.append(version)
        return made.open(manifest(version))

    opened = OpenVersions(most=2)
    for name in ("v1", "v2", "v1", "v3", "v1", "v2"):
        assert opened.get(VersionId(name), make).version == name
    assert made_for == ["v1", "v2", "v3", "v2"]


def test_a_version_that_could_not_be_opened_is_tried_again() -> None:
    tries: list[str] = []

    def fail(version: VersionId) -> Searcher:
        tries.append(version)
        raise NotFound(version)

    opened = OpenVersions()
    for _ in range(2):
        with pytest.raises(NotFound):
            opened.get(VersionId("v1"), fail)
    assert tries == ["v1", "v1"]


# --- who meets which version ----------------------------------------------------------------------------------------

PEOPLE = [f"person {number}" for number in range(60)]
CONTROL_SAYS, TREATMENT_SAYS, OLD_SAYS = "the version of today", "the version of tomorrow", "the version of yesterday"


@pytest.fixture
def trial(tmp_path: Path) -> Services:
    """A canary at a half: each version holds three pages of its own, and the generator retells what it is given."""
    made = services(tmp_path, generator=Retelling())
    for name, says in (("v0", OLD_SAYS), ("v1", CONTROL_SAYS), ("v2", TREATMENT_SAYS)):
        publish(made, name, {f"{name} page {page}": f"{says} {page}" for page in range(3)}, live=name != "v2")
    start(made)
    return made


def start(made: Services, *, shadow: bool = False, shares: Sequence[float] = (0.5,)) -> Canary:
    one = canary(control="v1", treatment="v2", shares=shares, shadow=shadow, started=made.now())
    promotion.start_canary(one, index=made.index, ledger=made.ledger, who="test")
    return one


def hold_out(made: Services, version: str, share: float) -> None:
    promotion.hold_out(
        VersionId(version),
        share=share,
        index=made.index,
        ledger=made.ledger,
        who="test",
        why="test",
        at=made.now(),
    )


def ask(made: Services, user: str | None, *, session: str | None = None, consent: bool = True) -> Interaction:
    """A question to a process that has just started."""
    return chat(made).answer(
        question("version", user=user, session=session, consent=consent), interaction_id=InteractionId(made.new_id())
    )


def on(made: Services, arm: Arm) -> str:
    """A person who is on the arm."""
    return next(one for one in PEOPLE if chat(made).place(question(user=one)).arm is arm)


def test_half_of_the_people_meet_the_candidate_and_the_reply_and_the_record_name_arm_and_canary(
    trial: Services,
) -> None:
    met = [ask(trial, one) for one in PEOPLE]
    treated = [one for one in met if one.arm == "treatment"]
    assert 10 <= len(treated) <= 50
    assert {one.version_id for one in treated} == {"v2"}
    assert {(one.arm, one.version_id) for one in met if one not in treated} == {("control", "v1")}
    assert {one.canary_id for one in met} == {"canary1"}
    assert trial.ledger.interaction(met[0].interaction_id) == met[0]


def test_a_person_stays_on_one_arm_over_questions_sessions_and_restarts(trial: Services) -> None:
    first = {one: ask(trial, one).arm for one in PEOPLE}
    assert set(first.values()) == {"control", "treatment"}
    assert {one: ask(trial, one, session="another").arm for one in PEOPLE} == first
    assert {one: ask(trial, one).arm for one in PEOPLE} == first


def test_a_session_of_nobody_in_particular_stays_on_one_arm(trial: Services) -> None:
    first = {one: ask(trial, None, session=one).arm for one in PEOPLE}
    assert set(first.values()) == {"control", "treatment"}
    assert {one: ask(trial, None, session=one).arm for one in PEOPLE} == first


def test_nobody_goes_back_to_the_control_at_the_next_step(trial: Services) -> None:
    begun = start(trial, shares=(0.2, 0.6))
    first = {one for one in PEOPLE if ask(trial, one).arm == "treatment"}
    promotion.advance(begun, reasons=[], evidence={}, ledger=trial.ledger, at=trial.now())
    second = {one for one in PEOPLE if ask(trial, one).arm == "treatment"}
    assert first < second
    steps = {exposure.step for exposure in trial.ledger.exposures(canary_id=begun.canary_id)}
    assert steps == {0, 1}


@pytest.mark.parametrize(("named", "consent"), [(False, True), (True, False), (False, False)])
def test_who_has_no_name_or_did_not_consent_is_on_the_live_version_and_takes_no_part(
    trial: Services, named: bool, consent: bool
) -> None:
    for one in PEOPLE[:20]:
        answered = ask(trial, one if named else None, consent=consent)
        assert (answered.arm, answered.version_id, answered.canary_id) == ("control", "v1", None)
    assert trial.ledger.exposures() == []


@pytest.mark.parametrize("arm", [Arm.CONTROL, Arm.TREATMENT])
def test_an_answer_is_made_of_the_passages_of_one_version_only(trial: Services, arm: Arm) -> None:
    answered = ask(trial, on(trial, arm))
    version, says, others = {
        Arm.CONTROL: ("v1", CONTROL_SAYS, TREATMENT_SAYS),
        Arm.TREATMENT: ("v2", TREATMENT_SAYS, CONTROL_SAYS),
    }[arm]
    assert {one.document_id for one in answered.ranking} == {f"{version} page {page}" for page in range(3)}
    assert says in answered.answer
    assert others not in answered.answer


def test_what_a_person_met_is_recorded_once_for_each_answer_under_their_stand_in(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    answered = ask(trial, user, session="s1")
    assert trial.ledger.exposures() == [
        Exposure(
            at=NOON,
            unit=pseudonym(user, trial.ledger.salt()) or "",
            arm=Arm.TREATMENT,
            canary_id=answered.canary_id,
            step=0,
            interaction_id=answered.interaction_id,
            answered=True,
            failed=False,
            seconds=answered.seconds,
        )
    ]


def test_no_text_and_no_name_is_in_what_people_met(trial: Services) -> None:
    ask(trial, "yvonne@example.org", session="my private session")  # no digit of a hash is a y or a p
    ask(trial, None, session="my private session")
    recorded = repr(trial.ledger.exposures())
    for told in ("yvonne", "private", "version of", "page"):
        assert told not in recorded


def test_where_no_canary_runs_people_are_recorded_on_the_live_version(made: Services) -> None:
    publish(made, "v1")
    ask(made, "ada")
    [met] = made.ledger.exposures()
    assert (met.arm, met.canary_id, met.step) == (Arm.CONTROL, None, 0)


def test_in_a_shadow_everybody_is_on_the_live_version_and_recorded_for_the_canary(trial: Services) -> None:
    begun = start(trial, shadow=True)
    for one in PEOPLE[:20]:
        assert ask(trial, one).version_id == "v1"
    met = trial.ledger.exposures(canary_id=begun.canary_id)
    assert {(one.arm, one.step) for one in met} == {(Arm.CONTROL, 0)}
    assert len(met) == 20


def test_a_canary_that_ended_puts_everybody_on_the_live_version_at_once(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    one = chat(trial)
    first = one.answer(question("version", user=user), interaction_id=InteractionId("first"))
    promotion.roll_back(
        VersionId("v1"), index=trial.index, ledger=trial.ledger, who="ada", why="complaints", at=trial.now()
    )
    second = one.answer(question("version", user=user), interaction_id=InteractionId("second"))
    assert (first.version_id, first.arm) == ("v2", "treatment")
    assert (second.version_id, second.arm, second.canary_id) == ("v1", "control", None)


def test_an_answer_that_has_begun_on_the_candidate_stays_there_when_the_canary_ends(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    stream = chat(trial).stream(question("version", user=user), interaction_id=ID)
    first = next(stream)
    promotion.promote(
        VersionId("v2"), expected=VersionId("v1"), index=trial.index, ledger=trial.ledger, who="", why="", at=NOON
    )
    *pieces, last = stream
    assert isinstance(last, Interaction)
    assert (last.version_id, last.arm) == ("v2", "treatment")
    assert CONTROL_SAYS not in "".join([str(first), *map(str, pieces)])


# --- the hold-out ---------------------------------------------------------------------------------------------------


def test_people_who_are_held_out_stay_on_the_old_version_and_in_no_canary(trial: Services) -> None:
    hold_out(trial, "v0", 0.3)
    met = {one: ask(trial, one) for one in PEOPLE}
    held = {name: one for name, one in met.items() if one.arm == "holdout"}
    assert 3 <= len(held) <= 40
    assert {(one.version_id, one.canary_id) for one in held.values()} == {("v0", None)}
    assert {one.arm for name, one in met.items() if name not in held} == {"control", "treatment"}
    theirs = {pseudonym(name, trial.ledger.salt()) for name in held}
    recorded = [exposure for exposure in trial.ledger.exposures() if exposure.unit in theirs]
    assert {(one.arm, one.canary_id, one.step) for one in recorded} == {(Arm.HOLDOUT, None, 0)}
    promotion.roll_back(None, index=trial.index, ledger=trial.ledger, who="", why="", at=trial.now())
    assert {name for name in PEOPLE if ask(trial, name).arm == "holdout"} == set(held)


def test_the_hold_out_ends_for_everybody(trial: Services) -> None:
    hold_out(trial, "v0", 0.3)
    promotion.hold_out(None, share=0.3, index=trial.index, ledger=trial.ledger, who="test", why="test", at=trial.now())
    assert {ask(trial, one).arm for one in PEOPLE} == {"control", "treatment"}


# --- what fails -----------------------------------------------------------------------------------------------------


class LosingIndex(MemoryIndex):
    """It cannot search some of its versions."""

    def __init__(self, *lost: str) -> None:
        super().__init__()
        self.lost = set(lost)

    def search(self, version: VersionId, *, text: str, vector: Vectors, limit: int) -> list[Candidate]:
        if version in self.lost:
            raise IndexUnavailable(f"{version} does not answer")
        return super().search(version, text=text, vector=vector, limit=limit)


def losing(tmp_path: Path, *lost: str) -> Services:
    made = replace(services(tmp_path), index=LosingIndex(*lost))
    publish(made, "v1")
    publish(made, "v2", live=False)
    start(made)
    return made


def test_where_the_candidate_cannot_search_the_live_version_answers_and_the_candidate_failed(tmp_path: Path) -> None:
    made = losing(tmp_path, "v2")
    answered = ask(made, on(made, Arm.TREATMENT))
    assert (answered.version_id, answered.arm, answered.canary_id) == ("v1", "control", None)
    [met] = made.ledger.exposures()
    assert (met.arm, met.canary_id, met.failed, met.answered) == (Arm.TREATMENT, "canary1", True, False)
    assert met.interaction_id is None


def test_where_the_candidate_is_gone_the_live_version_answers_and_the_candidate_failed(trial: Services) -> None:
    user = on(trial, Arm.TREATMENT)
    trial.index.delete(VersionId("v2"))
    assert ask(trial, user).version_id == "v1"
    assert [(exposure.arm, exposure.failed) for exposure in trial.ledger.exposures()] == [(Arm.TREATMENT, True)]


def test_where_no_version_can_search_each_arm_failed_once_a_question(tmp_path: Path) -> None:
    made = losing(tmp_path, "v1", "v2")
    for arm in (Arm.CONTROL, Arm.TREATMENT):
        with pytest.raises(IndexUnavailable):
            ask(made, on(made, arm))
    assert [(exposure.arm, exposure.failed) for exposure in made.ledger.exposures()] == [
        (Arm.CONTROL, True),
        (Arm.TREATMENT, True),
    ]
    assert made.ledger.interactions(limit=9) == []


class Breaking(Retelling):
    """It tells a piece and then breaks off."""

    def answer(self, question: str, passages: Sequence[Passage]) -> Iterator[str | Draft]:
        yield passages[0].chunk.text
        raise LanguageModelUnavailable("the model went away")


@pytest.mark.parametrize("arm", [Arm.CONTROL, Arm.TREATMENT])
def test_a_generator_that_breaks_off_is_a_failure_of_the_persons_arm_and_the_caller_hears_of_it(
    trial: Services, arm: Arm
) -> None:
    made = replace(trial, generator=Breaking())
    stream = chat(made).stream(question("version", user=on(made, arm)), interaction_id=ID)
    assert "version of" in str(next(stream))
    with pytest.raises(LanguageModelUnavailable):
        next(stream)
    assert [(exposure.arm, exposure.failed, exposure.interaction_id) for exposure in made.ledger.exposures()] == [
        (arm, True, None)
    ]
    assert made.ledger.interactions(limit=9) == []


def test_an_answer_and_what_its_person_met_are_recorded_together_or_not_at_all(trial: Services) -> None:
    class Forgetful(MemoryLedger):
        def add_exposure(self, exposure: Exposure) -> None:
            raise LedgerUnavailable("the disk is full")

    ledger = Forgetful()
    for record in trial.ledger.versions():
        ledger.add_version(record.manifest)
    made = replace(trial, ledger=ledger)
    with pytest.raises(LedgerUnavailable):
        ask(made, "ada")
    assert ledger.interactions(limit=9) == []
