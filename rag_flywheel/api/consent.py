"""How requests say what their texts may be kept and used for."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from rag_flywheel.domain.consent import EVERY_PURPOSE, Purpose

_WORDS = {"true": EVERY_PURPOSE, "yes": EVERY_PURPOSE, "false": frozenset[Purpose](), "no": frozenset[Purpose]()}
SAID_AT_MOST = 100  # characters


def purposes(said: object) -> frozenset[Purpose] | None:
    """Yes, no, or for what alone: of a boolean, a list of purposes, or a text of either, with commas.

    Raises ValueError for all else.
    """
    if said is None:
        return None
    if isinstance(said, bool):
        return EVERY_PURPOSE if said else frozenset()
    if isinstance(said, str) and len(said) <= SAID_AT_MOST:
        word = said.strip().casefold()
        return _WORDS[word] if word in _WORDS else _named(part.strip() for part in word.split(","))
    if isinstance(said, list) and len(said) <= len(EVERY_PURPOSE):
        return _named(said)
    raise ValueError(_EXPECTED)


_EXPECTED = f"should be true, false, or some of {', '.join(Purpose)}"


def _named(names: Iterable[object]) -> frozenset[Purpose]:
    """With `answer`, which all others need; of no names, none."""
    try:
        named = frozenset(Purpose(str(name)) for name in names)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    return named and named | {Purpose.ANSWER}


Agreement = Annotated[
    frozenset[Purpose] | None, BeforeValidator(purposes, json_schema_input_type=bool | list[Purpose] | None)
]
"""What texts may be used for; none of it: no; None: nothing is said."""
WrittenAgreement = Annotated[frozenset[Purpose] | None, BeforeValidator(purposes, json_schema_input_type=str | None)]
"""The same where all values are texts."""


def _checked(said: str) -> str:
    purposes(said)
    return said


Word = Annotated[str, AfterValidator(_checked)]
"""A text that `purposes` takes, as it is: what FastAPI sees to be a set it takes for a header that may come twice."""
