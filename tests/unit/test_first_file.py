"""The text of a first config.yaml."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from rag_flywheel import config
from rag_flywheel.config.first_file import Answers, written

KINDS = itertools.product(("machine", "network"), ("extractive", "openai_like"), ("one", "several"))


@pytest.mark.parametrize(("audience", "kind", "reviewers"), list(KINDS))
def test_what_stands_behind_a_mark_is_a_setting_that_is_accepted_without_it(
    audience: str, kind: str, reviewers: str, tmp_path: Path
) -> None:
    answers = Answers(
        documents=("docs", "a: b/*.md"),
        audience=audience,  # type: ignore[arg-type]
        consent="off",
        answers=kind,  # type: ignore[arg-type]
        url="http://localhost:1/v1" if kind == "openai_like" else "",
        model="llama: 3" if kind == "openai_like" else "",
        reviewers=reviewers,  # type: ignore[arg-type]
    )
    text = written(answers)
    shown = re.sub(r"^# ( *[a-z_]+:)", r"\1", text, flags=re.MULTILINE)
    for number, each in enumerate((text, shown)):
        file = tmp_path / f"{number}.yaml"
        file.write_text(each)
        read = config.load(file, {})
        assert [source.path for source in read.sources] == ["docs", "a: b/*.md"]
        assert read.privacy.consent == "off"
        assert read.review.second_reviewer == (reviewers == "several")
        assert read.access.own_reviews == (reviewers == "one")
    assert yaml.safe_load(shown).keys() - yaml.safe_load(text).keys() >= {"data_dir", "golden", "retention"}
    assert len(re.findall(r"^[a-z_]+:", shown, re.MULTILINE)) == len(yaml.safe_load(shown)), "a section stands twice"
    assert max(map(len, text.splitlines())) <= 120
