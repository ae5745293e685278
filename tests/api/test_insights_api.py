"""What is sensitive over HTTP: counted with noise alone, from a budget, and kept out of every other list."""

from dataclasses import replace
from pathlib import Path

import pytest

from rag_flywheel.domain import Role
from rag_flywheel.privacy.pseudonyms import pseudonym
from rag_flywheel.services import Services
from tests.fakes.doors import door, key
from tests.fakes.samples import correction, interaction, review, shown, span
from tests.fakes.services import publish, services
from tests.fakes.signals import say

MONTH = "2026-05"
MARKED = """
sources: [docs, {path: ward, sensitive: true}]
privacy: {sensitive_groups: [patients]}
releases: {epsilon: 4, month_epsilon: 8, month_delta: 0.000001}
"""


@pytest.fixture
def made(tmp_path: Path) -> Services:
    made = services(tmp_path, text=MARKED)
    publish(made, "v1", {"ward/visits.md": "Visits end at eight.", "docs/a.md": "The door is blue."})
    return made


def ask(made: Services, name: str, question: str, document: str, group: str | None = None) -> None:
    asked = interaction(name, question=question, answered=False, user=name, ranking=[shown(document, 1)], citations=0)
    made.ledger.add_interaction(replace(asked, group=group))


def test_a_release_is_made_once_and_says_what_it_cost(made: Services) -> None:
    http = door(made)
    for number in range(60):
        ask(made, f"p{number}", "May I bring a dog?", "ward/visits.md")
        ask(made, f"q{number}", "Is it blue?", "docs/a.md")
    seen = http.post("/insights", json={"measure": "gaps", "month": MONTH, "dry_run": True}).json()
    assert (seen["state"], seen["epsilon"], seen["delta"], seen["cells"]) == ("preview", 4.0, 1e-6, [])
    assert http.get("/insights").json() == []
    first = http.post("/insights", json={"measure": "gaps", "month": MONTH}).json()
    assert [cell["name"] for cell in first["cells"]] == ["may i bring a dog"]
    assert abs(first["cells"][0]["count"] - 60) < 20
    again = http.post("/insights", json={"measure": "gaps", "month": MONTH, "epsilon": 1}).json()
    assert again == {**first, "state": "known"}
    assert http.get("/insights", params={"month": MONTH}).json() == [again]
    budget = http.get("/insights/budget", params={"month": MONTH}).json()
    assert (budget["spent_epsilon"], budget["epsilon"], budget["released"]) == (pytest.approx(4.0), 8.0, ["gaps"])
    assert http.get("/audit").json()[0]["action"] == "release"


def test_a_budget_that_is_used_up_refuses_even_to_look(made: Services) -> None:
    http = door(made)
    for measure in ("satisfaction", "usage"):
        assert http.post("/insights", json={"measure": measure, "month": MONTH}).status_code == 200
    for dry_run in (True, False):
        refused = http.post("/insights", json={"measure": "gaps", "month": MONTH, "dry_run": dry_run})
        assert (refused.status_code, refused.json()["error"]) == (409, "BudgetSpent")


def test_usage_has_a_cell_for_each_day_and_group_whatever_people_did(made: Services) -> None:
    made.ledger.add_interaction(replace(interaction("i1", user="ann"), group="patients"))
    cells = door(made).post("/insights", json={"measure": "usage", "month": MONTH}).json()["cells"]
    assert [cell["name"] for cell in cells[:2]] == ["2026-05-01 patients", "2026-05-01 others"]
    assert len(cells) == 31 * 2


@pytest.mark.parametrize(("own", "good", "bad"), [(True, 150, 50), (False, 0, 0)])
def test_satisfaction_is_what_each_asker_said_of_their_own_answer(
    made: Services, own: bool, good: int, bad: int
) -> None:
    ledger = made.ledger
    for number in range(200):
        user = pseudonym(f"p{number}", ledger.salt())
        ledger.add_interaction(interaction(f"i{number}", user=user, ranking=[shown("ward/visits.md", 1)], citations=0))
        said = "down" if number < 50 else "up"
        say(ledger, "thumb", said, of=f"i{number}", user=f"p{number}" if own else "other")  # type: ignore[arg-type]
    http = door(made)
    for _ in range(200):  # what was said is older than the release
        made.now()
    cells = http.post("/insights", json={"measure": "satisfaction", "month": MONTH}).json()["cells"]
    assert {cell["name"]: cell["count"] or 0 for cell in cells} == {
        "good": pytest.approx(good, abs=15),
        "bad": pytest.approx(bad, abs=15),
    }


def test_lists_of_questions_hold_nothing_that_is_sensitive(made: Services) -> None:
    http = door(made)
    ask(made, "i1", "May I bring a dog?", "ward/visits.md")
    ask(made, "i2", "Is it blue?", "docs/a.md")
    ask(made, "i3", "Is it red?", "docs/a.md", group="patients")
    assert [gap["question"] for gap in http.get("/gaps").json()] == ["Is it blue?"]
    for name in ("i1", "i2", "i3"):
        turned = replace(made.ledger.interaction(name), interaction_id=f"{name}a", answered=True)  # type: ignore[arg-type]
        made.ledger.add_interaction(turned)
        say(made.ledger, "abandoned", True, of=f"{name}a")  # type: ignore[arg-type]
    assert [suspect["question"] for suspect in http.get("/triage").json()] == ["Is it blue?"]


def test_author_and_reviewer_see_that_a_correction_waits_for_supporters(made: Services) -> None:
    http = door(made)
    ask(made, "i1", "May I bring a dog?", "ward/visits.md")
    made.ledger.add_correction(correction(question="May I bring a dog?", evidence=[span("ward/visits.md")]))
    pending = http.get("/corrections/c1").json()
    made.ledger.add_review(review())
    for path in ("/corrections/c1", "/review/c1"):
        assert "3 independent supporters" in http.get(path).json()["waits_for"]
    assert pending["waits_for"] is None


def test_operators_release_and_others_may_only_see_it(made: Services) -> None:
    http, body = door(made), {"measure": "usage", "month": MONTH}
    asker, reviewer, operator = (key(made, role, role) for role in (Role.ASKER, Role.REVIEWER, Role.OPERATOR))
    assert [http.post("/insights", json=body, headers=who).status_code for who in (asker, reviewer, operator)] == [
        403,
        403,
        200,
    ]
    assert [http.get("/insights", headers=who).status_code for who in (asker, reviewer, operator)] == [403, 200, 200]


def test_a_month_that_is_none_or_has_not_begun_is_refused(made: Services) -> None:
    for month, status in (("2026-13", 422), ("2026-06", 409)):
        assert door(made).post("/insights", json={"measure": "gaps", "month": month}).status_code == status


def test_nothing_is_released_where_nothing_is_marked(tmp_path: Path) -> None:
    refused = door(services(tmp_path)).post("/insights", json={"measure": "gaps", "month": MONTH})
    assert (refused.status_code, refused.json()["error"]) == (409, "Conflict")
