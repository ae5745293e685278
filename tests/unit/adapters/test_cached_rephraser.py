"""Wordings from the cache."""

from pathlib import Path

import pytest

from rag_flywheel.adapters.models.cached_rephraser import CachedRephraser
from rag_flywheel.config import load, secrets
from rag_flywheel.errors import LanguageModelUnavailable
from rag_flywheel.wiring import services
from tests.fakes.rankings import MemoryCache
from tests.fakes.rephraser import ScriptedRephraser
from tests.fakes.services import ASSUMED

WORDINGS = {"How?": ["In what way?", "By which means?"]}


def test_nothing_is_asked_twice_not_even_what_has_no_other_wording() -> None:
    below, cache = ScriptedRephraser(WORDINGS), MemoryCache()
    for _ in range(2):
        rephraser = CachedRephraser(below, cache=cache)
        assert rephraser.rephrase("How?", 2) == ["In what way?", "By which means?"]
        assert rephraser.rephrase("Why?", 2) == []
    assert below.asked == [("How?", 2), ("Why?", 2)]


def test_another_model_and_another_count_are_asked_on_their_own() -> None:
    cache = MemoryCache()
    first, other = ScriptedRephraser(WORDINGS, name="one"), ScriptedRephraser(WORDINGS, name="other")
    assert CachedRephraser(first, cache=cache).rephrase("How?", 1) == ["In what way?"]
    assert CachedRephraser(first, cache=cache).rephrase("How?", 2) == ["In what way?", "By which means?"]
    CachedRephraser(other, cache=cache).rephrase("How?", 1)
    assert (len(first.asked), len(other.asked)) == (2, 1)


def test_a_failure_is_not_remembered() -> None:
    below, cache = ScriptedRephraser(WORDINGS, down=True), MemoryCache()
    rephraser = CachedRephraser(below, cache=cache)
    with pytest.raises(LanguageModelUnavailable):
        rephraser.rephrase("How?", 2)
    below.down = False
    assert rephraser.rephrase("How?", 2) == ["In what way?", "By which means?"]


def test_the_cache_holds_no_text_that_was_asked_in_its_keys() -> None:
    cache = MemoryCache()
    CachedRephraser(ScriptedRephraser(WORDINGS), cache=cache).rephrase("How?", 2)
    assert not any("How" in key for key in cache.values)


@pytest.mark.parametrize(("kind", "name"), [("extractive", None), ("openai_like", "openai_like:small")])
def test_there_is_a_rephraser_where_a_language_model_is_configured(tmp_path: Path, kind: str, name: str | None) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        f"generator: {{kind: {kind}, model: small, url: 'http://127.0.0.1:9/v1'}}\nprivacy: {{redact: false}}"
    )
    with services(load(file, ASSUMED), secrets({})) as made:
        assert (None if made.rephraser is None else made.rephraser.name) == name
