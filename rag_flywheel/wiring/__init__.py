"""Configuration to working parts: the only place that constructs adapters."""

import contextlib
import functools
import itertools
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rag_flywheel.adapters.breaker import Breaker
from rag_flywheel.adapters.cache import ForgivingCache, SqliteCache
from rag_flywheel.adapters.index.edge_index import EdgeIndex
from rag_flywheel.adapters.ledger import dumping
from rag_flywheel.adapters.ledger.dumping import Dumped
from rag_flywheel.adapters.ledger.engine import sqlite_url
from rag_flywheel.adapters.ledger.locks import Noted, lock_beside, noted
from rag_flywheel.adapters.ledger.pseudonym_keys import KeyPlace, fingerprint
from rag_flywheel.adapters.ledger.sql_ledger import open_ledger
from rag_flywheel.adapters.ledger.standing import Standing, standing
from rag_flywheel.adapters.models.cached_encoder import CachedEncoder
from rag_flywheel.adapters.models.encoder import Running, SentenceEncoder
from rag_flywheel.adapters.models.reranker import RerankerFolder
from rag_flywheel.adapters.models.served_encoder import EmbeddingServer, ServedEncoder
from rag_flywheel.adapters.privacy.noise import OpenDpNoise
from rag_flywheel.adapters.privacy.redactor import NoRedactor, PresidioRedactor
from rag_flywheel.adapters.rates import open_rates
from rag_flywheel.adapters.ray_workers import RayWorkers
from rag_flywheel.adapters.tracing import tracing
from rag_flywheel.adapters.web.slack import HttpSlack
from rag_flywheel.adapters.web.webhooks import HttpWebhooks
from rag_flywheel.config import Config, Embedder, Secrets, of_tenant, secrets
from rag_flywheel.domain import VersionId
from rag_flywheel.errors import ConfigError, Damaged
from rag_flywheel.ports import (
    Cache,
    Elsewhere,
    IdentityProvider,
    PassageIndex,
    Redactor,
    Tools,
)
from rag_flywheel.services import Services
from rag_flywheel.wiring.generators import generators

Encoders = Callable[[Embedder], CachedEncoder]
RESTORING = "restoring"  # in data_dir: what a restore has not put in its place yet


@contextlib.contextmanager
def services(config: Config, secrets: Secrets, *, restoring: bool = False) -> Iterator[Services]:
    """The parts, closed at the end of the block. Models load at first use. Raises ConfigError (WrongKey where it is the
    ledger's keys that are not there), LedgerUnavailable, Damaged in the middle of a restore that is not the caller's.
    """
    data = config.data
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"data_dir: {data} cannot be made ({error.strerror}); name a folder that can") from error
    if not restoring and (data / RESTORING).exists():
        raise Damaged(f"a restore into {data} broke off, or is under way: run `rag-flywheel restore` again to the end")
    with ExitStack() as opened:
        ledger = open_ledger(
            _ledger_url(config),
            timeout=config.ledger.timeout,
            lock_folder=_locks(config),
            keys=KeyPlace(file=key_file(config), variable=secrets.pseudonym_keys),
        )
        opened.callback(ledger.close)
        index, breakers = _index(config, secrets)
        opened.callback(index.close)
        servers = bool(config.ledger.url) and not config.ledger.url.startswith("sqlite")  # then hosts may be several
        cache = ForgivingCache(SqliteCache(data / "cache.db", shared=servers))
        opened.callback(cache.close)
        rates = open_rates(config.ledger.url, timeout=config.ledger.timeout)
        opened.callback(rates.close)
        redactor = redactor_of(config)
        encoders = _encoders(config, secrets, redactor, cache, opened)
        document_redactors = functools.cache(functools.partial(redactor_of, config))
        made = generators(config, secrets, encoders=encoders, redactor=redactor, cache=cache)
        yield Services(
            config=config,
            secrets=secrets,
            ledger=ledger,
            index=index,
            encoders=encoders,
            rerankers=RerankerFolder(
                data / "rerankers",
                base=config.reranker.base,
                epochs=config.reranker.epochs,
                learning_rate=config.reranker.learning_rate,
            ),
            generator=made.generator,
            answerer=made.answerer,
            away=lambda: [breaker.name for breaker in (*breakers, *made.breakers) if breaker.open],
            rephraser=made.rephraser,
            redactor=redactor,
            document_redactor=lambda source: document_redactors(source.policy),
            cache=cache,
            provider=identity_provider(config, secrets),
            rates=rates,
            noise=OpenDpNoise(),
            webhooks=HttpWebhooks(secrets.webhook_urls.split(), secret=secrets.webhook_secret),
            slack=_slack(config, secrets),
            elsewhere=_elsewhere(config, encoders(config.embedder), opened),
            now=lambda: datetime.now(UTC),
            new_id=lambda: uuid.uuid4().hex,
        )


@contextlib.contextmanager
def tenants(config: Config, secrets: Secrets) -> Iterator[Mapping[str, Services]]:
    """The parts of each tenant, by its name, closed at the end of the block.

    A tenant has settings of its own, and everything else: documents, index, alias, ledger, caches. Variables of the
    environment are the deployment's and change none of them. Raises ConfigError where two would share anything.
    """
    settings = {name: of_tenant(config, name) for name in config.tenants}
    _refuse_shared({"the deployment itself": config, **settings})
    with ExitStack() as opened:
        yield {name: opened.enter_context(services(each, secrets)) for name, each in settings.items()}


def _slack(config: Config, secrets: Secrets) -> HttpSlack | None:
    if not secrets.slack_signing_secret:
        return None
    return HttpSlack(url=config.slack.url, token=secrets.slack_bot_token, response_hosts=config.slack.response_hosts)


def traces(config: Config) -> AbstractContextManager[None]:
    """Send the traces of this process, until the block ends, where the settings or the environment say where to."""
    return tracing(config.telemetry.endpoint)


def _refuse_shared(settings: Mapping[str, Config]) -> None:
    for (name, one), (other_name, other) in itertools.combinations(settings.items(), 2):
        shared = []
        if one.data.is_relative_to(other.data) or other.data.is_relative_to(one.data):
            shared.append("data_dir")
        if one.privacy.key_file and key_file(one) == key_file(other):
            shared.append("privacy.key_file")
        if one.ledger.url and one.ledger.url == other.ledger.url:
            shared.append("ledger.url")
        if one.index.url and (one.index.url, one.index.prefix) == (other.index.url, other.index.prefix):
            shared.append("index.url with index.prefix")
        if shared:
            raise ConfigError(f"{name} and {other_name} would share {' and '.join(shared)}: give each its own")


def ledger_standing(config: Config) -> Standing:
    """How the ledger stands; nothing is made and nothing migrated. Raises ConfigError, LedgerUnavailable, Damaged."""
    return standing(_ledger_url(config), timeout=config.ledger.timeout)


def noted_locks(config: Config) -> list[Noted]:
    """The locks in files whose holders have said who they are."""
    return noted(_locks(config))


def ledger_lock(config: Config, name: str) -> AbstractContextManager[None]:
    """A lock of the ledger, which need not be there. Raises AlreadyRunning, ConfigError, LedgerUnavailable."""
    return lock_beside(_ledger_url(config), name, timeout=config.ledger.timeout, folder=_locks(config))


def dump_ledger(config: Config, file: Path) -> Dumped:
    """Write the ledger into a new file, while it is used. Raises ConfigError, LedgerUnavailable, DiskUnavailable."""
    return dumping.dump(_ledger_url(config), timeout=config.ledger.timeout, file=file)


def check_dump(config: Config, *, kind: str, revision: str | None, schema: str) -> None:
    """Raises ConfigError for a dump of another kind of database or schema than the settings name, Damaged for a newer
    one, and LedgerUnavailable.
    """
    timeout = config.ledger.timeout
    dumping.check_fits(_ledger_url(config), timeout=timeout, kind=kind, revision=revision, schema=schema)


def load_ledger(config: Config, file: Path) -> None:
    """Put a dump in the ledger's place. Raises what `dump_ledger` does."""
    dumping.load(_ledger_url(config), timeout=config.ledger.timeout, file=file)


def dump_index(config: Config, secrets: Secrets, folder: Path) -> None:
    """Write the versions on a Qdrant server into files. Raises ConfigError, IndexUnavailable, DiskUnavailable."""
    from rag_flywheel.adapters.index import snapshots  # as in `_index`

    settings = config.index
    snapshots.fetch(settings.url, api_key=secrets.qdrant_api_key, prefix=settings.prefix, folder=folder)


def index_nodes(config: Config, secrets: Secrets) -> int:
    """How many nodes hold the versions: more than 1 is a Qdrant cluster. Raises IndexUnavailable."""
    if not config.index.url:
        return 1
    from rag_flywheel.adapters.index import snapshots

    return snapshots.nodes(config.index.url, api_key=secrets.qdrant_api_key)


def indexed(config: Config, secrets: Secrets) -> tuple[VersionId | None, list[VersionId]]:
    """The live version, and all that the index has. Raises IndexUnavailable."""
    with contextlib.closing(_index(config, secrets)[0]) as index:
        return index.live(), index.versions()


def load_index(config: Config, secrets: Secrets, folder: Path, *, live: str | None) -> None:
    """Put versions from files on the Qdrant server, whose alias goes where none was live. Raises ConfigError,
    IndexUnavailable, Damaged.
    """
    from rag_flywheel.adapters.index import snapshots

    settings = config.index
    snapshots.send(settings.url, api_key=secrets.qdrant_api_key, prefix=settings.prefix, folder=folder, live=live)


def has_ledger(config: Config) -> bool:
    """Whether there is one; none is made. Raises ConfigError, LedgerUnavailable."""
    return dumping.has_tables(_ledger_url(config), timeout=config.ledger.timeout)


def key_file(config: Config) -> Path:
    """Where the keys of the pseudonyms are, if no variable holds them."""
    return config.resolve(config.privacy.key_file or config.data / "keys" / "pseudonyms.key")


def key_known(config: Config, secrets: Secrets) -> str | None:
    """The fingerprint of the first key of the pseudonyms, None where there is none yet. Raises WrongKey."""
    keys = KeyPlace(file=key_file(config), variable=secrets.pseudonym_keys).read()
    return None if keys is None else fingerprint(keys.base)


def _ledger_url(config: Config) -> str:
    return config.ledger.url or sqlite_url(config.data / "ledger.db")


def _locks(config: Config) -> Path:
    return config.data / "locks"


def _index(config: Config, secrets: Secrets) -> tuple[PassageIndex, Sequence[Breaker]]:
    settings, titles = config.index, config.ingest.embed_titles
    if not settings.url:
        return EdgeIndex(config.data / "index", titles=titles), ()
    # A second's work for the processor: its client makes a class for each thing that a server can be told.
    from rag_flywheel.adapters.index import qdrant_index

    index = qdrant_index.connect(
        settings.url,
        api_key=secrets.qdrant_api_key,
        timeout=settings.timeout,
        prefix=settings.prefix,
        titles=titles,
        layout=qdrant_index.Layout(
            shards=settings.shards or None,
            replicas=settings.replicas,
            write_consistency=settings.write_consistency,
            on_disk=settings.on_disk,
            int8=settings.quantization == "int8",
        ),
    )
    return index, index.breakers


def identity_provider(config: Config, secrets: Secrets) -> IdentityProvider | None:
    """Where people sign in, None where the settings name no such place."""
    settings = config.access.oidc
    if not settings.issuer:
        return None
    # A quarter of a second's work for the processor, which commands without a provider need not wait for.
    from rag_flywheel.adapters.web.oidc import OpenIdProvider, Registration

    return OpenIdProvider(
        Registration(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=secrets.oidc_client_secret,
            scopes=settings.scopes,
            algorithms=settings.algorithms,
        )
    )


def encoder(
    settings: Embedder, secrets: Secrets, redactor: Redactor, *, data: Path | None = None
) -> SentenceEncoder | ServedEncoder:
    """The model itself, which remembers no vector, and what runs it in `data`. It loads at first use."""
    texts = settings.model_dump(include={"batch", "query_prefix", "document_prefix"})
    if settings.url:
        asked = settings.model_dump(include={"model", "url", "timeout", "retries", "longest"})
        return ServedEncoder(EmbeddingServer(api_key=secrets.embedder_api_key, **asked), redactor=redactor, **texts)
    running = Running(engine=settings.engine, device=settings.device, remembered=data and data / "engine.json")
    return SentenceEncoder(settings.model, running=running, **texts)


def _encoders(config: Config, secrets: Secrets, redactor: Redactor, cache: Cache, opened: ExitStack) -> Encoders:
    """Each model once, run as it is now configured, whatever ran it when a version was built."""

    @functools.cache
    def made(settings: Embedder) -> CachedEncoder:
        model = encoder(settings, secrets, redactor, data=config.data)
        opened.callback(model.close)
        kept_by = settings.model_dump_json(include={"model", "query_prefix", "document_prefix"})  # what changes vectors
        return CachedEncoder(model, model=f"served {kept_by}" if settings.url else kept_by, cache=cache)

    return lambda settings: made(settings.run_as(config.embedder))


def _elsewhere(config: Config, vectors: CachedEncoder, opened: ExitStack) -> Elsewhere | None:
    """None where this process does everything. Nothing is started before there is work."""
    settings = config.reindex
    if settings.engine == "local":
        return None
    tools = functools.partial(tools_of_worker, config)
    workers = RayWorkers(address=settings.address, at_once=settings.workers, tools=tools)
    opened.callback(workers.close)
    return Elsewhere(workers=workers, vectors=vectors)


def tools_of_worker(config: Config) -> Tools:
    """What a worker elsewhere works with: the same models, which load there at first use."""
    return Tools(
        encoder=encoder(config.embedder, secrets(), redactor_of(config), data=config.data),
        redactor=functools.cache(functools.partial(redactor_of, config)),
    )


def redactor_of(config: Config, policy: Literal["full", "dangerous", "nothing"] = "full") -> Redactor:
    """What masks personal data. Its models load at first use."""
    settings = config.privacy
    if policy == "nothing" or not settings.redact:
        return NoRedactor()
    return PresidioRedactor(
        settings.entities, settings.minimum_score, settings.spacy_model, policy=policy, tagger=settings.tagger
    )
