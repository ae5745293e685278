"""What a night did besides asking, in the report."""

from dataclasses import replace
from pathlib import Path

import pytest

from eval.report import legend, report
from eval.report.correction_rates import Rates
from eval.report.night import Night, told_of
from rag_flywheel.domain import CorrectionId
from rag_flywheel.domain.probes import Found, Probe
from tests.fakes.page import Page
from tests.fakes.reports import PROBES, document, full, night, written

PAGES = ("report.md", "report.html")


def test_the_parts_have_the_names_that_scripts_know() -> None:
    told = full()
    assert list(told["aside"][0]) == ["kind", "item", "place", "guardrail", "reason", "do", "official"]
    assert list(told["attempts"][0]) == ["number", "tried", "confidence", "outcome", "why", "left_out"]
    assert list(told["corrections"]) == ["probes", "rates"]
    assert list(told["corrections"]["rates"]) == [
        *("discoverability", "usage", "false_trigger_rate", "retention", "correction_lag_p50", "correction_lag_p95"),
    ]
    assert list(told["corrections"]["rates"]["usage"]) == ["value", "n", "low", "high"]


def test_a_quiet_night_leaves_no_part_in_the_report() -> None:
    assert not any(told_of(Night()).values())
    assert not {"aside", "attempts", "corrections"} & document().keys()


@pytest.mark.parametrize("name", PAGES)
def test_text_and_page_name_every_item_with_reason_and_what_to_do(name: str, tmp_path: Path) -> None:
    text = written(full(), tmp_path)[name]
    for told in ("d1:0:90", "c8", "It answers &lt;many", "Review it again.", "It quotes an attack."):
        assert told in text, told
    assert text.index("Set aside") < text.index("c8") < text.index("Only reported") < text.index("It quotes an attack.")


@pytest.mark.parametrize("name", PAGES)
def test_text_and_page_name_hundreds_of_items(name: str, tmp_path: Path) -> None:
    [first, *_] = night().aside
    many = [replace(first, item=f"page-{at}", place=None) for at in range(500)]
    text = written(full() | told_of(replace(night(), aside=many)), tmp_path)[name]
    assert [at for at in range(500) if f"page-{at}<" not in text and f"page-{at} |" not in text] == []


@pytest.mark.parametrize("name", PAGES)
def test_text_and_page_tell_what_each_attempt_tried_and_why_it_was_left(name: str, tmp_path: Path) -> None:
    text = written(full(), tmp_path)[name]
    for told in ("all that was learned", "7 were lost.", "98.0%", "without what took them", "c3"):
        assert told in text, told


@pytest.mark.parametrize("name", PAGES)
def test_text_and_page_show_the_rates_and_what_was_not_found_first(name: str, tmp_path: Path) -> None:
    text = written(full(), tmp_path)[name]
    part = text[text.index("What became of each correction") :]
    for told in ("71.4%", "35.9% to 91.8%", "250", "8.5 h", "2.1 d"):
        assert told in part, told
    rows = part[part.index("its own question" if name == "report.md" else "Its own question") :]
    assert rows.index("c3") < rows.index("not found")
    assert rows.index("c3") < rows.index("c2") < rows.index("c1")


def test_long_tables_are_folded_and_short_ones_open(tmp_path: Path) -> None:
    many = [Probe(correction_id=CorrectionId(f"c{at}"), own=Found.AND_USED) for at in range(11)]
    for probes, opened in ((PROBES, True), (many, False)):
        told = full() | told_of(replace(night(), probes=probes))
        page = written(told, tmp_path)["report.html"]
        part = page[page.index('id="probes"') :]
        assert part[part.index("<details") :].startswith("<details open") is opened


WHOLE = night()


@pytest.mark.parametrize(
    "part",
    [Night(aside=WHOLE.aside), Night(attempts=WHOLE.attempts), Night(probes=WHOLE.probes), Night(rates=WHOLE.rates)],
    ids=["aside", "attempts", "probes", "rates"],
)
def test_each_part_stands_without_the_others(part: Night, tmp_path: Path) -> None:
    told = document() | {name: value for name, value in told_of(part).items() if value}
    assert Page(written(told, tmp_path)["report.html"]).open == []


def test_every_rate_is_explained() -> None:
    assert list(legend.RATES) == list(Rates.__slots__)


def test_no_time_is_told_in_a_unit_of_which_there_is_none() -> None:
    assert [report._duration(seconds) for seconds in (0.0, 59.9, 60.0, 5400.0, 172_800.0, None)] == [
        *("0.0 s", "59.9 s", "1.0 min", "1.5 h", "2.0 d", "–"),
    ]
