"""Checks of what somebody has to do: keys that end, erasures that are due, nights that broke off, periods."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rag_flywheel import wiring
from rag_flywheel.cli.checkup.finding import Finding, ok, warning, wrong
from rag_flywheel.cli.checkup.ground import opened
from rag_flywheel.config import Config, Secrets
from rag_flywheel.cycle import erasing, looking_again
from rag_flywheel.domain import Role, VersionState
from rag_flywheel.domain.erasures import ErasureState
from rag_flywheel.domain.retention import Kind
from rag_flywheel.privacy.retention import period
from rag_flywheel.rollout import promotion
from rag_flywheel.services import Services

SOON = timedelta(days=14)
LATE = timedelta(days=1)
"""After which a second look is late: each night does those that are due."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PARTIAL = "*.partial"
"""The folder of a version that is being built, in the embedded index."""


def keys(config: Config, secrets: Secrets) -> list[Finding]:
    """API keys that end soon, and whether anybody can administer a server that others reach."""
    with opened(config, secrets) as services:
        now = services.now()
        holding = [key for key, _ in services.ledger.access_keys() if key.holds(now)]
    found = []
    for key in sorted(holding, key=lambda key: key.expires or now + SOON):
        if key.expires is not None and key.expires < now + SOON:
            said = f"key {key.key_id} of {key.name} ends on {key.expires:%Y-%m-%d %H:%M} UTC"
            do = f"`rag-flywheel keys rotate {key.key_id}`, or `keys create` for one that lasts longer"
            found.append(warning("keys", said, expected=f"more than {SOON.days} days", do=do))
    others = config.api.host not in LOOPBACK and not config.access.oidc.issuer and not config.access.proxies
    if others and not any(Role.ADMIN in key.roles for key in holding):
        said = f"the server is open to the network ({config.api.host}), and no admin's key opens it"
        do = "`rag-flywheel keys create NAME --role admin`"
        found.append(warning("keys", said, expected="a key of an admin", do=do))
    return found or [ok("keys", f"{len(holding)} open; none of them ends within {SOON.days} days")]


def erasures(config: Config, secrets: Secrets) -> list[Finding]:
    """Requests to be forgotten that are not done, and second looks whose day has come."""
    with opened(config, secrets) as services:
        now = services.now()
        waiting = [entry for entry in services.ledger.erasures() if entry.state is not ErasureState.DONE]
        done = len(services.ledger.erasures()) - len(waiting)
        promised, unread = looking_again.watched(erasing.folder(services))
    late = sum(watch.due + LATE < now for watch in promised)
    do, found = "`rag-flywheel reindex` goes on with it", []
    for entry in waiting:
        said = f"{entry.erasure_id} of {entry.received:%Y-%m-%d}, due {entry.due:%Y-%m-%d}, is {entry.state.value}"
        make = wrong if entry.due < now else warning
        found.append(make("erasures", said, expected="done by then", do=do))
    if late:
        said = f"{late} erasures are to be looked for again since their day has come"
        found.append(
            warning("erasures", said, expected="a second look a week later", do="`rag-flywheel reindex` looks")
        )
    found += [wrong("erasures", said, expected="a look that is promised", do="delete that file") for said in unread]
    return found or [ok("erasures", f"none waits; {done} are done")]


def nights(config: Config, secrets: Secrets) -> list[Finding]:
    """What a run that broke off left, and what holds the next one up."""
    running = any(lock.name == erasing.LOCK and lock.held for lock in wiring.noted_locks(config))
    with opened(config, secrets) as services:
        left = [] if running else list(_left(services))
        held_up = list(_held_up(services, services.now()))
    if running:
        return [ok("nights", "one is on its way"), *held_up]
    do = "`rag-flywheel reindex` clears it; the live version is untouched"
    found = [warning("nights", said, expected="nothing half-done", do=do) for said in left]
    return [*found, *held_up] or [ok("nights", "none broke off, and nothing holds the next one up")]


def _left(services: Services) -> Iterator[str]:
    records = {record.manifest.version_id: record for record in services.ledger.versions()}
    kept = services.index.versions()
    for folder in sorted((services.config.data / "index").glob(PARTIAL)):
        yield f"the build of {folder.stem} broke off"
    for version in kept:
        if version not in records:
            yield f"{version} was built, and its run ended before the ledger knew of it"
        elif records[version].state is VersionState.BUILT:
            yield f"{version} was built, and its run ended before a decision"


def _held_up(services: Services, now: datetime) -> Iterator[Finding]:
    frozen, canary = promotion.frozen(services.ledger), promotion.running(services.ledger)
    if frozen is not None:
        said = f"promotions are frozen since {frozen.at:%Y-%m-%d %H:%M} UTC by {frozen.who}: no version is built"
        yield warning("nights", said, expected="a freeze that somebody ends", do="`rag-flywheel unfreeze`")
    longest = timedelta(hours=services.config.canary.maximum_hours)
    if canary is not None and canary.started + 2 * longest < now:
        said = f"the canary of {canary.treatment} runs since {canary.started:%Y-%m-%d %H:%M} UTC"
        do = "`rag-flywheel canary tick` decides, `rag-flywheel canary stop` ends it; a running server ticks by itself"
        yield warning("nights", said, expected=f"a verdict within {longest.total_seconds() / 3600:g} hours", do=do)


def retention(config: Config, secrets: Secrets) -> list[Finding]:
    """For how long each kind of record is kept."""
    kept = {kind: period(kind, config.retention) for kind in Kind}
    ending = [f"{kind.value} {after.days} days" for kind, after in kept.items() if after is not None]
    staying = [kind.value for kind, after in kept.items() if after is None]
    without_end = f"without end: {', '.join(staying)}" if staying else ""
    return [ok("retention", "; ".join(part for part in (", ".join(ending), without_end) if part))]
