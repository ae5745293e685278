"""Front matter: the fields of YAML or TOML that a Markdown file may begin with."""

import re
import tomllib
from dataclasses import dataclass

import yaml

from ingest.reading.raw import Unreadable
from rag_flywheel.domain.groups import group_names

_LONGEST = 64 * 1024  # characters
_MOST_BRACKETS = 500
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE),
    "+++": re.compile(r"^\+\+\+[ \t]*(?:\n|\Z)", re.MULTILINE),
}
_FAULTY = re.compile(r"(?:[A-Za-z_][\w.-]{0,60}:(?:[ \t][^\n]*)?\n(?:[ \t-][^\n]*\n|\n)*+)+")
"""Lines that are meant as fields."""
_TITLE = re.compile(r"^title:[ \t]*(\S[^\n]*?)[ \t]*$", re.MULTILINE)
_GROUPS = re.compile(r"^[ \t]*[\"']?groups[\"']?[ \t]*[:=]", re.MULTILINE | re.IGNORECASE)
_PROSE = 4  # words that make a field something to read


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """What the fields before a text name."""

    text: str  # with those fields that are sentences
    title: str = ""
    language: str = ""
    groups: tuple[str, ...] = ()


def front_matter(text: str) -> FrontMatter:
    """The fields before the text, and the text. Only fields are front matter: what begins with a rule loses nothing.

    Raises Unreadable where the fields name groups and it cannot be told which: nobody shall read what was meant for
    some.
    """
    opening = re.match(r"\ufeff?(?:---|\+\+\+)[ \t]*\n", text)
    if opening is None:
        return FrontMatter(text=text)
    mark = text.removeprefix("\ufeff")[:3]
    end = _CLOSING[mark].search(text, opening.end(), _LONGEST)
    inside = text[opening.end() : _LONGEST if end is None else end.start()]
    fields = None if end is None else _fields(inside, mark)
    if end is None or fields is None:
        first = inside if end is not None else inside.partition("\n\n")[0]
        if _GROUPS.search(first):
            raise Unreadable("names `groups` in front matter that cannot be read")
    if end is None:
        return FrontMatter(text=text)
    if fields is None and mark == "---" and _FAULTY.fullmatch(inside):
        named = _TITLE.search(inside)  # as in `title: Linux: first steps`, which is no YAML
        return FrontMatter(
            title=named[1].strip("\"'") if named else "", text=f"{inside.strip()}\n\n{text[end.end() :]}"
        )
    if fields is None:
        return FrontMatter(text=text)
    title, language = fields.get("title"), fields.get("lang") or fields.get("language")
    prose = [
        f"{name}: {' '.join(value.split())}\n\n"
        for name, value in fields.items()
        if isinstance(value, str) and name.casefold() not in ("title", "groups") and len(value.split()) >= _PROSE
    ]
    return FrontMatter(
        title=str(title) if isinstance(title, str | int | float) else "",
        language=language if isinstance(language, str) else "",
        groups=_groups(fields),
        text="".join(prose) + text[end.end() :],
    )


def _groups(fields: dict[str, object]) -> tuple[str, ...]:
    named = [value for name, value in fields.items() if name.casefold() == "groups"]
    try:
        if len(named) > 1:
            raise ValueError("they are named twice")
        return group_names(*named) if named else ()
    except ValueError as error:
        raise Unreadable(f"has `groups` in its front matter that do not say who may read it: {error}") from None


def _fields(text: str, mark: str) -> dict[str, object] | None:
    if len(re.findall(r"[\[{]", text)) > _MOST_BRACKETS:  # the parser's work grows with the square of open ones
        return None
    try:
        # Every value is a string, so no number or date of a file can be too much for it.
        # BaseLoader makes nothing but texts, lists and mappings, which is less than safe_load does.
        fields = yaml.load(text, yaml.BaseLoader) if mark == "---" else tomllib.loads(text)  # noqa: S506
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError):
        return None
    if text.strip() and not isinstance(fields, dict):
        return None
    return {str(name): value for name, value in (fields or {}).items()}
