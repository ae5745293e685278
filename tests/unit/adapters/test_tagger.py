"""Names and street addresses by the bundled encoder: what is found, what is left, and what it costs."""

import time

import pytest

from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.adapters.privacy.tagger import tagged
from rag_flywheel.config import Privacy

ENTITIES = Privacy().entities


@pytest.fixture(scope="module")
def redactor() -> PresidioRedactor:
    return PresidioRedactor(ENTITIES, 0.5, "")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "According to Halvard Ekström, the lamp blinks twice.",
            "According to <PERSON>, the lamp blinks twice.",
        ),
        ("hi, elena petrova told me to unplug it", "hi, <PERSON> told me to unplug it"),
        (
            "Please deliver it to 18 Juniper Close, Shrewsbury instead.",
            "Please deliver it to <STREET_ADDRESS> instead.",
        ),
        ("We moved to Gartenstraße 12, 72074 Tübingen.", "We moved to <STREET_ADDRESS>."),
    ],
)
def test_names_and_addresses_are_masked_where_no_pattern_knows_them(
    redactor: PresidioRedactor, text: str, masked: str
) -> None:
    assert redactor.redact(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "How do I connect the Sony Bravia to the Sonos Beam over HDMI 2.1?",
        "Kubernetes restarts Prometheus, and Grafana says 503 on port 8080.",
        "Go to Settings, General, then Voice Guide, and choose Off.",
        "Order 20394-11 of 12 May holds 2 lamps of 9 W from the Berlin office.",
    ],
)
def test_products_menus_and_numbers_are_left_alone(redactor: PresidioRedactor, text: str) -> None:
    assert redactor.redact(text).text == text


def test_documents_keep_names_and_addresses(redactor: PresidioRedactor) -> None:
    official = PresidioRedactor(ENTITIES, 0.5, "", policy="dangerous")
    text = "According to Halvard Ekström of 18 Juniper Close, Shrewsbury, the lamp blinks."
    assert redactor.redact(text).text != text
    assert official.redact(text).text == text


def test_without_the_tagger_such_names_stay_and_the_redactor_has_another_name(redactor: PresidioRedactor) -> None:
    patterns = PresidioRedactor(ENTITIES, 0.5, "", tagger=False)
    text = "According to Halvard Ekström, the lamp blinks."
    assert patterns.redact(text).text == text
    assert patterns.name != redactor.name


def test_a_name_in_a_long_text_is_found_wherever_it_stands() -> None:
    filler = "The lamp blinks while the pump is running. " * 60
    text = filler + "I talked to Halvard Ekström about it. " + filler
    found = {text[span.start : span.end] for entity, span in tagged(text) if entity == "PERSON"}
    assert found == {"Halvard Ekström"}


def test_a_placeholder_is_no_part_of_what_is_found() -> None:
    for _, span in tagged("<PERSON> Halvard Ekström lives at 18 Juniper Close <PHONE_NUMBER>"):
        assert span.start >= len("<PERSON> ")
        assert span.end <= len("<PERSON> Halvard Ekström lives at 18 Juniper Close")


def test_four_times_the_text_takes_about_four_times_the_time() -> None:
    def seconds(times: int) -> float:
        start = time.process_time()
        list(tagged("Ann Lee " * times))
        return time.process_time() - start

    seconds(10)
    assert seconds(4000) < 8 * min(seconds(1000) for _ in range(2)) + 0.05
