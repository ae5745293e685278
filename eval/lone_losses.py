"""Lost questions that count as lost though what took them was left out: nothing but they themselves had told of it."""

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence

from eval.questions.golden import Case


def stay_lost(causes: Mapping[str, Collection[Hashable]], guards: Sequence[Case], *, minimum: int) -> frozenset[str]:
    """The ids of the cases that stay lost in the count.

    `causes`: for each lost case what was left out to bring it back. `guards`: all guard questions that are asked.

    What is left out is chosen by looking at the questions that the gate asks, which then speak in its favour: other
    corrections that took one question each are still in, where that question was not asked. How much they take is told
    by the questions whose cause took no other one: as many as are found by a question alone are expected to be missed
    for want of one (Good, 1953, "The population frequencies of species and the estimation of population parameters").
    Leaving the question itself out says the same: without it its cause would not have been found. A cause that took
    wordings of two questions would have been found without either.

    With fewer than `minimum` guard questions, the question with the most wordings lost is forgiven: there one is enough
    to refuse, and what took it is out.
    """
    cluster = {case.case_id: case.cluster for case in guards}
    took: dict[Hashable, set[str]] = defaultdict(set)
    for case_id, some in causes.items():
        for cause in some:
            took[cause].add(cluster[case_id])
    lone = [case_id for case_id, some in causes.items() if any(len(took[cause]) == 1 for cause in some)]
    if lone and len(guards) < minimum:
        [(forgiven, _)] = Counter(cluster[case_id] for case_id in lone).most_common(1)
        lone = [case_id for case_id in lone if cluster[case_id] != forgiven]
    return frozenset(lone)
