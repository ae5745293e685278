"""What is wrong with a field, in plain words: what was found there, what was expected, and never what was sent."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rag_flywheel.access.keys import NAME
from rag_flywheel.api.models import SAYS_SOMETHING
from rag_flywheel.domain import GROUP

FORMS = {
    SAYS_SOMETHING: "a text that says something",
    GROUP: "a group: 1 to 40 letters, digits, dots, hyphens and underscores",
    NAME: "a name of 1 to 80 characters that can be seen, without | and without a space first",
}
"""What a pattern asks for."""
WANTED = MappingProxyType(
    {
        "string_type": "a text",
        "string_sub_type": "a text",
        "string_too_short": "a text of at least {min_length} characters",
        "string_too_long": "a text of at most {max_length} characters",
        "too_short": "at least {min_length} of them",
        "too_long": "at most {max_length} of them",
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing_size": "a whole number that is not so large",
        "float_type": "a number",
        "float_parsing": "a number",
        "finite_number": "a number that ends",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "list_type": "a list",
        "tuple_type": "a list",
        "set_type": "a list",
        "frozen_set_type": "a list",
        "dict_type": "an object",
        "model_type": "an object",
        "model_attributes_type": "an object",
        "datetime_type": "a moment, such as 2026-05-01T12:00:00Z",
        "datetime_parsing": "a moment, such as 2026-05-01T12:00:00Z",
        "datetime_from_date_parsing": "a moment, such as 2026-05-01T12:00:00Z",
        "timezone_aware": "a moment with its time zone, such as 2026-05-01T12:00:00Z",
        "enum": "{expected}",
        "literal_error": "{expected}",
        "greater_than": "more than {gt}",
        "greater_than_equal": "{ge} or more",
        "less_than": "less than {lt}",
        "less_than_equal": "{le} or less",
    }
)
"""What was expected, by pydantic's name of the mistake, with what it says of the limits."""
SAID = {
    "missing": "is missing; put it in",
    "extra_forbidden": "is no field of this request; leave it out, or look for its right name at /docs",
    "json_invalid": "could not be read as JSON",
}


def in_words(mistake: Mapping[str, Any]) -> str:
    """What to tell whoever sent it, after the name of the field. What we say ourselves of a value stays as it is."""
    kind, limits = str(mistake["type"]), mistake.get("ctx") or {}
    if kind in SAID:
        return SAID[kind]
    wanted = FORMS.get(str(limits.get("pattern"))) if kind == "string_pattern_mismatch" else WANTED.get(kind)
    if wanted is None:
        return str(mistake["msg"]).removeprefix("Value error, ")
    return f"found {_found(mistake.get('input'))}, expected {wanted.format_map(limits)}"


def _found(value: object) -> str:
    """What kind of thing it is."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return f"a text of {len(value)} characters"
        case list() | tuple() | set() | frozenset():
            return f"a list of {len(value)}"
        case dict():
            return f"an object with {len(value)} fields"
    return "something else"
