"""Instructions to a language model or to a reader's client, found in texts that should only inform.

Signs, not proof: rules about whom a sentence speaks to and what it asks for (Greshake et al., 2023, arXiv:2302.12173).
A sign is looked for in the text as it is and as it may have been hidden: spaced out, in look-alike letters, encoded.
What counts depends on the place. People's own texts are few and from anyone, so any sign counts. Source passages are
many and chosen by the operator, and manuals are full of imperatives, so only signs count that speak to a machine.

Measured as a correction's answer, a known question and a source passage. Found of 103 published injections (BIPIA,
garak): 0.99, 0.75, 0.53; most of the missed ones are plain tasks ("Explain how solar panels work."), which a question
may well be. Of 150 jailbreaks found in the wild, none of which was looked at for the rules: 0.79, 0.78, 0.50. False
alarms on 1,564 published passages as sources, 2,378 answers, 2,678 questions and our handbook: none, after the rules
were narrowed where they had some. That is of known wordings: of 42 attacks in other words, written once the rules were
done, a third is found (`docs/guardrails.md` says what is not).
"""

import re

from eval.guardrails.disguises import all_forms, conceals, forms
from eval.guardrails.indirect import INDIRECT
from eval.guardrails.orders import DIRECT, Place
from rag_flywheel.domain.sentences import sentences

__all__ = ["Place", "signs"]

_TASK = re.compile(
    r"(?:please |now |also,? |then,? )*"
    r"(?:(?:(?:can|could|would|will) you |(?:what(?:'s)?|who|whom|whose|where|when|why|how|which)\b)"
    r"(?!.*\byou (?:are|mean|looking|referring|talking)\b)(?!.*\bare you\b).*\?"
    r"|(?:explain|describe|summari[sz]e|translate|define|discuss|outline|compare|analy[sz]e|automate|simulate"
    r"|compose|draft|brainstorm|compile|research|evaluate|classify|predict|forecast|generate|devise|suggest|recommend"
    r"|propose|paraphrase|rewrite|proofread|elaborate|assess|critique|identify)\b"
    r"|(?:provide|give|list|tell|name|find|show|create|write|make|design|develop|plan|organi[sz]e|schedule|help"
    r"|do|book|set)"
    r" (?:me|my)\b|provide (?:an? |the |some )?(?:\w+ )?(?:examples?|equivalent|translation|ideas|tips|list"
    r"|overview)\b)",
    re.IGNORECASE,
)


def signs(text: str, *, place: Place) -> list[str]:
    """What the text is suspected of, each once, in a fixed order; nothing where it only informs."""
    found = ["is hidden from readers"] if place is not Place.SOURCE and conceals(text) else []
    read = list(forms(text) if place is Place.SOURCE else all_forms(text))
    for rule in (*DIRECT, *INDIRECT):
        if place in rule.places and rule.sign not in found and any(rule.pattern.search(form) for form in read):
            found.append(rule.sign)
    if place is Place.ANSWER and _only_asks(read[0]):
        found.append("sets a task instead of answering")
    return list(dict.fromkeys(found))


def _only_asks(text: str) -> bool:
    """Whether every sentence of a text asks somebody for something, other than the reader what was meant."""
    said = list(sentences(text))
    return bool(said) and all(_TASK.match(sentence) for sentence in said)
