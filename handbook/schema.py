"""A JSON schema in words, as a table's cell."""

from collections.abc import Callable, Mapping
from typing import Any

LIMITS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minLength", "{} characters at least"),
    ("maxLength", "{} characters at most"),
    ("minItems", "{} at least"),
    ("maxItems", "{} at most"),
)
FORMATS = {"date-time": "a time with its zone", "date": "a date", "uuid": "a UUID", "binary": "bytes", "path": "a path"}
PREFIXES = ("#/components/schemas/", "#/$defs/")


def resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to, the schema itself where it is none."""
    return definitions[_name(schema["$ref"])] if "$ref" in schema else schema


def in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, link: Callable[[str], str]) -> str:
    """What a value has to be. A form with fields of its own is `link` of its name."""
    if "$ref" in schema:
        target = resolved(schema, definitions)
        return link(_name(schema["$ref"])) if "properties" in target else in_words(target, definitions, link=link)
    if "anyOf" in schema or "oneOf" in schema:
        said = [in_words(each, definitions, link=link) for each in schema.get("anyOf") or schema["oneOf"]]
        return " or ".join(dict.fromkeys(said))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    return ", ".join([_kind(schema, definitions, link=link), *_limits(schema)])


def _kind(schema: Mapping[str, Any], definitions: Mapping[str, Any], *, link: Callable[[str], str]) -> str:
    match schema.get("type"):
        case "array":
            items = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])}
            return f"a list of {in_words(items, definitions, link=link)}"
        case "object":
            below = schema.get("additionalProperties")
            return f"names, each with {in_words(below, definitions, link=link)}" if isinstance(below, dict) else "names"
        case "string":
            return FORMATS.get(schema.get("format", ""), "text")
        case "null":
            return "nothing"
        case "boolean":
            return "`true` or `false`"
        case None:
            return "anything"
        case kind:
            return str(kind)


def _limits(schema: Mapping[str, Any]) -> list[str]:
    return [words.format(_number(schema[key])) for key, words in LIMITS if key in schema]


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _name(reference: str) -> str:
    for prefix in PREFIXES:
        reference = reference.removeprefix(prefix)
    return reference
