"""One entry of `sources`: where documents come from, and how they are to be treated."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from rag_flywheel.config.urls import password_in
from rag_flywheel.domain.groups import group_names
from rag_flywheel.errors import ConfigError

CLASS = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
"""A class by its module and its name: `MODULE:CLASS`."""
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""What stands in a reader's arguments for a variable of the environment: `${NAME}`."""
SECRET = re.compile(
    r"(?:password|passwd|passphrase|secret|token|credentials?|authorization|cookie"
    r"|(?:api|private|secret|access|account|developer|consumer|subscription)_?key)$",
    re.IGNORECASE,
)
"""The end of a name of something secret."""
GROUP_RULES = 1_000
"""Rules at most that say which files of a source are for whom."""


class Source(BaseModel):
    """Where documents come from: files (`path`: a file, a folder or a glob), or a reader of LlamaIndex."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = ""
    reader: str = ""  # such as llama_index.readers.web:SitemapReader
    name: str = Field("", pattern=r"^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99})?$")  # of a reader: its documents' ids begin so
    args: dict[str, JsonValue] = Field(default_factory=dict)  # of the reader itself, and of its load_data
    timeout: float = Field(600.0, gt=0)  # seconds that the reader may take
    exclude: tuple[str, ...] = ()  # gitignore rules, from the source's folder on
    title: str = ""
    trust: Literal["official", "public"] = "official"
    language: str = Field("", pattern=r"^(?:[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)?$")  # such as de, or pt-BR
    mask: Literal["full", "dangerous", "nothing"] | None = None  # none: dangerous where official, full where public
    follow_links: bool = False  # out of the folder, too
    groups: tuple[str, ...] | dict[str, tuple[str, ...]] = ()  # who may read it, or, by gitignore rule, which of it
    sensitive: bool = False  # what people ask about it is counted with noise alone

    @field_validator("path")
    @classmethod
    def _a_path(cls, path: str) -> str:
        if "\0" in path:
            raise ValueError("no path holds a zero byte")
        return path

    @field_validator("reader")
    @classmethod
    def _a_class(cls, reader: str) -> str:
        if reader and not CLASS.fullmatch(reader):
            raise ValueError("should be MODULE:CLASS, such as llama_index.readers.web:SitemapReader")
        return reader

    @field_validator("exclude", mode="before")
    @classmethod
    def _a_list(cls, rules: object) -> object:
        return tuple(rules) if isinstance(rules, list) else rules  # strictly, only JSON's own lists are tuples

    @field_validator("exclude")
    @classmethod
    def _gitignore_rules(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        if rules:
            from pathspec import GitIgnoreSpec  # most configurations exclude nothing

            try:
                GitIgnoreSpec.from_lines(rules)
            except ValueError:
                raise ValueError("holds a line that is no gitignore rule") from None
        return rules

    @field_validator("groups", mode="before")
    @classmethod
    def _names(cls, groups: object) -> object:
        if not isinstance(groups, dict):
            return group_names(groups)
        if len(groups) > GROUP_RULES:
            raise ValueError(f"holds {len(groups)} rules, more than {GROUP_RULES}")
        if groups:
            from pathspec import GitIgnoreSpec  # most configurations have no rules

            for rule in groups:
                made = GitIgnoreSpec.from_lines([rule]).patterns
                if len(made) != 1 or not made[0].include:
                    raise ValueError("holds a rule that names no files: gitignore rules without ! and #")
        return {rule: group_names(names) for rule, names in groups.items()}

    @model_validator(mode="after")
    def _files_or_reader(self) -> Self:
        if bool(self.path) == bool(self.reader):
            raise ValueError("a source names either a `path` or a `reader`")
        others = {"name", "args", "timeout"} if self.path else {"exclude", "follow_links"}
        out_of_place = sorted(others & self.model_fields_set)
        if out_of_place:
            kind = "path" if self.path else "reader"
            raise ValueError(f"a source with a `{kind}` takes no {' and no '.join(f'`{key}`' for key in out_of_place)}")
        if self.reader and isinstance(self.groups, dict):
            raise ValueError("a source with a `reader` has no files, so its `groups` are a list")
        refuse_secrets(self.args)
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, whole: SerializerFunctionWrapHandler) -> object:
        every: dict[str, object] = whole(self)
        defaults = {
            name: field.get_default(call_default_factory=True) for name, field in type(self).model_fields.items()
        }
        written = {key: value for key, value in every.items() if getattr(self, key) != defaults[key]}
        return self.path if written.keys() == {"path"} else written

    @property
    def label(self) -> str:
        """What messages and ids call it."""
        return self.path or self.name or self.reader.rpartition(":")[2]

    @property
    def treatment(self) -> tuple[str, ...]:
        """What of it decides which texts its files come to: a change is as good as a change of the files."""
        return (self.title, self.trust, self.language, self.policy)

    @property
    def policy(self) -> Literal["full", "dangerous", "nothing"]:
        """What is masked in its documents."""
        return self.mask or ("dangerous" if self.trust == "official" else "full")


def as_source(value: object) -> object:
    """A text in `sources` is a path."""
    return {"path": value} if isinstance(value, str) else value


def refuse_secrets(args: JsonValue) -> None:
    """Raises ValueError where arguments of other people's code hold a secret."""
    for where in _secrets(args, "args"):
        raise ValueError(
            f"`{where}` holds a secret: set a variable of the environment to it, and write ${{NAME}} of that here"
        )


def with_variables(value: Any, environ: Mapping[str, str], *, where: str) -> Any:
    """The arguments with the environment's values in the place of `${NAME}`. Raises ConfigError."""
    if isinstance(value, dict):
        return {key: with_variables(below, environ, where=where) for key, below in value.items()}
    if isinstance(value, list):
        return [with_variables(below, environ, where=where) for below in value]
    if not isinstance(value, str):
        return value
    missing = [name for name in VARIABLE.findall(value) if name not in environ]
    if missing:
        raise ConfigError(f"{where}: the variable {missing[0]}, which they name, is not set")
    return VARIABLE.sub(lambda match: environ[match[1]], value)


def _secrets(value: JsonValue, where: str) -> Iterator[str]:
    """Where a secret is written out: a password in a URL, or a text under a name that is one of a secret."""
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, str) and below and SECRET.search(key) and not VARIABLE.search(below):
                yield f"{where}.{key}"
            else:
                yield from _secrets(below, f"{where}.{key}")
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _secrets(below, f"{where}.{number}")
    elif isinstance(value, str):
        password = password_in(value)
        if password and not VARIABLE.search(password):
            yield where
