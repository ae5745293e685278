"""The settings: every section with its defaults and limits, frozen."""

import ipaddress
import itertools
import os
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from rag_flywheel.config.elsewhere import ORIGIN, Slack, Web
from rag_flywheel.config.keeping import Consent, PrivacyNotice, Retention
from rag_flywheel.config.source import CLASS, Source, as_source, refuse_secrets
from rag_flywheel.config.stores import IndexSection, LedgerSection, ReindexSection
from rag_flywheel.config.watching import Logs, Telemetry
from rag_flywheel.domain import GROUP, Role
from rag_flywheel.domain.checks import is_private

_MAGIC = re.compile(r"[*?\[]")  # what makes a part of a path a pattern
TENANT = r"^[a-z0-9][a-z0-9-]{0,39}$"
_HOST = r"^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)$"  # in small letters, without a port; `*.` before it for any below
_SERVER = r"^(https?://[^\s/?#@]+(/[^\s?#@]*)?)?$"  # without who calls and without a query, which can be secret
_HEADER = r"^[A-Za-z0-9-]{1,80}$"
_Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ingest(_Section):
    chunk_tokens: int = Field(0, ge=0, le=8192)  # 0: what the embedder takes
    chunk_overlap_tokens: int = Field(24, ge=0, le=1024)
    embed_titles: bool = True
    minimum_words: int = Field(4, ge=1)
    near_duplicate: float = Field(0.9, gt=0, le=1)
    file_seconds: float = Field(30.0, gt=0)
    file_memory_mb: int = Field(1024, ge=64)
    file_unpacked_mb: int = Field(512, ge=1)

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if 0 < self.chunk_tokens < 32:
            raise ValueError(f"chunk_tokens ({self.chunk_tokens}) should be 0 or at least 32")
        if 0 < self.chunk_tokens <= self.chunk_overlap_tokens:
            raise ValueError(
                f"chunk_overlap_tokens ({self.chunk_overlap_tokens}) should be below chunk_tokens ({self.chunk_tokens})"
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
        "STREET_ADDRESS",
        "ID_NUMBER",
        "SECRET",
    )
    minimum_score: float = Field(0.5, ge=0, le=1)
    tagger: bool = True
    spacy_model: str = ""
    numbered: bool = True
    reversible: bool = False
    reveal_key_file: str = ""
    consent: Consent = "assumed"  # a file has to say it: `loading`
    sensitive_groups: tuple[Annotated[str, Field(pattern=GROUP)], ...] = ()
    supporters: int = Field(3, ge=2, le=100)
    key_file: str = ""


class Releases(_Section):
    epsilon: float = Field(1.0, gt=0, le=10)
    delta: float = Field(1e-6, gt=0, le=1e-3)
    month_epsilon: float = Field(3.0, gt=0, le=30)
    month_delta: float = Field(1e-6, ge=0, le=1e-3)
    per_person: int = Field(2, ge=1, le=100)


class Embedder(_Section):
    model: str = "all-MiniLM-L6-v2"
    url: str = Field("", pattern=_SERVER)
    timeout: float = Field(30.0, gt=0)
    retries: int = Field(2, ge=0)
    longest: int = Field(512, ge=16)
    engine: Literal["auto", "onnxruntime", "openvino"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    batch: int = Field(8, ge=1)
    query_prefix: str = ""
    document_prefix: str = ""

    def run_as(self, now: "Embedder") -> "Embedder":
        """The same model, run as `now` says, where that is about it too."""
        if self.model != now.model or bool(self.url) != bool(now.url):
            return self
        return now.model_copy(update={"query_prefix": self.query_prefix, "document_prefix": self.document_prefix})


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
    kind: Literal["extractive", "openai_like", "llama_index"] = "extractive"
    minimum_similarity: float = Field(0.4, ge=-1, le=1)
    wrong_refusals: float = Field(0.05, ge=0, lt=1)
    doubted: float = Field(0.08, ge=0, lt=1)
    on_topic: float = Field(0.3, ge=-1, le=1)
    sentences: int = Field(4, ge=1)
    model: str = ""
    url: str = ""
    llm: dict[Literal["class", "args"], JsonValue] = Field(default_factory=dict)
    timeout: float = Field(60.0, gt=0)
    answer_seconds: float = Field(600.0, gt=0)
    retries: int = Field(2, ge=0)
    context_window: int = Field(8192, ge=512)
    max_tokens: int = Field(512, ge=1)
    temperature: float = Field(0.0, ge=0)
    unsupported: Literal["keep", "mark", "cut"] = "mark"
    fallback: Literal["extractive", "none"] = "extractive"
    cached_answers: int = Field(0, ge=0, le=1_000_000)

    @field_validator("llm")
    @classmethod
    def _a_class_with_arguments(cls, llm: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if llm and not (isinstance(name := llm.get("class"), str) and CLASS.fullmatch(name)):
            raise ValueError("needs `class`, a module and a class such as llama_index.llms.ollama:Ollama")
        if not isinstance(args := llm.get("args", {}), dict):
            raise ValueError("`args` should be a section: `key: value` lines")
        refuse_secrets(args)
        return llm

    @model_validator(mode="after")
    def _doubts_hold_the_refusals(self) -> Self:
        if self.doubted < self.wrong_refusals:
            raise ValueError("doubted is at least wrong_refusals, which it includes")
        return self


class Judge(_Section):
    model: str = ""
    url: str = ""
    timeout: float = Field(60.0, gt=0)
    concurrency: int = Field(4, ge=1)
    maximum_calls: int = Field(5000, ge=1)
    maximum_tokens: int = Field(5_000_000, ge=1)


class Gate(_Section):
    margin: float = Field(0.05, gt=0, le=1)
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
    maximum_aside: float = Field(0.2, ge=0, le=1)
    unsafe_threshold: float = Field(0.5, gt=0, lt=1)
    canaries: str = ""
    model_probes: int = Field(20, ge=0, le=200)


class ReviewSection(_Section):
    alike: float = Field(0.75, gt=0, lt=1)
    second_reviewer: bool = True
    second_share: float = Field(0.1, ge=0, le=1)
    in_hand_minutes: float = Field(15.0, gt=0, le=1440)
    assigned_hours: float = Field(24.0, gt=0, le=720)


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
    body_mb: int = Field(8, ge=1, le=1024)
    cors_origins: tuple[str, ...] = ()

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_send_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [origin for origin in origins if origin != "*" and not ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(
                f"an origin is a scheme, a host and perhaps a port in small letters, with nothing after it, such as "
                f"https://chat.example.org, or * for any; found {', '.join(wrong)}"
            )
        return origins


class Oidc(_Section):
    issuer: str = ""
    audience: str = ""
    client_id: str = ""
    scopes: tuple[Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")], ...] = ("openid", "profile", "email")
    algorithms: Annotated[tuple[_Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    name_claim: Literal["sub", "email", "preferred_username"] = "sub"
    roles_claim: str = "roles"
    roles: dict[str, Role] = {}
    groups_claim: str = ""
    default_roles: tuple[Role, ...] = (Role.ASKER,)
    leeway: float = Field(60.0, ge=0, le=300)

    @field_validator("issuer")
    @classmethod
    def _is_an_issuer(cls, issuer: str) -> str:
        if issuer and (not is_private(issuer) or "?" in issuer or "|" in issuer):
            raise ValueError(
                "an issuer is an https URL (http on this machine alone) without user, query and fragment, as the "
                "provider itself writes it"
            )
        return issuer

    @model_validator(mode="after")
    def _is_of_use(self) -> Self:
        if self.issuer and not self.audience and not self.client_id:
            raise ValueError("an issuer needs an audience (for bearer tokens), a client_id (for signing in) or both")
        if not self.issuer and (self.audience or self.client_id):
            raise ValueError("an audience and a client_id need an issuer")
        if "openid" not in self.scopes:
            raise ValueError("scopes need openid: without it there is no ID token")
        return self


class Access(_Section):
    anonymous: tuple[Role, ...] = (Role.ASKER,)
    anonymous_from: Literal["loopback", "anywhere"] = "loopback"
    hosts: tuple[Annotated[str, Field(pattern=_HOST)], ...] = ()
    own_reviews: bool = False
    oidc: Oidc = Oidc()
    session_hours: float = Field(12.0, gt=0, le=720)
    session_idle_hours: float = Field(2.0, ge=0.5, le=720)
    proxies: tuple[str, ...] = ()
    proxy_user: str = Field("X-Forwarded-User", pattern=_HEADER)
    proxy_groups: str = Field("X-Forwarded-Groups", pattern=_HEADER)
    proxy_roles: dict[str, Role] = {}
    proxy_default_roles: tuple[Role, ...] = (Role.ASKER,)

    @field_validator("proxies")
    @classmethod
    def _are_some(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                network = ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy} is no address and no network, such as 10.0.0.7 or 10.0.0.0/8") from None
            if network.prefixlen == 0:
                raise ValueError("a network of all addresses would let everybody say who they are")
        return proxies


class Limits(_Section):
    headers: int = Field(100, ge=20, le=10_000)
    idle_seconds: float = Field(15.0, gt=0)
    body_seconds: float = Field(120.0, gt=0)
    person_per_minute: int = Field(300, ge=1)
    key_per_minute: int = Field(6000, ge=1)
    address_per_minute: int = Field(6000, ge=1)
    at_once: int = Field(4, ge=1)
    waiting: int = Field(16, ge=0)


class Config(_Section):
    data_dir: Path = Path("data")
    sources: tuple[Annotated[Source, BeforeValidator(as_source)], ...] = (Source(path="docs"),)
    golden: str = ""
    ingest: Ingest = Ingest()
    privacy: Privacy = Privacy()
    privacy_notice: PrivacyNotice = PrivacyNotice()
    retention: Retention = Retention()
    releases: Releases = Releases()
    embedder: Embedder = Embedder()
    reranker: Reranker = Reranker()
    retrieval: Retrieval = Retrieval()
    generator: Generator = Generator()
    judge: Judge = Judge()
    ledger: LedgerSection = LedgerSection()
    index: IndexSection = IndexSection()
    reindex: ReindexSection = ReindexSection()
    gate: Gate = Gate()
    guardrails: Guardrails = Guardrails()
    review: ReviewSection = ReviewSection()
    canary: CanarySection = CanarySection()
    api: Api = Api()
    web: Web = Web()
    slack: Slack = Slack()
    access: Access = Access()
    limits: Limits = Limits()
    telemetry: Telemetry = Telemetry()
    logs: Logs = Logs()
    tenants: dict[Annotated[str, Field(pattern=TENANT)], Path] = Field(default_factory=dict)
    file: Path = Field(exclude=True)  # the file it was read from, absolute

    @field_validator("sources")
    @classmethod
    def _readers_differ_in_name(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        names = Counter(source.label.casefold() for source in sources if source.reader)
        twice = [name for name, count in names.items() if count > 1]
        if twice:
            raise ValueError(f"two readers are called {' and '.join(twice)}: give each its own `name`")
        return sources

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return self.file.parent

    def resolve(self, path: str | Path) -> Path:
        return (self.folder / Path(path).expanduser()).resolve()

    def is_official(self, name: str) -> bool:
        """Whether a file of a version, by its name in the manifest, can be of sources with `trust: official` alone."""
        trusts = {source.trust for source in self.sources if self._may_hold(source, name)}
        return (trusts or {source.trust for source in self.sources}) == {"official"}

    def is_sensitive(self, name: str) -> bool:
        """Whether a file of a version may be of a source with `sensitive: true`; so may a name that no source gives."""
        found = [source.sensitive for source in self.sources if self._may_hold(source, name)]
        return any(found or (source.sensitive for source in self.sources))

    def _may_hold(self, source: Source, name: str) -> bool:
        if source.reader:
            return name == f"connectors/{source.label}.jsonl"
        fixed = itertools.takewhile(lambda part: not _MAGIC.search(part), Path(source.path).expanduser().parts)
        return Path(os.path.abspath(self.folder / name)).is_relative_to(os.path.abspath(self.folder.joinpath(*fixed)))

    @property
    def data(self) -> Path:
        return self.resolve(self.data_dir)
