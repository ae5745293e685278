"""What a generator elsewhere is told."""

from pathlib import Path
from typing import Literal

from rag_flywheel.adapters.privacy.masked_generator import MaskedGenerator
from rag_flywheel.config import Source, load, secrets
from rag_flywheel.domain import Turn
from rag_flywheel.wiring import services
from tests.fakes.asking import Retelling
from tests.fakes.redactor import FakeRedactor
from tests.fakes.services import ASSUMED

MASKS: tuple[Literal["dangerous"], Literal["nothing"]] = ("dangerous", "nothing")


def test_questions_and_earlier_turns_leave_masked() -> None:
    below = Retelling()
    generator = MaskedGenerator(below, FakeRedactor())
    query = generator.rewrite("Is ada@example.org known?", [Turn(role="user", text="I am bob@example.org")])
    assert query == "I am <EMAIL_ADDRESS> Is <EMAIL_ADDRESS> known?"
    assert below.rewritten == [("Is <EMAIL_ADDRESS> known?", ["I am <EMAIL_ADDRESS>"])]
    list(generator.answer("Is ada@example.org known?", []))
    assert below.asked == [("Is <EMAIL_ADDRESS> known?", [])]


def test_a_question_that_stands_alone_stays_as_it_was_typed() -> None:
    assert MaskedGenerator(Retelling(), FakeRedactor()).rewrite("Is ada@example.org known?", []) == (
        "Is ada@example.org known?"
    )


def test_a_language_model_that_is_configured_is_told_masked_questions(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("generator: {kind: openai_like, model: small, url: 'http://127.0.0.1:9/v1'}")
    with services(load(file, ASSUMED), secrets({})) as made:
        assert isinstance(made.generator, MaskedGenerator)
        assert made.generator.name == "openai_like:small"


def test_documents_are_masked_as_their_source_says(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("")
    with services(load(file, ASSUMED), secrets({})) as made:
        dangerous, nothing = (made.document_redactor(Source(path="a", mask=mask)).name for mask in MASKS)
        names = [
            made.document_redactor(source).name
            for source in (
                Source(path="a"),
                Source(path="a", trust="public"),
                Source(path="b", trust="public", mask="nothing"),
            )
        ]
        assert names == [dangerous, made.redactor.name, nothing]
        assert len({dangerous, made.redactor.name, nothing}) == 3


def test_where_masking_is_off_no_source_is_masked(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("privacy: {redact: false}")
    with services(load(file, ASSUMED), secrets({})) as made:
        assert made.document_redactor(Source(path="a", mask="full")).name == made.redactor.name == "none"
