"""Which questions tuning may see, and that no wording of a question is on both sides."""

from hypothesis import given, settings
from hypothesis import strategies as st

from eval import splits
from rag_flywheel.wording import NEAR, normalised
from tests.fakes.evaluation import case

QUESTIONS = st.lists(
    st.lists(
        st.sampled_from(["how", "do", "i", "pair", "reset", "the", "remote", "tv", "screen", "now"]),
        min_size=1,
        max_size=8,
    ).map(" ".join),
    min_size=1,
    max_size=12,
)


def test_about_half_of_the_groups_may_be_learned_from_and_a_seed_changes_which() -> None:
    groups = [f"group {number}" for number in range(2000)]
    first = [splits.is_tuning(group, seed=0) for group in groups]
    assert 900 < sum(first) < 1100
    assert first == [splits.is_tuning(group, seed=0) for group in groups]
    assert first != [splits.is_tuning(group, seed=1) for group in groups]


def test_the_side_of_a_group_is_the_same_in_every_process() -> None:
    assert "".join(group for group in "abcdefgh" if splits.is_tuning(group, seed=0)) == "abcfg"


def test_wordings_that_differ_in_case_and_punctuation_only_share_a_group() -> None:
    one, other = splits.regroup([case("a", "d", question="Reset it?", group="x"), case("b", "d", question="reset IT")])
    assert one.group == other.group


def test_groups_that_share_a_wording_are_joined_with_all_their_other_wordings() -> None:
    cases = [
        case("a", "d", question="How to pair?", group="pairing"),
        case("b", "d", question="Connecting the remote", group="pairing"),
        case("c", "d", question="how to PAIR", group="remote"),
        case("d", "d", question="Is there a battery inside", group="remote"),
        case("e", "d", question="Where is the plug?", group="plug"),
    ]
    assert [one.group for one in splits.regroup(cases)] == ["pairing"] * 4 + ["plug"]


def test_nearly_the_same_words_share_a_group_and_other_words_do_not() -> None:
    cases = [
        case("a", "d", question="how can i reset the remote control of my tv"),
        case("b", "d", question="how can i reset the remote control of my tv please"),
        case("c", "d", question="how can i clean the screen of my tv"),
    ]
    first, near, other = splits.regroup(cases)
    assert first.group == near.group != other.group


@settings(deadline=None)
@given(QUESTIONS)
def test_all_near_duplicates_are_found_as_by_comparing_every_pair(questions: list[str]) -> None:
    regrouped = splits.regroup([case(str(at), "d", question=text) for at, text in enumerate(questions)])
    for one in regrouped:
        for other in regrouped:
            mine, yours = set(normalised(one.question).split()), set(normalised(other.question).split())
            if len(mine & yours) >= NEAR * len(mine | yours):
                assert one.group == other.group


@settings(deadline=None)
@given(QUESTIONS)
def test_regrouping_changes_nothing_but_the_group_and_once_is_enough(questions: list[str]) -> None:
    cases = [case(str(at), "d", question=text) for at, text in enumerate(questions)]
    once = splits.regroup(cases)
    assert [(one.case_id, one.question) for one in once] == [(one.case_id, one.question) for one in cases]
    assert splits.regroup(once) == once
