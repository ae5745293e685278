"""Question to interaction: one version for a whole answer, recorded as consent allows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.config import Privacy
from rag_flywheel.domain import (
    Interaction,
    InteractionId,
    LearnedRanking,
    Turn,
    VersionId,
)
from rag_flywheel.domain.consent import EVERY_PURPOSE, Means
from rag_flywheel.errors import (
    Damaged,
    LanguageModelUnavailable,
    NotFound,
    NothingLive,
)
from rag_flywheel.ports import Encoder, Vectors
from rag_flywheel.privacy.consent import NOTHING, Said
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.search.fusion import RERANK
from rag_flywheel.search.versions import OpenVersions, Searcher
from rag_flywheel.services import Services
from tests.fakes.asking import QUESTION, Retelling, chat, question
from tests.fakes.index import MemoryIndex
from tests.fakes.samples import manifest
from tests.fakes.services import build, publish, services
from tests.fakes.serving import Dictated

ID = InteractionId("i1")


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
    assert [passage.rank for passage in answered.ranking] == [1, 2, 3]
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


def test_a_question_is_searched_for_as_it_was_typed_and_kept_masked(tmp_path: Path) -> None:
    generator = Retelling()
    made = services(tmp_path, generator=generator)
    publish(made, "v1", {"d1": "The lamp is red.", "d2": "Ada has the address ada@example.org here."})
    history = [Turn(role="user", text="I am bob@example.org")]
    asked = chat(made)
    told = asked.answer(question("Whose is ada@example.org?", history=history), interaction_id=ID)
    assert generator.asked == [("I am bob@example.org Whose is ada@example.org?", ["d2", "d1"])]
    for interaction in (told, made.ledger.interaction(ID)):
        assert interaction.question == "Whose is <EMAIL_ADDRESS_1>?"
        assert interaction.query == "I am <EMAIL_ADDRESS_2> Whose is <EMAIL_ADDRESS_1>?"


def test_a_server_that_holds_the_index_is_asked_the_masked_question(tmp_path: Path) -> None:
    made = services(tmp_path)
    publish(made, "v1", {"d1": "The lamp is red.", "d2": "ada@example.org"})
    asked: list[str] = []
    chatting = replace(chat(made), remote=True)
    encoder = made.encoders(made.config.embedder)
    remembering = replace(chatting, encoders=lambda settings: Remembering(encoder, asked))
    remembering.answer(question("Whose is ada@example.org?"), interaction_id=ID)
    assert asked[0] == "Whose is <EMAIL_ADDRESS>?"


class Remembering:
    """An encoder that remembers which queries it was asked."""

    def __init__(self, below: Encoder, asked: list[str]) -> None:
        self.name, self.dimension, self.token_dimension = below.name, below.dimension, below.token_dimension
        self.encode_documents = below.encode_documents
        self._below, self._asked = below, asked

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self._asked += texts
        return self._below.encode_queries(texts)


def test_the_asker_is_shown_what_a_document_publishes_and_the_ledger_keeps_it_masked(made: Services) -> None:
    text = "The previous version is put back by help@example.org."
    publish(made, "v1", {"d1": text})
    told = chat(made).answer(question(), interaction_id=ID)
    assert text in told.answer
    assert told.citations[0].text == text
    kept = made.ledger.interaction(ID)
    assert kept.answer == told.answer.replace("help@example.org", "<EMAIL_ADDRESS_1>")
    assert kept.citations[0].text == "The previous version is put back by <EMAIL_ADDRESS_1>."
    assert replace(kept.citations[0], text=text) == told.citations[0]


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
        ("off", None, False),
        ("off", True, False),
    ],
)
def test_the_policy_decides_what_the_caller_did_not_say_and_off_decides_all(
    tmp_path: Path, policy: str, given: bool | None, kept: bool
) -> None:
    asking = chat(services(tmp_path, text=f"privacy: {{consent: {policy}}}"))
    assert asking.privacy == Privacy(consent=policy)  # type: ignore[arg-type]
    said = None if given is None else Said(purposes=EVERY_PURPOSE if given else NOTHING, how=Means.API)
    assert bool(asking.agreed(said, user=None, session=None).purposes) is kept


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
    assert generator.asked[0][1] == [passage.document_id for passage in answered.ranking[:5]]


def test_the_generator_may_weigh_the_whole_search_by_what_its_version_learned(tmp_path: Path) -> None:
    generator = Retelling()
    made = services(tmp_path, generator=generator)
    texts = {f"d{at:02}": f"version number {at}" for at in range(60)}
    publish(made, "v1", texts, learned=LearnedRanking(refusal=0.7))
    chat(made).answer(question("version"), interaction_id=ID)
    before = [Turn(role="user", text="What is a version?")]
    chat(made).answer(question("version", history=before), interaction_id=InteractionId("i2"))
    first, second = generator.searched
    assert first is not None
    assert second is not None
    assert (len(first.ranking), first.refusal, first.conversation) == (50, 0.7, False)
    assert second.conversation


def test_the_pieces_of_a_stream_are_the_answer(made: Services) -> None:
    publish(made, "v1")
    *pieces, last = chat(made).stream(question(), interaction_id=ID)
    assert isinstance(last, Interaction)
    assert "".join(str(piece) for piece in pieces) == last.answer


def test_the_next_answer_comes_from_the_version_that_the_alias_names_then(made: Services) -> None:
    asking = chat(made)
    publish(made, "v1", {"a": "the previous version is old"})
    first = asking.answer(question(), interaction_id=ID)
    publish(made, "v2", {"b": "the previous version is new"})
    second = asking.answer(question(), interaction_id=InteractionId("i2"))
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
    assert {passage.document_id for passage in last.ranking} == {"old0", "old1", "old2"}
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
    asking = chat(made)
    if opened:
        asking.answer(question(), interaction_id=InteractionId("i0"))
    index.next = [VersionId("v2"), VersionId("v3")]
    answered = asking.answer(question(), interaction_id=ID)
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


def test_an_answer_that_broke_off_is_recorded_as_far_as_it_came_and_is_no_gap(tmp_path: Path) -> None:
    made = services(tmp_path, generator=Dictated(["One ", "two "], breaks=True))
    publish(made, "v1")
    stream = chat(made).stream(question(), interaction_id=ID)
    with pytest.raises(LanguageModelUnavailable):
        list(stream)
    kept = made.ledger.interaction(ID)
    assert (kept.answer, kept.answered, kept.citations, kept.version_id) == ("One two ", True, (), "v1")


def test_a_failure_before_the_first_word_records_no_answer(tmp_path: Path) -> None:
    made = services(tmp_path, generator=Dictated([], breaks=True))
    publish(made, "v1")
    with pytest.raises(LanguageModelUnavailable):
        chat(made).answer(question(), interaction_id=ID)
    assert made.ledger.interactions(limit=1) == []


@pytest.mark.parametrize(("consent", "version"), [(True, "v1"), (False, None)])
def test_a_generator_hears_of_which_version_it_answers_where_the_answer_may_be_kept(
    tmp_path: Path, consent: bool, version: str | None
) -> None:
    generator = Retelling()
    made = services(tmp_path, generator=generator)
    publish(made, "v1")
    chat(made).answer(question(consent=consent), interaction_id=ID)
    [searched] = generator.searched
    assert searched is not None
    assert searched.version == version
