"""Which questions tuning may see, and that no wording of a question is on both sides."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.questions import splits
from eval.questions.golden import Case, Slice
from eval.questions.splits import Leak, Role
from rag_flywheel.config import Gate
from rag_flywheel.domain.equivalence import NEAR, normalised
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


def test_about_half_of_the_clusters_may_be_learned_from_and_a_seed_changes_which() -> None:
    clusters = [f"cluster {number}" for number in range(2000)]
    first = [splits.is_tuning(cluster, seed=0) for cluster in clusters]
    assert 900 < sum(first) < 1100
    assert first == [splits.is_tuning(cluster, seed=0) for cluster in clusters]
    assert first != [splits.is_tuning(cluster, seed=1) for cluster in clusters]


def test_the_side_of_a_cluster_is_the_same_in_every_process() -> None:
    assert "".join(cluster for cluster in "abcdefgh" if splits.is_tuning(cluster, seed=0)) == "abcfg"


def test_wordings_that_differ_in_case_and_punctuation_only_share_a_cluster() -> None:
    cases = [case("a", "d", question="Reset it?", cluster="x"), case("b", "d", question="reset IT")]
    first, second = splits.clustered(cases)
    assert first.cluster == second.cluster


def test_clusters_that_share_a_wording_are_joined_with_all_their_other_wordings() -> None:
    cases = [
        case("a", "d", question="How to pair?", cluster="pairing"),
        case("b", "d", question="Connecting the remote", cluster="pairing"),
        case("c", "d", question="how to PAIR", cluster="remote"),
        case("d", "d", question="Is there a battery inside", cluster="remote"),
        case("e", "d", question="Where is the plug?", cluster="plug"),
    ]
    assert [asked.cluster for asked in splits.clustered(cases)] == ["pairing"] * 4 + ["plug"]


def test_nearly_the_same_words_share_a_cluster_and_other_words_do_not() -> None:
    cases = [
        case("a", "d", question="how can i reset the remote control of my tv"),
        case("b", "d", question="how can i reset the remote control of my tv please"),
        case("c", "d", question="how can i clean the screen of my tv"),
    ]
    first, near, other = splits.clustered(cases)
    assert first.cluster == near.cluster != other.cluster


@settings(deadline=None)
@given(QUESTIONS)
def test_all_near_duplicates_are_found_as_by_comparing_every_pair(questions: list[str]) -> None:
    clustered = splits.clustered([case(str(at), "d", question=text) for at, text in enumerate(questions)])
    for asked in clustered:
        for other in clustered:
            mine, yours = set(normalised(asked.question).split()), set(normalised(other.question).split())
            if len(mine & yours) >= NEAR * len(mine | yours):
                assert asked.cluster == other.cluster


@settings(deadline=None)
@given(QUESTIONS)
def test_clustering_changes_nothing_but_the_cluster_and_once_is_enough(questions: list[str]) -> None:
    cases = [case(str(at), "d", question=text) for at, text in enumerate(questions)]
    once = splits.clustered(cases)
    assert [(asked.case_id, asked.question) for asked in once] == [(asked.case_id, asked.question) for asked in cases]
    assert splits.clustered(once) == once


def test_a_joined_cluster_bears_a_golden_name_whoever_else_asks_and_whatever_is_made() -> None:
    judged = case("golden:1", "d", question="how can i reset the remote control", cluster="reset")
    asked = case(
        "confirmed:1", "d", question="how can i reset the remote control now", slice=Slice.CONFIRMED, cluster="a"
    )
    made = case("made:1", "d", question="how can i reset the remote control?", slice=Slice.KNOWN_ITEM, cluster="0")
    assert {joined.cluster for joined in splits.clustered([made, asked, judged])} == {"reset"}
    assert {joined.cluster for joined in splits.clustered([made, asked])} == {"a"}


# --- the sealed slice -----------------------------------------------------------------------------------------------

CLUSTERS = [f"cluster {number}" for number in range(2000)]


def roles(epoch: int, *, sealed: float = 0.2) -> dict[str, Role]:
    return {cluster: splits.role(cluster, seed=0, sealed=sealed, epoch=epoch) for cluster in CLUSTERS}


def of(role: Role, epoch: int) -> set[str]:
    return {cluster for cluster, own in roles(epoch).items() if own == role}


def test_a_cluster_never_crosses_between_tuning_and_the_gate_whatever_is_sealed() -> None:
    learned = {cluster for cluster in CLUSTERS if splits.is_tuning(cluster, seed=0)}
    for epoch in range(12):
        assert of("tuning", epoch) == learned


def test_a_share_of_the_test_clusters_is_sealed_and_another_one_in_the_next_epoch() -> None:
    for epoch in range(8):
        sealed, tested = of("sealed", epoch), of("test", epoch)
        assert 0.15 < len(sealed) / len(sealed | tested) < 0.25
        assert not sealed & of("sealed", epoch + 1)
        assert sealed <= of("test", epoch + 1)


def test_every_test_cluster_is_sealed_once_before_the_first_ones_come_back() -> None:
    turns = [of("sealed", epoch) for epoch in range(5)]
    assert sum(map(len, turns)) == len(set().union(*turns)) == len(of("sealed", 0) | of("test", 0))
    assert of("sealed", 5) == turns[0]


def test_nothing_is_sealed_where_the_share_is_nothing() -> None:
    assert {role for epoch in range(3) for role in roles(epoch, sealed=0.0).values()} == {"tuning", "test"}


def test_the_epoch_goes_on_after_so_many_decisions() -> None:
    wanted = Gate(sealed_decisions=20)
    assert [splits.epoch(decisions, wanted) for decisions in (0, 19, 20, 59, 60)] == [0, 0, 1, 2, 3]


def sealed_ids(cases: list[Case]) -> set[str]:
    return {asked.case_id for asked in splits.seal(cases, seed=0, sealed=0.2, epoch=0) if asked.sealed}


def test_a_sealed_cluster_is_sealed_with_all_its_wordings_and_made_questions_alone_are_not() -> None:
    first, second, third = sorted(of("sealed", 0))[:3]
    judged = case("golden:1", "d", cluster=first)
    wording = case("made:1", "d", cluster=first, slice=Slice.KNOWN_ITEM)
    confirmed = case("confirmed:1", "d", cluster=second, slice=Slice.CONFIRMED)
    alone = case("made:2", "d", cluster=third, slice=Slice.KNOWN_ITEM)
    tested = case("golden:2", "d", cluster=min(of("test", 0)))
    learned = case("golden:3", "d", cluster=min(of("tuning", 0)))
    every = [judged, wording, confirmed, alone, tested, learned]
    assert sealed_ids(every) == {"golden:1", "made:1", "confirmed:1"}


def test_a_question_that_was_corrected_is_open_with_all_its_wordings() -> None:
    first, second = sorted(of("sealed", 0))[:2]
    corrected = case("correction:1", "d", cluster=first, slice=Slice.CORRECTED)
    held = case("correction:2", "d", cluster=second, slice=Slice.CONFIRMED)
    wordings = [case("golden:1", "d", cluster=first), case("golden:2", "d", cluster=second)]
    assert sealed_ids([corrected, held, *wordings]) == set()
    assert sealed_ids(wordings) == {"golden:1", "golden:2"}


def test_sealing_changes_nothing_but_the_mark() -> None:
    cases = [case(f"golden:{at}", "d", cluster=cluster) for at, cluster in enumerate(CLUSTERS[:50])]
    marked = splits.seal(cases, seed=0, sealed=0.2, epoch=3)
    assert [replace(asked, sealed=False) for asked in marked] == cases


# --- leaks ----------------------------------------------------------------------------------------------------------


def test_questions_near_by_cosine_on_both_sides_are_told_and_those_on_one_side_are_not() -> None:
    cases = [case(name, "d", cluster=name) for name in ("seen", "tested", "sealed", "far")]
    sides: dict[str, Role] = {"seen": "tuning", "tested": "test", "sealed": "sealed", "far": "test"}
    cosines = [1.0, 0.95, 0.9, 0.85]
    vectors = np.array([[cosine, np.sqrt(1 - cosine**2)] for cosine in cosines], dtype=np.float32)
    seen, tested, sealed, _ = cases
    found = splits.leaks(cases, sides, vectors)
    assert [(leak.tuning, leak.test, round(leak.cosine or 0, 2)) for leak in found] == [
        (seen, tested, 0.95),
        (seen, sealed, 0.9),
    ]


def test_questions_of_nearly_the_same_words_on_both_sides_are_told_without_an_encoder() -> None:
    seen = case("seen", "d", question="how can i reset the remote control of my tv", cluster="a")
    same = case("same", "d", question="How can I reset the remote control of my TV?", cluster="b")
    near = case("near", "d", question="how can i reset the remote control of my tv please", cluster="c")
    other = case("other", "d", question="how can i clean the screen", cluster="d")
    found = splits.leaks([seen, same, near, other], {"a": "tuning", "b": "test", "c": "test", "d": "test"}, None)
    assert found == [Leak(tuning=seen, test=tested, cosine=None) for tested in (same, near)]


@settings(deadline=None)
@given(QUESTIONS)
def test_no_two_questions_of_nearly_the_same_words_are_apart_once_clustered(questions: list[str]) -> None:
    cases = splits.clustered([case(str(at), "d", question=text) for at, text in enumerate(questions)])
    sides = {asked.cluster: splits.role(asked.cluster, seed=0, sealed=0.2, epoch=0) for asked in cases}
    assert splits.leaks(cases, sides, None) == []
