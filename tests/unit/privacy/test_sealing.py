"""A way back from what was masked, for those who have its key."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.config import Config, Privacy, Secrets
from rag_flywheel.domain import StandIn
from rag_flywheel.errors import ConfigError
from rag_flywheel.privacy.sealing import Sealing, sealing

OLD, NEW = "0d" * 32, "1e" * 32


def opened(key: str = "", **privacy: object) -> Sealing | None:
    settings = Privacy.model_validate({"reversible": True, **privacy})
    return sealing(Config(file=Path("config.yaml"), privacy=settings), Secrets(reveal_key=key))


def keys(words: str) -> Sealing:
    made = opened(words)
    assert made is not None
    return made


def stand_in(sealed: str) -> StandIn:
    return StandIn(kind="PERSON", number=1, sealed=sealed)


def test_what_is_sealed_is_read_with_the_key_alone() -> None:
    sealed = stand_in(keys(OLD).seal(["Ada Lovelace", "Ada"]))
    assert "Lovelace" not in sealed.sealed
    assert keys(OLD).open(sealed) == ("Ada Lovelace", "Ada")
    assert keys(NEW).open(sealed) is None
    assert keys(OLD).open(replace(sealed, sealed=sealed.sealed[:-4] + "AAAA")) is None, "nobody can change it either"


def test_a_new_key_before_the_old_one_reads_both_and_seals_for_itself() -> None:
    both = keys(f"{NEW} {OLD}")
    assert both.open(stand_in(keys(OLD).seal(["Ada"]))) == ("Ada",)
    assert keys(NEW).open(stand_in(both.seal(["Bob"]))) == ("Bob",)
    assert both.opened([stand_in(keys(OLD).seal(["Ada"])), stand_in(both.seal(["Ada L."])), stand_in("")]) == {
        "<PERSON_1>": ("Ada", "Ada L.")
    }


def test_a_key_can_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "reveal.key"
    file.write_text(f"{OLD}\n")
    from_file = opened(reveal_key_file=str(file))
    assert from_file is not None
    assert from_file.open(stand_in(keys(OLD).seal(["Ada"]))) == ("Ada",)


@pytest.mark.parametrize("key", ["", "tiny-key", OLD[:-2], f"{OLD} {OLD}0"])
def test_without_a_key_nothing_is_masked_and_no_part_of_one_is_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand -hex 32") as refused:
        opened(key)
    assert not key or key not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"reveal_key_file: .*none\.key cannot be read"):
        opened(reveal_key_file=str(tmp_path / "none.key"))


def test_by_default_there_is_no_way_back_and_none_without_numbers() -> None:
    assert sealing(Config(file=Path("config.yaml"), privacy=Privacy()), Secrets(reveal_key=OLD)) is None
    assert opened(OLD, redact=False) is None
    with pytest.raises(ConfigError, match=r"privacy\.numbered is off"):
        opened(OLD, numbered=False)
