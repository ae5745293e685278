"""Instructions to a language model or to a reader's client, found in texts that should only inform.

Signs, not proof: rules about whom a sentence speaks to and what it asks for (Greshake et al., 2023, arXiv:2302.12173).
A sign is looked for in the text as it is and as it may have been hidden: spaced out, in look-alike letters, encoded.
What counts depends on the place. People's own texts are few and from anyone. Source passages are many and chosen by the
operator, and manuals are full of imperatives, so only signs count that speak to a machine.

`docs/guardrails.md` says what is found and what is not.
"""

import re

from eval.guardrails.disguises import all_forms, conceals, forms
from eval.guardrails.orders import RULES, Place
from rag_flywheel.domain.sentences import sentences

__all__ = ["Place", "signs"]

_TASK = re.compile(
    r"(?:please |now |also,? |then,? )*"
    r"(?:(?:(?:can|could|would|will) you |(?:what(?:'s)?|who|whom|whose|where|when|why|how|which)\b)"
    r"(?!.*\byou (?:are|mean|looking|referring|talking)\b)(?!.*\bare you\b).*\?"
    r"|(?:explain|describe|summari[sz]e|discuss|paraphrase|compose|draft|brainstorm|elaborate|break down|proofread)\b"
    r"(?! (?:it|your|the (?:problem|fault|error|issue))\b)|(?:translate|complete|continue) (?:this|the following)\b"
    r"|(?:provide|give|tell|write|make|create|develop|plan|find|suggest|help|list|generate) (?:(?:me|my)\b"
    r"|(?:[\w'-]+ ){1,4}(?:poem|story|essay|letter|speech|song|joke|article|summary|recipe|example|equivalent"
    r"|translation|ideas|tips|slogan|headline|tweet|dialogue)s?\b))",
    re.IGNORECASE,
)


def signs(text: str, *, place: Place) -> list[str]:
    """What the text is suspected of, each once, in a fixed order; nothing where it only informs."""
    found = ["is hidden from readers"] if conceals(text, everywhere=place is not Place.SOURCE) else []
    read = [(form, form.lower()) for form in dict.fromkeys(forms(text) if place is Place.SOURCE else all_forms(text))]
    for rule in RULES:
        if place in rule.places and rule.sign not in found and any(rule.finds(*form) for form in read):
            found.append(rule.sign)
    if place is Place.ANSWER and only_asks(read[0][0]):
        found.append("sets a task instead of answering")
    return found


def only_asks(text: str) -> bool:
    """Whether every sentence of a text asks somebody for something, other than the reader what was meant."""
    said = [sentence for sentence in sentences(text) if re.search(r"\w", sentence)]
    return bool(said) and all(_TASK.match(sentence) for sentence in said)
