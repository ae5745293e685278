"""Personal data masked by Presidio."""

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag_flywheel.adapters.privacy.redactor import NoRedactor, PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.errors import ConfigError
from rag_flywheel.ports import Redacted, Redactor
from tests.paths import DATA

ENTITIES = (*Privacy().entities, "SECRET", "ID_NUMBER")


@pytest.fixture(scope="module")
def redactor() -> PresidioRedactor:
    return PresidioRedactor(ENTITIES, minimum_score=0.5, spacy_model="")


MASKED = {
    "Write to ann.o'neil+x@mail.acme.co.uk now.": "Write to <EMAIL_ADDRESS> now.",
    "Its alias is ann@mail.corp.": "Its alias is <EMAIL_ADDRESS>.",
    "Call +44 20 7946 0958 today.": "Call <PHONE_NUMBER> today.",
    "They answer at (212) 867-5309.": "They answer at <PHONE_NUMBER>.",
    "Phone: 0680 298 70 63, fax 60-56-85-91": "Phone: <PHONE_NUMBER>, fax <PHONE_NUMBER>",
    "Charge 4111 1111 1111 1111 please.": "Charge <CREDIT_CARD> please.",
    "Ring (07) 4942 6600 or call 0207 946 0958.": "Ring <PHONE_NUMBER> or call <PHONE_NUMBER>.",
    "My card number is 1234 5678 9012 3456.": "My card number is <CREDIT_CARD>.",
    "Send it to DE89 3704 0044 0532 0130 00.": "Send it to <IBAN_CODE>.",
    "It came from 81.2.69.142 and 2a00:1450:4001:81b::200e.": "It came from <IP_ADDRESS> and <IP_ADDRESS>.",
    "His SSN is 521-44-9382.": "His SSN is <US_SSN>.",
    "social security number: 521449382": "social security number: <US_SSN>",
    "Pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa now": "Pay <CRYPTO> now",
    "DEA certificate BB1388568": "DEA certificate <MEDICAL_LICENSE>",
    "password: hunter2!": "password: <SECRET>",
    "The password is 'w!nter 24'.": "The password is '<SECRET>'.",
    "api_key=abc123def456": "api_key=<SECRET>",
    "Passport number XG9382049 expired.": "Passport number <ID_NUMBER> expired.",
    "driver's license D245-938-19-203": "driver's license <ID_NUMBER>",
    "Sort code 20-41-15 or sort code: 20 41 15": "Sort code <ID_NUMBER> or sort code: <ID_NUMBER>",
    "BSB 062-000, CLABE 032180000118359719": "BSB <ID_NUMBER>, CLABE <ID_NUMBER>",
    "His IFSC code is HDFC0000123.": "His IFSC code is <ID_NUMBER>.",
    "The ABA number of our bank: 021000021": "The ABA number of our bank: <ID_NUMBER>",
    "routing number for the wire transfer CH29309...": "routing number for the wire transfer <ID_NUMBER>...",
    "an account that is mine, ending in *456": "an account that is mine, ending in <ID_NUMBER>",
    "stored under ID number 24681357K": "stored under ID number <ID_NUMBER>",
}


@pytest.mark.parametrize(("text", "masked"), MASKED.items(), ids=range(len(MASKED)))
def test_personal_data_is_masked_by_its_kind(redactor: PresidioRedactor, text: str, masked: str) -> None:
    assert redactor.redact(text).text == masked


NAMES = {
    "My name is Jörg van der Berg.": "My name is <PERSON>.",
    "I'm Naomi Ryan, and it does not work": "I'm <PERSON>, and it does not work",
    "Mrs. O'Brien called, then Dr Lee": "<PERSON> called, then <PERSON>",
    "Dear Anna,\nit works.\n\nRegards,\nJohn A. Smith-Jones": "Dear <PERSON>,\nit works.\n\nRegards,\n<PERSON>",
    "Ashley Lim gave her SSN 232-18-0912.": "<PERSON> gave her SSN <US_SSN>.",
    "Card 4111111111111111 was used by Ann Lee.": "Card <CREDIT_CARD> was used by <PERSON>.",
    "Hello, this is Tom. Who are you?": "Hello, this is <PERSON>. Who are you?",
    "Signed: Dr. A. B. Carter": "Signed: <PERSON>",
    "ask my sister Lucy": "ask my sister <PERSON>",
    "Patient: Ada King\nAge: 3": "Patient: <PERSON>\nAge: 3",
    "Jane Doe's email is lost": "<PERSON>'s email is lost",
    "From: Ann Lee <ann@acme.com>": "From: <PERSON> <<EMAIL_ADDRESS>>",
}


@pytest.mark.parametrize(("text", "masked"), NAMES.items(), ids=range(len(NAMES)))
def test_a_name_is_masked_where_its_surroundings_say_that_it_is_one(
    redactor: PresidioRedactor, text: str, masked: str
) -> None:
    assert redactor.redact(text).text == masked


ORDINARY = [
    "Firmware version 5.1.0.12 and v1.2.3.4 replace release 81.2.69.142; see 2.4.6.8.",
    "Open 192.168.1.1 or 127.0.0.1; the netmask is 255.255.255.0.",
    "Model QN65Q900RBF-1234567, serial number 0123456789012, part 555-123-4567.",
    "The call log holds 2024-01-31 12:30:45 and 31.12.2023 and 1999-2003.",
    "Order number 4929 1234, size 1,234,567.89, 1080 x 1920, 50/60 Hz, 100-240 V, phone jack 100-2000 ohms.",
    "ISBN 978-3-16-148410-0 and DOI 10.1000/182 stand on page 12.",
    "Call freephone 1-800-726-7864 or call 0800 123 4567 at any time.",
    "I am Not Sure. This is Smart Hub. My TV Guide. Hi Bixby, hello World!",
    "Dear Customer, thank you.\nThanks,\nThe Team",
    "Contact Samsung Electronics. Microsoft's account page. Say Hi to Siri.",
    "Run std::vector and pip install tool@1.2.3; set password: <your password>.",
    "The default password is admin123. Enter the password and press OK.",
    "Number 4111 1111 1111 1112 fails its check digit; so does DE00 3704 0044 0532 0130 00.",
    "Serial AB1234563 is no licence.",
    "The transit took 20 41 15 seconds; a route to 123456789 is none, nor is part ID number 24681357.",
    "Sort codes by 12-34 and account for it, ending in 10 days. The BSB socket 062 is free.",
    "Super Bowl 50 was won by the Denver Broncos; Newton developed calculus.",
]


@pytest.mark.parametrize("text", ORDINARY, ids=range(len(ORDINARY)))
def test_what_manuals_are_full_of_is_left_alone(redactor: PresidioRedactor, text: str) -> None:
    assert redactor.redact(text) == Redacted(text=text)


def test_masking_a_masked_text_changes_nothing(redactor: PresidioRedactor) -> None:
    for text in [*MASKED, *NAMES, " / ".join(MASKED), "\n".join(NAMES)]:
        once = redactor.redact(text).text
        assert redactor.redact(once) == Redacted(text=once)


def test_masking_a_text_with_numbered_masks_finds_what_it_finds_without_numbers(redactor: PresidioRedactor) -> None:
    for text in [*MASKED, *NAMES, "\n".join(NAMES)]:
        once = redactor.redact(text).text
        for numbered in (once.replace(">", "_12>"), once.replace(">", "_A>")):
            assert redactor.redact(numbered) == Redacted(text=numbered)
    assert redactor.redact("From: Ann Lee <EMAIL_ADDRESS_3>").text == redactor.redact(
        "From: Ann Lee <EMAIL_ADDRESS>"
    ).text.replace("ADDRESS>", "ADDRESS_3>")


def test_what_was_masked_is_told_with_its_place(redactor: PresidioRedactor) -> None:
    masked = redactor.redact("Dear Ann,\nwrite to a@acme.com or <PERSON_2> at b@acme.com.\nRegards,\nBob Ross")
    assert [(masked.text[mask.start : mask.end], mask.value) for mask in masked.masks] == [
        ("<PERSON>", "Ann"),
        ("<EMAIL_ADDRESS>", "a@acme.com"),
        ("<EMAIL_ADDRESS>", "b@acme.com"),
        ("<PERSON>", "Bob Ross"),
    ]
    long = redactor.redact("\n".join(f"Line {number}: write to a{number}@acme.com now." for number in range(200)))
    assert [mask.value for mask in long.masks] == [f"a{number}@acme.com" for number in range(200)]
    assert {long.text[mask.start : mask.end] for mask in long.masks} == {"<EMAIL_ADDRESS>"}


def test_a_placeholder_that_was_there_before_stays_as_it_is(redactor: PresidioRedactor) -> None:
    text = "Dear <PERSON>, password: <SECRET>, write to <EMAIL_ADDRESS> or call <PHONE_NUMBER>."
    assert redactor.redact(text) == Redacted(text=text)


def test_spans_are_counted_by_kind(redactor: PresidioRedactor) -> None:
    found = redactor.redact("a@acme.com, b@acme.com, Mr. Bean").found
    assert found == {"EMAIL_ADDRESS": 2, "PERSON": 1}


def test_only_the_configured_entities_are_masked() -> None:
    mails_only = PresidioRedactor(["EMAIL_ADDRESS"], 0.5, "")
    assert mails_only.redact("Mr. Bean: bean@acme.com, +44 20 7946 0958").text == (
        "Mr. Bean: <EMAIL_ADDRESS>, +44 20 7946 0958"
    )


def test_a_higher_minimum_score_masks_less() -> None:
    text = "He is at (212) 867-5309."
    assert PresidioRedactor(ENTITIES, 0.5, "").redact(text).text == "He is at <PHONE_NUMBER>."
    assert PresidioRedactor(ENTITIES, 0.8, "").redact(text).text == text


def test_the_name_changes_with_every_setting_and_not_with_the_order_of_entities() -> None:
    name = PresidioRedactor(["PERSON", "CRYPTO"], 0.5, "").name
    assert PresidioRedactor(["CRYPTO", "PERSON"], 0.5, "").name == name
    others = [(["PERSON"], 0.5, ""), (["PERSON", "CRYPTO"], 0.6, ""), (["PERSON", "CRYPTO"], 0.5, "model")]
    assert len({name, *(PresidioRedactor(*other).name for other in others)}) == 4


def test_an_entity_that_nothing_recognises_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"PHONE_NUMBR.*PHONE_NUMBER"):
        PresidioRedactor(["PHONE_NUMBR"], 0.5, "").redact("x")


def test_a_spacy_model_that_is_not_installed_is_refused_and_not_fetched() -> None:
    with pytest.raises(ConfigError, match="en_core_web_nowhere"):
        PresidioRedactor(["PERSON"], 0.5, "en_core_web_nowhere").redact("x")


def test_a_folder_that_holds_no_spacy_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        PresidioRedactor(["PERSON"], 0.5, str(tmp_path)).redact("x")


def test_a_spacy_model_finds_names_that_patterns_do_not(tmp_path: Path) -> None:
    import spacy

    language = spacy.blank("en")
    ruler = language.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Grace Hopper"}])  # type: ignore[attr-defined]
    language.to_disk(tmp_path / "model")
    with_model = PresidioRedactor(["PERSON", "EMAIL_ADDRESS"], 0.5, str(tmp_path / "model"))
    text = "It was Grace Hopper who wrote it to a@acme.com."
    assert with_model.redact(text).text == "It was <PERSON> who wrote it to <EMAIL_ADDRESS>."
    assert "Grace Hopper" in PresidioRedactor(["PERSON", "EMAIL_ADDRESS"], 0.5, "", tagger=False).redact(text).text


def test_several_threads_share_one_redactor() -> None:
    shared = PresidioRedactor(ENTITIES, 0.5, "")
    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda number: shared.redact(f"Mr. Bean {number}, a@acme.com").text[:8], range(64)))
    assert texts == {"<PERSON>"}


@pytest.mark.parametrize("piece", ["Ann Lee ", "Dear ", "1.", "a@", "+1 ", "password ", "O'", "12-", "<", "fe80:"])
def test_a_hostile_text_is_masked_in_time(redactor: PresidioRedactor, piece: str) -> None:
    start = time.process_time()
    redactor.redact(piece * (20_000 // len(piece)))
    assert time.process_time() - start < 5


def test_masking_opens_no_connection_and_warns_of_nothing() -> None:
    code = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from rag_flywheel.adapters.privacy.redactor import PresidioRedactor\n"
        f"redactor = PresidioRedactor({ENTITIES!r}, 0.5, '')\n"
        "print(redactor.redact('Mr. Bean, a@acme.com').text)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("<PERSON>, <EMAIL_ADDRESS>\n", "")


def test_importing_and_naming_the_redactor_does_not_load_presidio() -> None:
    code = (
        "from rag_flywheel.adapters.privacy.redactor import PresidioRedactor\n"
        "import sys; PresidioRedactor(['PERSON'], 0.5, '').name; print('presidio_analyzer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_redactor_that_is_off_leaves_every_text_as_it_is() -> None:
    off: Redactor = NoRedactor()
    assert (off.name, off.redact("Mr. Bean")) == ("none", Redacted(text="Mr. Bean"))


# --- measured on real data ------------------------------------------------------------------------------------------


def lines_of(name: str) -> list[dict[str, str]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the data set {name} is not there; RAG_FLYWHEEL_DATA names its folder")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_nearly_all_labelled_identifiers_are_masked(redactor: PresidioRedactor) -> None:
    labels = {"EMAIL_ADDRESS", "EMAIL", "PHONE_NUMBER", "PHONE", "CREDIT_CARD", "US_SSN", "SSN", "IP_ADDRESS"}
    total, left = 0, 0
    for row in lines_of("pii-dev/texts.jsonl"):
        masked = redactor.redact(row["text"]).text
        values = [span["value"] for span in row["spans"] if span["label"] in labels]  # type: ignore[index]
        total += len(values)
        left += sum(value in masked for value in values)
    assert total > 200
    assert left <= 0.03 * total


def test_hardly_anything_in_a_manual_is_masked(redactor: PresidioRedactor) -> None:
    found: Counter[str] = Counter()
    rows = lines_of("emanual-tv/corpus.jsonl")
    for row in rows:
        found.update(redactor.redact(row["text"]).found)
    assert sum(found.values()) <= 0.01 * len(rows)


@pytest.mark.parametrize(
    ("typed", "masked"),
    [
        ("my card is 4111\u00a01111\u00a01111\u00a01111, thanks", "my card is <CREDIT_CARD>, thanks"),
        ("4111\u20111111\u20111111\u20111111", "<CREDIT_CARD>"),
        ("４１１１１１１１１１１１１１１１", "<CREDIT_CARD>"),
        ("ssn 078\u201105\u20111120", "ssn <US_SSN>"),
        ("call me on +44\u201020\u20107946\u20100958", "call me on <PHONE_NUMBER>"),
        ("write to ann.lee＠gmail.com", "write to <EMAIL_ADDRESS>"),
        ("écrire à ann\u200b@gmail\u00ad.com, merci", "écrire à <EMAIL_ADDRESS>, merci"),
    ],
)
def test_personal_data_is_masked_whatever_spaces_hyphens_and_digits_a_keyboard_puts_in(typed: str, masked: str) -> None:
    redactor = PresidioRedactor(Privacy().entities, 0.5, "")

    assert redactor.redact(typed).text == masked


def test_a_range_of_years_with_an_en_dash_is_no_telephone_number() -> None:
    redactor = PresidioRedactor(Privacy().entities, 0.5, "")

    text = "The so-called Buyid period, 973–1048, is what they call 1048–1131 elsewhere."

    assert redactor.redact(text).text == text


def test_what_is_masked_has_its_place_behind_signs_that_nobody_sees() -> None:
    redactor = PresidioRedactor(Privacy().entities, 0.5, "")

    text = "\u200b\u00ad" * 700 + "The pump — 10–15 bar.\n" + "\u200b" * 900 + " write to ann.lee@gmail.com, please"

    assert redactor.redact(text).text == text.replace("ann.lee@gmail.com", "<EMAIL_ADDRESS>")
