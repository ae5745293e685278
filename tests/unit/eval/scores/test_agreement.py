"""Judge and people on the same recorded answers."""

import pytest

from eval.questions.golden import Case, Slice
from eval.scores import agreement
from eval.scores.agreement import Recorded
from rag_flywheel.domain import Verdict
from tests.fakes import samples
from tests.fakes.encoder import HashingEncoder
from tests.fakes.evaluation import case
from tests.fakes.judging import a_good_judge, judge_at
from tests.fakes.openai_server import Fail, OpenAIServer, Received, Reply
from tests.fakes.samples import reviewed


def pairs(both: int, judge_only: int, people_only: int, neither: int) -> list[tuple[bool, bool]]:
    return [
        *[(True, True)] * both,
        *[(True, False)] * judge_only,
        *[(False, True)] * people_only,
        *[(False, False)] * neither,
    ]


def answer(name: str, *, good: bool, reference: str | None = "Press both.") -> Recorded:
    return Recorded(
        name=name,
        question="How do I pair it?",
        answer=f"Press both buttons, says {name}.",
        cited=(f"Press both buttons to pair {name}.",),
        reference=reference,
        good=good,
    )


def test_kappa_and_raw_agreement_have_their_known_values_within_their_intervals() -> None:
    """The example of Cohen's kappa in textbooks: two readers, 50 proposals."""
    found = agreement.agreement(pairs(20, 5, 10, 15), metric="faithfulness", resamples=2000, seed=0)
    assert (found.n, found.raw, found.kappa) == (50, 0.7, pytest.approx(0.4))
    # The normal approximation: 0.7 +- 1.96 sqrt(0.7 0.3 / 50), and 0.4 +- 1.96 sqrt(0.7 0.3 / (50 0.5^2)).
    assert found.raw_interval == pytest.approx((0.573, 0.827), abs=0.03)
    assert found.kappa_interval == pytest.approx((0.146, 0.654), abs=0.05)
    assert found == agreement.agreement(pairs(20, 5, 10, 15), metric="faithfulness", resamples=2000, seed=0)


@pytest.mark.parametrize(
    ("counts", "raw", "kappa"),
    [((5, 0, 0, 5), 1.0, 1.0), ((0, 5, 5, 0), 0.0, -1.0), ((5, 5, 5, 5), 0.5, 0.0), ((0, 2, 0, 6), 0.75, 0.0)],
    ids=["always", "never", "by chance", "people say one thing"],
)
def test_kappa_is_one_minus_one_or_zero_at_its_ends(
    counts: tuple[int, int, int, int], raw: float, kappa: float
) -> None:
    found = agreement.agreement(pairs(*counts), metric="faithfulness", resamples=200, seed=0)
    assert (found.raw, found.kappa) == (raw, pytest.approx(kappa))


def test_kappa_is_not_defined_where_both_say_one_thing_of_all() -> None:
    found = agreement.agreement(pairs(7, 0, 0, 0), metric="faithfulness", resamples=200, seed=0)
    assert (found.raw, found.raw_interval, found.kappa, found.kappa_interval) == (1.0, (1.0, 1.0), None, None)
    with pytest.raises(ValueError, match="at least one pair"):
        agreement.agreement([], metric="faithfulness", resamples=200, seed=0)


def confirmed_case(name: str, cluster: str) -> Case:
    return case(f"confirmed:{name}", "d", slice=Slice.CONFIRMED, cluster=cluster, answer="Itself.")


def test_a_corrected_answer_is_compared_with_its_correction_and_a_confirmed_one_with_what_people_wrote() -> None:
    found = agreement.recorded(
        confirmed=[
            samples.interaction("judged", question="How to pair?", answer="So."),
            samples.interaction("alone", question="Why is it red?", answer="As it is charging."),
        ],
        corrected=[(reviewed("c", wording="The reviewed one."), samples.interaction("wrong", answer="Wrong."))],
        cases=[
            case("golden:1", "d", cluster="pairing", answer="The golden answer."),
            confirmed_case("judged", "pairing"),
            confirmed_case("alone", "red"),
        ],
    )
    assert {answer.name: (answer.good, answer.reference) for answer in found} == {
        "judged": (True, "The golden answer."),
        "alone": (True, None),
        "wrong": (False, "The reviewed one."),
    }
    assert {answer.cited for answer in found} == {("text",)}


def test_an_answer_counts_once_as_people_said_last_and_only_where_there_is_something_to_judge() -> None:
    found = agreement.recorded(
        confirmed=[samples.interaction("both"), samples.interaction("without consent", answer="")],
        corrected=[
            (reviewed("a"), samples.interaction("both")),
            (reviewed("b"), samples.interaction("both")),
            (reviewed("c", verdict=Verdict.REJECT), samples.interaction("rejected")),
            (reviewed("d"), samples.interaction("refused", answered=False)),
        ],
        cases=[],
    )
    assert [(answer.name, answer.good) for answer in found] == [("both", False)]


def test_good_and_bad_answers_are_chosen_alike_and_the_same_ones_every_time() -> None:
    answers = [answer(f"g{at}", good=True) for at in range(100)] + [answer(f"b{at}", good=False) for at in range(10)]
    found = agreement.chosen(answers, limit=50)
    assert (len(found), sum(answer.good for answer in found)) == (50, 40)
    assert set(found) == set(agreement.chosen(answers[::-1], limit=50))
    assert sum(answer.good for answer in agreement.chosen(answers, limit=10)) == 5
    assert agreement.chosen(answers[:3], limit=50) == agreement.chosen(answers[:3], limit=3)


def test_the_judge_agrees_with_people_where_it_sees_what_they_saw() -> None:
    """It finds every claim about the bad answers unsupported, and fails on one answer."""

    def judge(received: Received) -> Reply:
        if "says g4" in received.prompt:
            return Fail(status=500)
        said = str(a_good_judge(received)).replace(
            "Press both.", "Press b" if "says b" in received.prompt else "Press g"
        )
        return said.replace('"verdict": 1', '"verdict": 0') if "pair b" in received.prompt else said

    answers = [answer(f"g{at}", good=True, reference=None) for at in range(5)]
    answers += [answer(f"b{at}", good=False, reference=None) for at in range(5)]
    with OpenAIServer(reply=judge) as server:
        opened = judge_at(server)
        [found] = agreement.with_people(
            answers,
            judge=opened,
            encoder=HashingEncoder(),
            resamples=200,
            seed=0,
            on_step=lambda done, total: None,
        )
    assert found.metric == "faithfulness"  # the other one has nothing to compare with
    assert (found.n, found.raw, found.kappa) == (9, 1.0, 1.0)
    assert opened.costs.failed == 1
