"""The configured judge."""

import pytest

from eval.scores.judge import open_judge
from rag_flywheel.config import Judge
from rag_flywheel.errors import ConfigError
from tests.fakes.rankings import MemoryCache


def test_the_configured_judge_is_whole_or_absent_and_hides_its_key() -> None:
    cache = MemoryCache()
    assert open_judge(Judge(), key="k3y", cache=cache) is None
    found = open_judge(Judge(url="http://localhost:1/v1", model="m"), key="k3y", cache=cache)
    assert found is not None
    assert (found.model, found.url, found.concurrency, found.stopped) == ("m", "http://localhost:1/v1", 4, False)
    assert "k3y" not in repr(found)
    with pytest.raises(ConfigError, match=r"judge\.url is empty"):
        open_judge(Judge(model="m"), key="", cache=cache)
    with pytest.raises(ConfigError, match=r"judge\.model is empty"):
        open_judge(Judge(url="http://localhost:1/v1"), key="", cache=cache)
