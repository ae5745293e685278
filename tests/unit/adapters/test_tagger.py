"""Names and street addresses by the bundled encoder: what is found, what is left, and what it costs."""

import time
from pathlib import Path

import numpy as np
import pytest

from rag_flywheel.adapters.privacy import tagger
from rag_flywheel.adapters.privacy.redactor import PresidioRedactor
from rag_flywheel.adapters.privacy.tagger import ADDRESS, PERSON, WORD, spans, tagged
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
        ("Send it to PSC 802, Box 74\nAPO AE 09499 please", "Send it to <STREET_ADDRESS> please"),
        ("send it to unit 2050 box 4190, apo ap 96278-2050", "send it to <STREET_ADDRESS>"),
        ("Ship to USNS Comfort\nFPO AP 96620.", "Ship to <STREET_ADDRESS>."),
        ("As dr. Halvard Ekström said, the lamp blinks.", "As <PERSON> said, the lamp blinks."),
        ("Then Miss Halvard Ekström said so.", "Then <PERSON> said so."),
        ("When will I miss Anna Kowalska's call?", "When will I miss <PERSON>'s call?"),
        ("Is it what Jamukha said?", "Is it what <PERSON> said?"),
        ("He's injured, but Celina just left.", "He's injured, but <PERSON> just left."),
        ("My neighbour Anneke ten Broek has the same set.", "My neighbour <PERSON> has the same set."),
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
        "He looks at the TV remotely:\nDiagnose your TV, adjust the settings.",
        "ALAC MPEG4 AAC midi AIFF JPEG 15360 x 8640, H.264 Sorenson VP6 VP8 1920 x 1080.",
        "The unit 12 box 7 is empty, and the APO said so.",
        "Order 20394-11 of 12 May holds 2 lamps of 9 W from the Berlin office.",
    ],
)
def test_products_menus_and_numbers_are_left_alone(redactor: PresidioRedactor, text: str) -> None:
    assert redactor.redact(text).text == text


def found(text: str, kind: int, **sure: float) -> list[str]:
    """What is masked where these words are so surely of the kind, and all others of none."""
    words = [match.span() for match in WORD.finditer(text)]
    rows = np.zeros((len(words), 3), np.float32)
    for place, (start, end) in enumerate(words):
        rows[place, kind] = sure.get(text[start:end].strip("0123456789") or "number", 0.0)
    return [text[span.start : span.end] for _, span in spans(text, words, rows)]


def test_a_name_of_one_word_has_to_be_surer_where_its_capital_is_a_sentence_s_or_missing() -> None:
    assert found("Then Dolby came.", PERSON, Dolby=0.85) == ["Dolby"]
    assert found("It works. Dolby came.", PERSON, Dolby=0.85) == []
    assert found("Menu:\n  Dolby", PERSON, Dolby=0.85) == []
    assert found("then dolby came", PERSON, dolby=0.85) == []
    assert found("It works. Dolby came.", PERSON, Dolby=0.95) == ["Dolby"]


def test_a_particle_between_two_parts_of_a_name_goes_with_it() -> None:
    assert found("Anneke ten Broek came.", PERSON, Anneke=0.7, Broek=0.6) == ["Anneke ten Broek"]
    assert found("Anneke met Broek there.", PERSON, Anneke=0.95, Broek=0.95) == ["Anneke", "Broek"]


def test_an_address_has_a_word_that_surely_is_one_and_a_number_that_is_no_mere_neighbour() -> None:
    assert found("at 12 Juniper Close, Bath", ADDRESS, number=0.7, Juniper=0.9, Close=0.15, Bath=0.2) == [
        "12 Juniper Close, Bath"
    ]
    assert found("at 12 Juniper Close, Bath", ADDRESS, number=0.7, Juniper=0.7, Close=0.7, Bath=0.7) == []
    assert found("at VP Sorenson 1920", ADDRESS, VP=0.9, Sorenson=0.95, number=0.15) == []


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


@pytest.mark.parametrize(
    ("told", "has"),
    [
        ("processor : 0\nflags\t\t: fpu avx512_vnni sse\n", True),
        ("Features\t: fp asimd asimddp\n", True),
        ("flags\t\t: fpu avx2\nbugs : avx_vnni\n", False),
        (None, False),
    ],
)
def test_whole_numbers_are_multiplied_only_where_the_processor_loses_none(
    tmp_path: Path, told: str | None, has: bool
) -> None:
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told, encoding="utf-8")
    assert tagger.has_dot_products(tmp_path / "cpuinfo") is has


@pytest.mark.parametrize("whole", [True, False])
def test_names_are_found_with_either_graph(monkeypatch: pytest.MonkeyPatch, whole: bool) -> None:
    monkeypatch.setattr(tagger, "has_dot_products", lambda: whole)
    monkeypatch.setattr(tagger, "_loaded", tagger._loaded.__wrapped__)
    text = "Please ask Maria Lopez, 12 Main Street, Springfield."
    assert [(kind, text[span.start : span.end]) for kind, span in tagger.tagged(text)] == [
        ("PERSON", "Maria Lopez"),
        ("STREET_ADDRESS", "12 Main Street, Springfield"),
    ]
