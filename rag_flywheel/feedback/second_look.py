"""What a reviewer should not pass over: reasons to look at a correction twice before it is accepted. Pure.

They are shown before the click, and one reviewer alone cannot accept what has one: see `review.decide`. None says that
a correction is wrong; docs/review.md tells how often ordinary ones have one.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rag_flywheel.domain import ANONYMOUS, Correction, CorrectionId, CorrectionState, ReviewedCorrection
from rag_flywheel.domain.echo import is_made_to_be_found
from rag_flywheel.domain.equivalence import (
    NearIndex,
    held_share,
    is_traceable,
    near_index,
    near_texts,
    normalised,
)
from rag_flywheel.domain.sentences import sentences
from rag_flywheel.feedback.contradiction import other_negation, other_number
from rag_flywheel.feedback.quantities import telling, tokens
from rag_flywheel.feedback.requests import asks_for_secrets, links

LONG = 1600
"""Characters from which an answer is long where too few were accepted to tell what is usual."""
SHORT_ENOUGH = 600
"""Characters up to which no answer is long."""
USUAL_FROM = 20
"""Accepted answers from which their lengths tell what is usual."""
TIMES_USUAL = 3
"""An answer is long from so many times the length that 95% of the accepted ones stay below."""
LINKS = 1
"""Links that a correction may add to those that stand in the passages."""
TOPICS = 3
"""Groups of sentences that are about something else, from which it is too many: they share no word with one another."""
FOREIGN = 1 / 3
"""Share of a group's words that the passages hold, up to which it is about something else."""
COPIED = 8
"""Words from which two people do not find the same wording by themselves."""
OTHERS_AT_MOST = 20
"""Corrections of other authors that are counted: a flood of one text must not flood the queue."""
COPY = 0.9
"""Share of a text's content words that its passages hold, from which it is a copy of them."""
HELD = 0.5
"""Share of a text's content words that official passages hold, from which it says what they say."""
COMPARED = 400
"""Words of a text that are compared with those of other authors."""


class ConcernKind(StrEnum):
    SET_ASIDE = "set_aside"  # a guardrail sent it back
    SECRETS = "secrets"  # it asks the reader for a password, a code, a card
    NUMBER = "number"  # another number or unit than a passage has for the same
    NEGATION = "negation"  # it denies what a passage says, or says what one denies
    LINKS = "links"
    LENGTH = "length"
    TOPICS = "topics"
    ECHO = "echo"  # of the question, to be found by it
    AUTHORS = "authors"  # several of one text
    NEW_AUTHOR = "new_author"  # who says otherwise than an official source
    UNSIGNED = "unsigned"  # handed in as somebody's by who did not say who they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """A reason to look twice. `said` may quote the correction and passages: it is for the reviewer alone."""

    kind: ConcernKind
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a correction is looked at beside."""

    passages: tuple[str, ...]  # its evidence and what was shown, without what it supersedes; the evidence first
    official: tuple[str, ...]  # those of them that are of an official source
    replaces_official: bool  # whether it supersedes a span of an official source


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """What all corrections together tell about each of them. Made by `survey`, once for any number of them."""

    long: int  # characters from which an answer is long
    trusted: frozenset[str]  # authors of whom a correction was accepted
    near: NearIndex  # of the texts as their authors wrote them
    given: Mapping[str, tuple[Correction, ...]]  # a text -> the corrections that have it


def survey(corrections: Sequence[ReviewedCorrection], before: Peers | None = None) -> Peers:
    """What is usual, who was trusted before, and who handed in what. What was made `before` a few of them changed saves
    time; where one is gone all is made anew, so that nothing of it stays here.
    """
    known = _known_texts(corrections, before)
    if before is not None and len(known) == len(corrections):
        given, near = before.given, before.near
    else:
        given = _given(corrections, known)
        near = near_index(given, before.near if before is not None and known else None)
    accepted = [reviewed for reviewed in corrections if reviewed.verdict_state is CorrectionState.ACCEPTED]
    lengths = sorted(len(reviewed.answer) for reviewed in accepted)
    usual = lengths[int(0.95 * len(lengths))] if len(lengths) >= USUAL_FROM else None
    return Peers(
        long=LONG if usual is None else max(SHORT_ENOUGH, TIMES_USUAL * usual),
        trusted=frozenset(user for reviewed in accepted if (user := reviewed.correction.user) is not None),
        near=near,
        given=given,
    )


def _given(
    corrections: Sequence[ReviewedCorrection], known: Mapping[CorrectionId, str]
) -> dict[str, tuple[Correction, ...]]:
    given: dict[str, list[Correction]] = defaultdict(list)
    for reviewed in corrections:
        text = known.get(reviewed.correction.correction_id)
        given[_text(reviewed.correction.answer) if text is None else text].append(reviewed.correction)
    return {text: tuple(those) for text, those in given.items()}


def _known_texts(corrections: Sequence[ReviewedCorrection], before: Peers | None) -> dict[CorrectionId, str]:
    """The texts that corrections were compared by, where all that there were are there still in the same words."""
    now = {entry.correction.correction_id: entry.correction for entry in corrections}
    given = {} if before is None else before.given
    had = [(text, correction) for text, those in given.items() for correction in those]
    if not all(now.get(correction.correction_id) is correction for _, correction in had):
        return {}
    return {correction.correction_id: text for text, correction in had}


def concerns(reviewed: ReviewedCorrection, answer: str, *, beside: Beside, peers: Peers) -> tuple[Concern, ...]:
    """The reasons to look twice before this answer is accepted as the correction's wording, the gravest first."""
    question = reviewed.correction.question
    found = {
        ConcernKind.SET_ASIDE: _set_aside(reviewed, answer),
        ConcernKind.SECRETS: asks_for_secrets(answer) and "It asks the reader for a password, a code or a card.",
        ConcernKind.NUMBER: _number(question, answer, beside.passages),
        ConcernKind.NEGATION: _negation(answer, beside.passages),
        ConcernKind.LINKS: _links(answer, (question, *beside.passages)),
        ConcernKind.LENGTH: _length(answer, peers.long, beside.passages),
        ConcernKind.TOPICS: _topics(question, answer, beside.passages),
        ConcernKind.ECHO: is_made_to_be_found(question, answer)
        and "It repeats its question, as texts do that are made to be found.",
        ConcernKind.AUTHORS: _authors(reviewed, answer, peers, beside.passages),
        ConcernKind.NEW_AUTHOR: _new_author(reviewed, answer, peers, beside),
        ConcernKind.UNSIGNED: _is_unsigned(reviewed.correction)
        and "Somebody who did not say who they are handed it in under another's name: it may be of anybody.",
    }
    return tuple(Concern(kind=kind, said=said) for kind, said in found.items() if said)


def _set_aside(reviewed: ReviewedCorrection, answer: str) -> str:
    review = reviewed.review
    if review is None or answer != reviewed.answer:
        return ""
    named = ", ".join(filter(None, (review.overrules, review.guardrail)))
    return f"A guardrail set this wording aside: {named}." if named else ""


def _number(question: str, answer: str, passages: Sequence[str]) -> str:
    found = other_number(answer, passages, question=question)
    return f"It says {found.said}, and a passage says {found.against}." if found else ""


def _negation(answer: str, passages: Sequence[str]) -> str:
    found = other_negation(answer, passages)
    return f'It says "{found.said}", and a passage says "{found.against}".' if found else ""


def _links(answer: str, known: Sequence[str]) -> str:
    new = links(answer) - {link for text in known for link in links(text)}
    return f"It has {len(new)} links that no passage has." if len(new) > LINKS else ""


def _length(answer: str, long: int, passages: Sequence[str]) -> str:
    usual = max(long, *map(len, passages), 0)
    return f"It has {len(answer)} characters; answers have fewer than {usual}." if len(answer) > usual else ""


def _topics(question: str, answer: str, passages: Sequence[str]) -> str:
    """Sentences are of one topic where they share a word."""
    asked, told = telling(tokens(question)), telling(tokens(" ".join(passages)))
    groups: list[frozenset[str]] = []
    for sentence in sentences(answer):
        words = telling(tokens(sentence))
        if len(words) >= 3:
            joined = [group for group in groups if group & words]
            groups = [group for group in groups if not group & words] + [words.union(*joined)]
    strange = sum(not group & asked and len(group & told) <= FOREIGN * len(group) for group in groups)
    return f"It speaks of {strange} things that neither the question nor a passage does." if strange >= TOPICS else ""


def _authors(reviewed: ReviewedCorrection, answer: str, peers: Peers, passages: Sequence[str]) -> str:
    """Several people may well copy what a passage says."""
    correction, text = reviewed.correction, _text(answer)
    if text not in peers.given or len(text.split()) < COPIED or held_share(" ".join(passages), answer) >= COPY:
        return ""
    others = (
        given
        for other in itertools.chain([text], near_texts(text, peers.near))
        for given in peers.given[other]
        if given.interaction_id != correction.interaction_id and (given.user is None or given.user != correction.user)
    )
    count = len(list(itertools.islice(others, OTHERS_AT_MOST)))
    more = " or more" * (count == OTHERS_AT_MOST)
    return f"{count}{more} other corrections, of others or of nobody named, have this text." if count else ""


def _new_author(reviewed: ReviewedCorrection, answer: str, peers: Peers, beside: Beside) -> str:
    """Only where a passage of an official source speaks of all that is asked, and holds the answer in no words."""
    correction = reviewed.correction
    if correction.user in peers.trusted:
        return ""
    if beside.replaces_official:
        return "It hides a passage of an official source, and no correction of its author was accepted so far."
    asked, said = telling(tokens(correction.question), letters=3), tokens(answer)
    answered = len(asked) > 1 and any(asked <= telling(tokens(passage), letters=3) for passage in beside.official)
    bare = not telling(said) and not any(word[-1].isdecimal() for word in said)  # "Yes."
    if not answered or bare or _holds(" ".join(beside.official), answer):
        return ""
    return "It would stand before an official source, and no correction of its author was accepted so far."


def _is_unsigned(correction: Correction) -> bool:
    return correction.sender == ANONYMOUS and correction.user is not None


def _holds(text: str, answer: str) -> bool:
    if is_traceable(answer):
        return held_share(text, answer) >= HELD
    return f" {normalised(answer)} " in f" {normalised(text)} "


def _text(answer: str) -> str:
    return " ".join(normalised(answer).split()[:COMPARED])
