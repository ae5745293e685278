"""config.yaml and the environment to one frozen value, read once at a door.

A setting comes from the file, or from `RAG_FLYWHEEL_KEY` and `RAG_FLYWHEEL_SECTION__KEY` (lists as JSON), which win.
Relative paths are relative to the file. Secrets come from the environment alone and are no part of the value.
"""

import contextlib
import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from rag_flywheel.config.secret_values import Secrets
from rag_flywheel.config.sections import Config
from rag_flywheel.config.source import SECRET, VARIABLE, Source
from rag_flywheel.config.urls import HIDDEN, masked_url, password_in
from rag_flywheel.errors import ConfigError

ENV_PREFIX = "RAG_FLYWHEEL_"
CONSENT_VARIABLE = f"{ENV_PREFIX}PRIVACY__CONSENT"


def load(file: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of `file` with the environment's on top. Raises ConfigError that names every mistake at once."""
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no config file at {file}: `rag-flywheel init` writes one, and --config names another"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read as YAML: {error}") from error
    if not isinstance(read, dict | None):
        raise ConfigError(f"{file} should hold settings as `key: value`, found a {type(read).__name__}")
    settings: dict[str, Any] = read or {}
    if "file" in settings:
        raise ConfigError(f"{file}: unknown key `file`")
    _refuse_secrets(settings, file)
    _refuse_silence(settings, file, environ)
    place = {"file": str(file.resolve())}
    # Strictly, as JSON: `port: "8000"` or `margin: true` is a slip. A variable of the environment can only be text.
    _validated(json.dumps({**settings, **place}, default=str), file=file, where="", strict=True)
    for path, value in _from_environment(environ):
        section = settings
        for key in path[:-1]:
            below = section.get(key)
            section[key] = dict(below) if isinstance(below, dict) else {}
            section = section[key]
        section[path[-1]] = value
    where = f", with the {ENV_PREFIX}... variables on top,"
    return _validated(json.dumps({**settings, **place}, default=str), file=file, where=where, strict=False)


def of_tenant(config: Config, name: str) -> Config:
    """The settings of a tenant. Variables of the environment are the deployment's and change none of them.

    Raises ConfigError where there is no such tenant, or its file has mistakes.
    """
    if name not in config.tenants:
        known = ", ".join(config.tenants) or "none"
        raise ConfigError(f"{config.file}: there is no tenant of that name; there are {known}")
    return load(config.resolve(config.tenants[name]), {})


def _validated(settings: str, *, file: Path, where: str, strict: bool) -> Config:
    try:
        return Config.model_validate_json(settings, strict=strict)
    except ValidationError as error:
        raise ConfigError("\n".join([f"{file}{where} has mistakes:", *_explain(error)])) from None


def secrets(environ: Mapping[str, str] = os.environ) -> Secrets:
    """The secrets that the environment holds; an absent one is empty."""
    return Secrets.model_validate({name: environ.get(ENV_PREFIX + name.upper(), "") for name in Secrets.model_fields})


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that look like settings and are none. Not an error: Kubernetes sets such names for its services."""
    known = {*Config.model_fields, *Secrets.model_fields, "data", "config"}
    ours = (name for name in environ if name.startswith(ENV_PREFIX))
    return sorted(name for name in ours if name.removeprefix(ENV_PREFIX).lower().split("__")[0] not in known)


def shown(config: Config) -> dict[str, Any]:
    """The settings as JSON, without secrets."""
    return masked(config).model_dump(mode="json")


def masked(config: Config) -> Config:
    """The settings, with *** for what is secret in any URL, and under the names of secrets in arguments."""
    unsecret: Config = _unsecret(config)
    return unsecret


def _refuse_secrets(settings: Mapping[str, Any], file: Path) -> None:
    for section in ("ledger", "index"):
        url = (settings.get(section) or {}).get("url", "") if isinstance(settings.get(section), dict | None) else ""
        if isinstance(url, str) and password_in(url) is not None:
            variable = f"{ENV_PREFIX}{section.upper()}__URL"
            raise ConfigError(
                f"{file}: `{section}.url` holds a password; put the URL into the variable {variable} instead"
            )


def _refuse_silence(settings: Mapping[str, Any], file: Path, environ: Mapping[str, str]) -> None:
    """Whether people's texts are kept without their yes is for whoever runs this to say, and no default of ours."""
    section = settings.get("privacy")
    said = CONSENT_VARIABLE in environ or (isinstance(section, dict) and "consent" in section)
    if not said and isinstance(section, dict | None):
        raise ConfigError(
            f"{file} has to say whether people's texts may be kept and learned from: `privacy.consent` is `required` "
            "(only after a yes), `assumed` (unless they say no) or `off` (never, whatever they say); "
            "docs/privacy.md tells what follows from each"
        )


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that `load` would put on top of a file; the secrets stay."""
    return {name: value for name, value in environ.items() if _setting(name) is None}


def _setting(name: str) -> list[str] | None:
    """The place of the setting that a variable changes, None where it changes none."""
    path = name.removeprefix(ENV_PREFIX).lower().split("__")
    known = name.startswith(ENV_PREFIX) and path[0] in Config.model_fields and path[0] != "file"
    return path if known else None


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[list[str], Any]]:
    for name in sorted(environ):
        path = _setting(name)
        if path is None:
            continue
        value: Any = environ[name]
        if value.lstrip().startswith(("[", "{")):
            with contextlib.suppress(ValueError, RecursionError):  # a text may start so too: `[::1]`
                value = json.loads(value)
        yield path, value


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        yield prefix + name
        kinds = get_args(field.annotation) or (field.annotation,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _keys(kind, f"{prefix}{name}.")


def known_keys() -> list[str]:
    """Every setting's dotted name."""
    return list(_keys(Config))


def _explain(error: ValidationError) -> Iterator[str]:
    for mistake in error.errors(include_url=False):
        steps = [str(step) for step in mistake["loc"]]
        name = ".".join(steps) or "the file"
        where = ".".join(steps[:2]) if steps[:1] == ["sources"] else ""
        if mistake["type"] == "extra_forbidden":
            near = _nearest(name, [f"{where}.{key}" for key in Source.model_fields] if where else known_keys())
            yield f"  `{name}`: unknown key" + (f"; did you mean `{near}`?" if near else "")
        else:
            found = mistake["input"]
            message = mistake["msg"].removeprefix("Value error, ")
            said = _PLAIN.get(mistake["type"], message[0].lower() + message[1:])
            whole = mistake["type"] == "value_error" and isinstance(found, dict | list)  # the message says what of it
            shown = "" if whole or not steps or "args" in steps else f"; found {_written(found)!r}"
            yield f"  `{name}`: {said}{shown}"


def _written(value: Any) -> Any:
    """What was written, without what may be secret: in URLs, and the arguments of readers."""
    if isinstance(value, dict):
        return {key: "..." if key == "args" else _written(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_written(below) for below in value]
    return masked_url(value) if isinstance(value, str) else value


def _unsecret(value: Any) -> Any:
    """The same value, of the same type, without secrets."""
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: _unsecret(getattr(value, name)) for name in type(value).model_fields})
    if isinstance(value, dict):
        return {
            key: HIDDEN if isinstance(below, str) and _is_secret(key, below) else _unsecret(below)
            for key, below in value.items()
        }
    if isinstance(value, list | tuple):
        return type(value)(_unsecret(below) for below in value)
    return masked_url(value) if isinstance(value, str) else value


def _is_secret(key: str, value: str) -> bool:
    """A `${NAME}` says where a secret is, and is none."""
    return SECRET.search(key) is not None and VARIABLE.fullmatch(value) is None


_PLAIN = {
    "float_type": "input should be a number (YAML takes `5e-5` for a text: write `5.0e-5`)",
    "tuple_type": 'input should be a list: `[docs]`, or in the environment `["docs"]`',
    "model_type": "input should be a section: `key: value` lines",
}


def _nearest(name: str, keys: list[str]) -> str | None:
    """The key most like `name`: by its whole path, else by its last part alone (a key in the wrong section)."""
    whole = difflib.get_close_matches(name, keys, n=1, cutoff=0.75)
    if whole:
        return whole[0]
    last = {key.rpartition(".")[2]: key for key in keys}
    by_last = difflib.get_close_matches(name.rpartition(".")[2], list(last), n=1, cutoff=0.6)
    return last[by_last[0]] if by_last else None
