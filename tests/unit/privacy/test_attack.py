"""An attack that knows everything but whether one person was there, on 10,000 releases with them and without.

A correct release is blamed in one run of a million: the intervals are exact, whatever OpenDP draws.
"""

from functools import partial

import pytest

from benchmarks.published_aggregates import RELEASES, allowed, attack, bounded, bounded_topics, crowd, loud, unbounded
from rag_flywheel.adapters.privacy.noise import OpenDpNoise

EPSILON, MOST = 1.0, 2
NOISE = OpenDpNoise()
PEOPLE, PERSON = crowd(60, seed=1), loud(50)
against = partial(attack, people=PEOPLE, person=PERSON)


def test_with_and_without_a_person_the_releases_are_as_near_as_they_promise() -> None:
    found = against(bounded(NOISE, per_person=MOST, epsilon=EPSILON), seen=MOST, releases=RELEASES)
    assert not found.breaks(EPSILON, 0.0)
    assert found.interval[0] <= allowed(EPSILON, 0.0)
    assert found.interval[1] > 0.3, "the attack is no attack"


def test_the_attack_finds_a_release_that_does_not_bound_what_a_person_adds() -> None:
    found = against(unbounded(NOISE, per_person=MOST, epsilon=EPSILON), seen=len(PERSON), releases=500)
    assert found.breaks(EPSILON, 0.0)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_attack_finds_noise_that_is_half_of_what_is_stated(epsilon: float) -> None:
    found = against(bounded(NOISE, per_person=MOST, epsilon=2 * epsilon), seen=MOST, releases=RELEASES)
    assert found.breaks(epsilon, 0.0)


def test_a_topic_of_one_person_is_not_told_and_one_more_supporter_is_hardly_seen() -> None:
    topics = bounded_topics(NOISE, per_person=MOST, epsilon=EPSILON, delta=1e-6)
    alone = attack(topics, people=[], person=PERSON, seen=1, releases=2000)
    assert (alone.there, alone.not_there) == (0, 0)
    assert not against(topics, seen=1, releases=2000).breaks(EPSILON, 1e-6)
