"""Personal data and planted strings: neither may be indexed, found or reproduced."""

import logging
from pathlib import Path

import pytest
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, IbanRecognizer

from eval.guardrails.memorisation import masking, read_planted, records
from rag_flywheel.adapters.privacy.redactor import NoRedactor, PresidioRedactor
from rag_flywheel.config import Privacy
from rag_flywheel.errors import InvalidInput

PLANTED = "Zephyr-Quartz 4417 Lantern"


@pytest.mark.parametrize("seed", range(5))
def test_made_up_records_of_every_kind_are_masked_by_the_real_redactor(seed: int) -> None:
    privacy = Privacy()
    redactor = PresidioRedactor(privacy.entities, privacy.minimum_score, "")
    check = masking(redactor, entities=privacy.entities, seed=seed)
    assert check.holds, check.message
    assert check.measured == "made-up personal records left in 12 sentences"


def test_a_record_that_comes_out_as_it_was_is_a_breach_that_names_its_kind_alone() -> None:
    emails_alone = PresidioRedactor(["EMAIL_ADDRESS"], 0.5, "")
    check = masking(emails_alone, entities=("EMAIL_ADDRESS", "IBAN_CODE"), seed=3)
    assert not check.holds
    assert "IBAN_CODE" in check.message
    assert "EMAIL_ADDRESS" not in check.message
    assert records(3)["IBAN_CODE"] not in check.message


def test_where_nothing_is_to_be_masked_there_is_nothing_to_measure() -> None:
    check = masking(NoRedactor(), entities=(), seed=0)
    assert check.holds
    assert check.value is None


@pytest.mark.parametrize("seed", range(20))
def test_made_up_account_and_card_numbers_have_right_check_digits(seed: int) -> None:
    made = records(seed)
    assert IbanRecognizer().validate_result(made["IBAN_CODE"])
    assert CreditCardRecognizer().validate_result(made["CREDIT_CARD"])


def test_records_follow_from_their_seed() -> None:
    assert records(1) == records(1) != records(2)


def test_planted_strings_are_read_one_a_line_and_never_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "planted.txt"
    file.write_text(f"{PLANTED}\n\n  Second planted string \n{PLANTED}\n", encoding="utf-8")
    with caplog.at_level(logging.DEBUG):
        assert read_planted(file) == (PLANTED, "Second planted string")
    assert caplog.text == ""


def test_a_planted_string_that_chance_would_find_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "planted.txt"
    file.write_text("long enough indeed\nsho-rt 1\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"planted\.txt:2: .*8 letters and digits.*found 6") as caught:
        read_planted(file)
    assert "sho-rt" not in str(caught.value)


def test_a_file_of_planted_strings_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"guardrails\.canaries.*FileNotFoundError"):
        read_planted(tmp_path / "none.txt")
