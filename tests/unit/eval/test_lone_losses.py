"""Which lost questions stay lost in the count when what took them is left out."""

from eval.lone_losses import stay_lost
from eval.questions.golden import Case
from tests.fakes.evaluation import case

MANY = 200


def asked(*clusters: str, of: int = MANY) -> list[Case]:
    """Guard questions of which the first are of these clusters, each of the others of its own."""
    names = [*clusters, *(f"other{at}" for at in range(of - len(clusters)))]
    return [case(str(at), "d", cluster=name) for at, name in enumerate(names)]


def test_a_question_whose_cause_took_no_other_stays_lost() -> None:
    causes = {"0": ["c1"], "1": ["c2"], "2": ["c2"]}
    assert stay_lost(causes, asked("a", "b", "c"), minimum=MANY) == {"0"}


def test_two_wordings_of_one_question_are_one() -> None:
    assert stay_lost({"0": ["c1"], "1": ["c1"]}, asked("a", "a"), minimum=MANY) == {"0", "1"}


def test_a_question_that_two_took_together_is_back_only_where_both_took_others() -> None:
    causes = {"0": ["c1", "c2"], "1": ["c1"], "2": ["c3", "c1"], "3": ["c3"]}
    assert stay_lost(causes, asked("a", "b", "c", "d"), minimum=MANY) == {"0"}


def test_what_nothing_was_left_out_for_is_not_told_of() -> None:
    assert stay_lost({}, asked("a"), minimum=MANY) == frozenset()
    assert stay_lost({"0": []}, asked("a"), minimum=MANY) == frozenset()


def test_of_few_questions_one_is_forgiven_with_its_wordings_the_one_that_lost_most() -> None:
    causes = {"0": ["c1"], "1": ["c2"], "2": ["c2"]}
    assert stay_lost(causes, asked("a", "b", "b", of=MANY - 1), minimum=MANY) == {"0"}
    assert stay_lost(causes, asked("a", "b", "b"), minimum=MANY) == {"0", "1", "2"}
