"""The same name has the same number in one conversation."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import pytest

from rag_flywheel.adapters.privacy.names import TITLE
from rag_flywheel.domain import InteractionId, StandIn
from rag_flywheel.ports import Mask, Redacted
from rag_flywheel.privacy.numbering import TITLES, Masking, Numbering, Remembered
from tests.fakes.ledger import MemoryLedger
from tests.fakes.redactor import FakeRedactor
from tests.fakes.samples import interaction

KEY = b"key"


class Listed:
    """Masks what is on its list."""

    name = "listed"

    def __init__(self, **values: Sequence[str]) -> None:
        self._kinds = {value: kind for kind, some in values.items() for value in some}

    def redact(self, text: str) -> Redacted:
        done, masks = "", list[Mask]()
        while text:
            value = next((value for value in self._kinds if text.startswith(value)), "")
            if value:
                kind = self._kinds[value]
                masks.append(Mask(kind=kind, start=len(done), end=len(done) + len(kind) + 2, value=value))
                done += f"<{kind}>"
            else:
                done += text[0]
            text = text[max(1, len(value)) :]
        return Redacted(text=done, masks=tuple(masks))


PEOPLE = Listed(
    PERSON=[
        *("Maria Lopez", "Maria García", "MARIA LOPEZ", "M. Lopez", "Maria", "Ana", "Lopez's", "José"),
        *("Mr Lopez", "Mr. Lopez", "Mrs Lopez", "Dr. Maria Lopez", "Luis Lopez"),
    ],
    STREET_ADDRESS=["12 Main Street, Springfield", "12 Main Street"],
    PHONE_NUMBER=["+44 20 7946 0958", "020 7946 0958", "020 7946 0959"],
    EMAIL_ADDRESS=["Ada@acme.com", "ada@acme.com", "bob@acme.com"],
)


def talk(known: Iterable[StandIn] = ()) -> Numbering:
    return Numbering(PEOPLE, known, key=KEY, seal=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Maria Lopez knows Ana; Maria Lopez left", "<PERSON_1> knows <PERSON_2>; <PERSON_1> left"),
        ("Maria Lopez, then Maria, MARIA LOPEZ, M. Lopez and Lopez's car",
         "<PERSON_1>, then <PERSON_1>, <PERSON_1>, <PERSON_1> and <PERSON_1> car"),
        ("Maria, that is Maria Lopez", "<PERSON_1>, that is <PERSON_1>"),
        ("Maria Lopez and Maria García", "<PERSON_1> and <PERSON_2>"),
        ("Maria Lopez and Maria García: Maria", "<PERSON_1> and <PERSON_2>: <PERSON_2>"),
        ("Maria Lopez: Maria, Maria García, Maria", "<PERSON_1>: <PERSON_1>, <PERSON_2>, <PERSON_1>"),
        ("Luis Lopez, Mr Lopez, Mr. Lopez", "<PERSON_1>, <PERSON_1>, <PERSON_1>"),
        ("Mrs Lopez, that is Maria Lopez", "<PERSON_1>, that is <PERSON_1>"),
        ("Mr Lopez, Mrs Lopez, Mr. Lopez", "<PERSON_1>, <PERSON_2>, <PERSON_1>"),
        ("Mr Lopez and Dr. Maria Lopez: Maria", "<PERSON_1> and <PERSON_2>: <PERSON_2>"),
        ("12 Main Street, Springfield or 12 Main Street", "<STREET_ADDRESS_1> or <STREET_ADDRESS_1>"),
        ("+44 20 7946 0958, 020 7946 0958, 020 7946 0959", "<PHONE_NUMBER_1>, <PHONE_NUMBER_1>, <PHONE_NUMBER_2>"),
        ("Ada@acme.com of Ana, ada@acme.com, bob@acme.com",
         "<EMAIL_ADDRESS_1> of <PERSON_1>, <EMAIL_ADDRESS_1>, <EMAIL_ADDRESS_2>"),
        ("<PERSON_1> is no Ana", "<PERSON_1> is no <PERSON_2>"),
        ("nobody", "nobody"),
    ],
)  # fmt: skip
def test_one_name_has_one_number_and_another_name_another(text: str, expected: str) -> None:
    masked = talk().redact(text)
    assert masked.text == expected
    for mask in masked.masks:
        assert masked.text[mask.start : mask.end].startswith(f"<{mask.kind}_")


def test_what_records_keep_gives_the_same_numbers_later_and_holds_no_word_of_it() -> None:
    first = talk()
    text = first.redact("Ana wrote to Maria Lopez").text
    kept = first.stand_ins(text)
    assert [(each.kind, each.number) for each in kept] == [("PERSON", 1), ("PERSON", 2)]
    assert talk(kept).redact("José saw Maria, bob@acme.com and Ana").text == (
        "<PERSON_3> saw <PERSON_2>, <EMAIL_ADDRESS_1> and <PERSON_1>"
    )
    written = json.dumps([asdict(each) for each in kept]).casefold()
    assert not any(word in written for word in ("ana", "maria", "lopez"))


def test_a_title_of_an_earlier_record_makes_no_second_person() -> None:
    first = talk()
    kept = first.stand_ins(first.redact("Mr Lopez").text)
    assert talk(kept).redact("Luis Lopez and Mrs Lopez").text == "<PERSON_1> and <PERSON_2>"


def test_no_title_is_masked_with_a_name_that_is_taken_for_a_part_of_it() -> None:
    said = re.findall(r"[A-Z][a-z]+", TITLE)
    assert {title.casefold() for title in said} == TITLES


def test_a_record_keeps_stand_ins_of_its_own_texts_alone() -> None:
    once = talk()
    once.redact("Ana")
    second = once.redact("Maria and <PERSON_7>").text
    assert [(each.number, bool(each.words)) for each in once.stand_ins(second)] == [(2, True), (7, False)]
    assert talk(once.stand_ins(second)).redact("José").text == "<PERSON_1>"
    assert talk(once.stand_ins(second)).redact("José, Ana, Maria").text == "<PERSON_1>, <PERSON_3>, <PERSON_2>"


def test_two_conversations_that_name_one_person_keep_different_digests() -> None:
    ledger = MemoryLedger()
    kept = []
    for session in ("s1", "s2"):
        there = Masking(redactor=PEOPLE).within(session, ledger, of=InteractionId("i"))
        kept.append(there.stand_ins(there.redact("Ana").text)[0].words)
    assert len(kept[0]) == len(kept[1]) == 1
    assert kept[0] != kept[1]


def test_a_question_without_a_session_is_a_conversation_of_its_own() -> None:
    ledger = MemoryLedger()
    masking = Masking(redactor=PEOPLE)
    for name in ("i1", "i2"):
        alone = masking.within(None, ledger, of=InteractionId(name))
        text = alone.redact("Ana" if name == "i1" else "Maria").text
        assert text == "<PERSON_1>"
        ledger.add_interaction(replace(interaction(name, question=text), session=None, stand_ins=alone.stand_ins(text)))
    about = masking.of(ledger.interaction(InteractionId("i2")), ledger)
    assert about.redact("Ana and Maria").text == "<PERSON_2> and <PERSON_1>"


def test_without_numbers_texts_are_masked_as_the_redactor_does() -> None:
    plain = Masking(redactor=FakeRedactor(), numbered=False).within("s1", MemoryLedger(), of=InteractionId("i"))
    assert plain.redact("ask ada@example.org").text == "ask <EMAIL_ADDRESS>"
    assert plain.stand_ins("ask <EMAIL_ADDRESS>") == ()


class Counting:
    """Tells what it was asked to mask."""

    name = "counting"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def redact(self, text: str) -> Redacted:
        self.texts.append(text)
        return PEOPLE.redact(text)


def test_a_quotation_is_masked_as_in_the_answer_where_it_stands_in_it() -> None:
    below = Counting()
    made = Numbering(below, (), key=KEY, seal=None)
    answer = "Ask Maria Lopez first. Then write to bob@acme.com or Ana. [1]"
    made.redact(answer)
    assert made.redact_quoted("Ask Maria Lopez first. Then write").text == "Ask <PERSON_1> first. Then write"
    assert made.redact_quoted("Ana") == Redacted(
        text="<PERSON_2>", masks=(Mask(kind="PERSON", start=0, end=10, value="Ana"),)
    )
    assert (
        made.redact_quoted("Then write to bob@acme.com or Ana.").text
        == "Then write to <EMAIL_ADDRESS_1> or <PERSON_2>."
    )
    assert below.texts == [answer]


def test_a_quotation_that_ends_within_a_name_is_masked_by_itself() -> None:
    below = Counting()
    made = Numbering(below, (), key=KEY, seal=None)
    made.redact("Ask Maria Lopez first.")
    assert made.redact_quoted("Ask Maria").text == "Ask <PERSON_1>"
    assert below.texts == ["Ask Maria Lopez first.", "Ask Maria"]


def test_a_name_that_is_a_part_of_a_longer_word_elsewhere_is_masked_all_the_same() -> None:
    made = Numbering(PEOPLE, (), key=KEY, seal=None)
    made.redact("Look into the Anatomy of pumps.")
    assert made.redact_quoted("Ana").text == "<PERSON_1>"


def test_quotations_are_masked_while_another_thread_masks() -> None:
    within: list[Redacted] = []

    class Busy:
        """A text that is looked for while others come to what was masked."""

        name = "busy"

        def redact(self, text: str) -> Redacted:
            return Redacted(text=text)

    class Meanwhile(str):
        """Another thread masks whenever somebody looks into this text."""

        def find(self, *_: object) -> int:
            within.append(made.redact(f"another {len(within)}"))
            return -1

    made = Numbering(Busy(), (), key=KEY, seal=None)
    for text in ("one", "two"):
        made.redact(Meanwhile(text))
    assert made.redact_quoted("Turn the tap.").text == "Turn the tap."
    assert len(within) == 2


def test_what_documents_say_is_masked_once_and_what_people_say_is_not_remembered() -> None:
    below = Counting()
    made = Masking(redactor=below, documents=Remembered(below))
    for number in range(2):
        talk = made.within(None, MemoryLedger(), of=InteractionId(f"i{number}"))
        assert talk.redact_quoted("Ask Maria.").text == "Ask <PERSON_1>."
        talk.redact("I am Ana.")
    assert below.texts == ["Ask Maria.", "I am Ana.", "I am Ana."]
