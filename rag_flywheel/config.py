"""config.yaml and the environment to one frozen value, read once at a door.

A setting comes from the file, or from `RAG_FLYWHEEL_KEY` and `RAG_FLYWHEEL_SECTION__KEY` (lists as JSON), which win.
Relative paths are relative to the file. Secrets come from the environment alone and are no part of the value.
"""

import contextlib
import difflib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit, urlunsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rag_flywheel.errors import ConfigError

ENV_PREFIX = "RAG_FLYWHEEL_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ingest(_Section):
    chunk_words: int = Field(200, ge=20, le=2000)
    chunk_overlap_words: int = Field(20, ge=0, le=500)
    embed_titles: bool = True
    minimum_words: int = Field(4, ge=1)
    near_duplicate: float = Field(0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.chunk_overlap_words >= self.chunk_words:
            raise ValueError(
                f"chunk_overlap_words ({self.chunk_overlap_words}) should be below chunk_words ({self.chunk_words})"
            )
        return self


class Privacy(_Section):
    redact: bool = True
    entities: tuple[str, ...] = (
        "EMAIL_ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "IBAN_CODE",
        "IP_ADDRESS",
        "US_SSN",
        "CRYPTO",
        "MEDICAL_LICENSE",
        "PERSON",
        "ID_NUMBER",
        "SECRET",
    )
    minimum_score: float = Field(0.5, ge=0, le=1)
    spacy_model: str = ""
    consent: Literal["assumed", "required"] = "assumed"


class Embedder(_Section):
    model: str = "all-MiniLM-L6-v2"
    batch: int = Field(8, ge=1)
    query_prefix: str = ""
    document_prefix: str = ""


class Reranker(_Section):
    base: str = ""
    candidates: int = Field(20, ge=1)
    minimum_groups: int = Field(10, ge=2)
    epochs: int = Field(2, ge=1)
    learning_rate: float = Field(5e-5, gt=0)
    negatives: int = Field(4, ge=1)
    seed: int = 0


class Retrieval(_Section):
    candidates: int = Field(50, ge=1)
    passages: int = Field(5, ge=1)
    admission_error: float = Field(0.1, gt=0, lt=1)


class Generator(_Section):
    kind: Literal["extractive", "openai_like"] = "extractive"
    minimum_similarity: float = Field(0.4, ge=-1, le=1)
    sentences: int = Field(3, ge=1)
    model: str = ""
    url: str = ""
    timeout: float = Field(60.0, gt=0)
    retries: int = Field(2, ge=0)
    context_window: int = Field(8192, ge=512)
    max_tokens: int = Field(512, ge=1)
    temperature: float = Field(0.0, ge=0)


class Judge(_Section):
    model: str = ""
    url: str = ""
    timeout: float = Field(60.0, gt=0)
    concurrency: int = Field(4, ge=1)
    maximum_calls: int = Field(5000, ge=1)
    maximum_tokens: int = Field(5_000_000, ge=1)


class LedgerSection(_Section):
    url: str = ""
    timeout: float = Field(10.0, gt=0)


class IndexSection(_Section):
    url: str = ""
    prefix: str = "rag-flywheel"
    timeout: float = Field(30.0, gt=0)
    keep_versions: int = Field(5, ge=1)


class Gate(_Section):
    margin: float = Field(0.045, gt=0, le=1)
    significance: float = Field(0.05, gt=0, lt=0.5)
    target: float = Field(0.8, ge=0, le=1)
    target_metrics: tuple[str, ...] = ("hit_at_1", "reciprocal_rank")
    guarded_metrics: tuple[str, ...] = (
        "hit_at_1",
        "refusal_correct",
        "id_based_context_recall",
        "id_based_context_precision",
    )
    minimum_cases: int = Field(20, ge=1)
    minimum_slice: int = Field(200, ge=2)
    minimum_coverage: float = Field(0.95, gt=0, le=1)
    known_items: int = Field(200, ge=0)
    neighbours: int = Field(50, ge=0)
    replayed: int = Field(100, ge=0)
    sealed: float = Field(0.2, ge=0, lt=1)
    sealed_decisions: int = Field(20, ge=1)
    resamples: int = Field(2000, ge=100)
    seed: int = 0


class Guardrails(_Section):
    maximum_shrink: float = Field(0.3, ge=0, le=1)
    maximum_growth: float = Field(2.0, gt=0)
    maximum_stale: float = Field(0.2, ge=0, le=1)
    maximum_author_share: float = Field(0.5, gt=0, le=1)
    author_share_from: int = Field(20, ge=1)
    maximum_gap: float = Field(0.1, ge=0, le=1)
    maximum_attack_success: float = Field(0.0, ge=0, le=1)
    unsafe_threshold: float = Field(0.5, gt=0, lt=1)
    canaries: str = ""


class CanarySection(_Section):
    strategy: Literal["direct", "shadow", "canary", "auto"] = "auto"
    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field((0.1, 0.25, 0.5), min_length=1)
    minimum_hours: float = Field(1.0, ge=0)
    maximum_hours: float = Field(168.0, gt=0)
    minimum_people: int = Field(50, ge=2)
    on_timeout: Literal["superior", "keep", "promote"] = "superior"
    margin: float = Field(0.1, gt=0)
    significance: float = Field(0.05, gt=0, lt=0.5)
    slow_seconds: float = Field(10.0, gt=0)
    seconds_between_looks: float = Field(15.0, gt=0, le=60)
    holdout: float = Field(0.02, gt=0, lt=0.5)

    @model_validator(mode="after")
    def _shares_rise(self) -> Self:
        if any(later <= earlier for earlier, later in itertools.pairwise(self.shares)):
            raise ValueError(f"shares should rise from step to step; found {list(self.shares)}")
        return self


class Api(_Section):
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    threads: int = Field(40, ge=1)
    workers: int = Field(1, ge=1)


class Config(_Section):
    data_dir: Path = Path("data")
    sources: tuple[str, ...] = ("docs",)
    golden: str = ""
    ingest: Ingest = Ingest()
    privacy: Privacy = Privacy()
    embedder: Embedder = Embedder()
    reranker: Reranker = Reranker()
    retrieval: Retrieval = Retrieval()
    generator: Generator = Generator()
    judge: Judge = Judge()
    ledger: LedgerSection = LedgerSection()
    index: IndexSection = IndexSection()
    gate: Gate = Gate()
    guardrails: Guardrails = Guardrails()
    canary: CanarySection = CanarySection()
    api: Api = Api()
    file: Path = Field(exclude=True)  # the file it was read from, absolute

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return self.file.parent

    def resolve(self, path: str | Path) -> Path:
        return (self.folder / Path(path).expanduser()).resolve()

    @property
    def data(self) -> Path:
        return self.resolve(self.data_dir)


class Secrets(BaseModel):
    """What only the environment may hold. Never printed: `repr` hides the values."""

    model_config = ConfigDict(frozen=True)

    llm_api_key: str = Field("", repr=False)
    judge_api_key: str = Field("", repr=False)
    qdrant_api_key: str = Field("", repr=False)
    webhook_urls: str = Field("", repr=False)  # separated by spaces; here, because a URL may be all that a caller needs
    webhook_secret: str = Field("", repr=False)


def load(file: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings of `file` with the environment's on top. Raises ConfigError that names every mistake at once."""
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no config file at {file}: give one with --config, or copy config.yaml from the project"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read as YAML: {error}") from error
    if not isinstance(read, dict | None):
        raise ConfigError(f"{file} should hold settings as `key: value`, found a {type(read).__name__}")
    settings: dict[str, Any] = read or {}
    if "file" in settings:
        raise ConfigError(f"{file}: unknown key `file`")
    _refuse_secrets(settings, file)
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
    """The settings as JSON, passwords in URLs masked."""
    return masked(config).model_dump(mode="json")


def masked(config: Config) -> Config:
    """The settings, passwords in URLs masked."""
    ledger = config.ledger.model_copy(update={"url": masked_url(config.ledger.url)})
    index = config.index.model_copy(update={"url": masked_url(config.index.url)})
    return config.model_copy(update={"ledger": ledger, "index": index})


def masked_url(url: str) -> str:
    """The URL with its password, if any, as ***."""
    if _password(url) is None:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # no URL at all, which is for its user to say
        return None


def _refuse_secrets(settings: Mapping[str, Any], file: Path) -> None:
    for section in ("ledger", "index"):
        url = (settings.get(section) or {}).get("url", "") if isinstance(settings.get(section), dict | None) else ""
        if isinstance(url, str) and _password(url) is not None:
            variable = f"{ENV_PREFIX}{section.upper()}__URL"
            raise ConfigError(
                f"{file}: `{section}.url` holds a password; put the URL into the variable {variable} instead"
            )


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[list[str], Any]]:
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX):
            continue
        path = name.removeprefix(ENV_PREFIX).lower().split("__")
        if path[0] not in Config.model_fields or path[0] == "file":
            continue
        value: Any = environ[name]
        if value.lstrip().startswith(("[", "{")):
            with contextlib.suppress(json.JSONDecodeError):  # a text may start so too: `[::1]`
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
        name = ".".join(str(step) for step in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            near = _nearest(name)
            yield f"  `{name}`: unknown key" + (f"; did you mean `{near}`?" if near else "")
        else:
            found = mistake["input"]
            said = _PLAIN.get(mistake["type"], mistake["msg"][0].lower() + mistake["msg"][1:])
            yield f"  `{name}`: {said}; found {masked_url(found) if isinstance(found, str) else found!r}"


_PLAIN = {
    "float_type": "input should be a number (YAML takes `5e-5` for a text: write `5.0e-5`)",
    "tuple_type": 'input should be a list: `[docs]`, or in the environment `["docs"]`',
    "model_type": "input should be a section: `key: value` lines",
}


def _nearest(name: str) -> str | None:
    """The known key most like `name`: by its whole path, else by its last part alone (a key in the wrong section)."""
    keys = known_keys()
    whole = difflib.get_close_matches(name, keys, n=1, cutoff=0.75)
    if whole:
        return whole[0]
    last = {key.rpartition(".")[2]: key for key in keys}
    by_last = difflib.get_close_matches(name.rpartition(".")[2], list(last), n=1, cutoff=0.6)
    return last[by_last[0]] if by_last else None
