"""Checks of what is stored: the ledger, the clock that its entries were written by, locks, the index, stored forms."""

from datetime import UTC, datetime, timedelta

from rag_flywheel import wiring
from rag_flywheel.cli.checkup.finding import Finding, Skip, ok, warning, wrong
from rag_flywheel.cli.checkup.ground import opened
from rag_flywheel.cli.invocation import in_the_demo
from rag_flywheel.config import Config, Secrets
from rag_flywheel.domain import Manifest, VersionId
from rag_flywheel.domain.versions import MANIFEST_FORM
from rag_flywheel.errors import FlywheelError, NotFound
from rag_flywheel.search.retrieval import retrieve
from rag_flywheel.services import Services

SKEW = timedelta(seconds=5)
LONG = timedelta(hours=24)
"""A lock that is held for longer is that of a run that hangs, or of a very large night."""


def ledger(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the database answers, is sound, can be written to, and has this release's schema."""
    found = wiring.ledger_standing(config)
    if found.read_only:
        do = "name the primary server in ledger.url, or end its read-only state"
        return [wrong("ledger", f"{found.place} takes no writes", expected="a database that takes writes", do=do)]
    if found.revision is None:
        return [ok("ledger", f"{found.place} is empty: the first command that needs it makes its tables")]
    if not found.current:
        said = f"{found.place} is at revision {found.revision}, this release's is {found.newest}"
        do = (
            "with an older release's ledger, end its servers: the next command brings it up to this release; with a "
            "newer one's, use that release"
        )
        return [warning("ledger", said, expected="the same revision", do=do)]
    return [ok("ledger", f"{found.place} is sound, takes writes, and is at revision {found.revision}")]


def clock(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether this machine's clock agrees with the database's, and with what was recorded last."""
    found = wiring.ledger_standing(config) if config.data.is_dir() else None
    now, do = datetime.now(UTC), "let NTP set the clocks of all hosts; until then periods and orders are wrong"
    if found is not None and found.clock is not None and abs(found.clock - now) > SKEW:
        ahead = (now - found.clock).total_seconds()
        said = f"this machine's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} the database's"
        return [wrong("clock", said, expected=f"less than {SKEW.total_seconds():g} s apart", do=do)]
    with opened(config, secrets) as services:
        late = {name: at for name, at in _last(services) if at > now + SKEW}
    if late:
        said = ", ".join(f"the last {name} is of {at:%Y-%m-%d %H:%M:%S} UTC" for name, at in late.items())
        said = f"{said}; now it is {now:%Y-%m-%d %H:%M:%S} UTC"
        return [wrong("clock", said, expected="nothing that was recorded in the future", do=do)]
    beside = "the database's" if found is not None and found.clock is not None else "what was recorded last"
    return [ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, in agreement with {beside}")]


def _last(services: Services) -> list[tuple[str, datetime]]:
    """What was recorded last, of each kind that is written often."""
    asked = [("question", entry.asked) for entry in services.ledger.interactions(limit=1)]
    audited = [("entry of the audit log", entry.at) for entry in services.ledger.audit(limit=1)]
    built = [("version", record.manifest.created) for record in services.ledger.versions()[-1:]]
    return [*asked, *audited, *built]


def locks(config: Config, secrets: Secrets) -> list[Finding]:
    """Who holds which lock, and whether they still live."""
    now, found = datetime.now(UTC), []
    for lock in wiring.noted_locks(config):
        who = f"process {lock.process} on {lock.host} since {lock.since:%Y-%m-%d %H:%M} UTC"
        if not lock.held:
            said = f"`{lock.name}` was held by {who}, which ended in the middle of it"
            do = "`rag-flywheel reindex` clears what it left; nothing half-done is live"
            found.append(warning("locks", said, expected="a run that ends by itself", do=do))
        elif now - lock.since > LONG:
            do = f"see whether process {lock.process} still works; the lock goes with it"
            said = f"`{lock.name}` is held by {who}"
            found.append(warning("locks", said, expected=f"less than {LONG.days * 24} hours", do=do))
        else:
            found.append(ok("locks", f"`{lock.name}` is held by {who}"))
    held = wiring.ledger_standing(config).locks if config.ledger.url else ()
    found += [ok("locks", f"the database: held by process {who}") for who in held]
    return found or [ok("locks", "none is held")]


def index(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the store answers, and the alias names a version that is there, whole, and gives passages."""
    with opened(config, secrets) as services:
        kept, live = services.index.versions(), services.index.live()
        if live is None and not kept:
            do = f"`rag-flywheel reindex` builds the first one{in_the_demo(config.data)}"
            return [warning("index", "there is no version yet", expected="a live version", do=do)]
        others = [version for version in kept if version != live]
        back = f"`rag-flywheel promote {others[-1]}`" if others else "`rag-flywheel reindex --force`"
        if live is None:
            return [wrong("index", f"no version is live; {len(kept)} are kept", expected="a live version", do=back)]
        if live not in kept:
            said = f"the alias names {live}, which the index does not have"
            return [wrong("index", said, expected="a version that is there", do=back)]
        found = [_whole(version, services, back=back, live=version == live) for version in (live, *others)]
    whole = [of for of in found if of is None]
    said = f"{live} is live, whole, and gives passages"
    rest = f"; so are {len(others)} more, for a rollback" if others else ""
    return [of for of in found if of is not None] if len(whole) < len(found) else [ok("index", said + rest)]


def _whole(version: VersionId, services: Services, *, back: str, live: bool) -> Finding | None:
    """What is wrong with a version, None where it holds what was written and finds something."""
    expected = "a version that holds all that was written"
    do = back if live else "`rag-flywheel reindex --force` builds another; do not roll back to this one"
    try:
        manifest = services.ledger.version(version).manifest
        chunks = services.index.chunks(version)
        held = sum(not chunk.by_question and not chunk.is_correction for chunk in chunks)
        if held < manifest.counts.passages:
            said = f"{version} holds {held} passages, and {manifest.counts.passages} were written"
            return wrong("index", said, expected=expected, do=do)
        if live and held and not retrieve("version", searcher=services.open(manifest)):
            return wrong("index", f"{version} finds nothing", expected="passages for a question", do=do)
    except NotFound as error:
        do = "index and ledger belong together: name the right ones, or restore the ledger"
        return wrong("index", str(error), expected="a version that the ledger knows", do=do)
    except FlywheelError as error:
        return wrong("index", str(error), expected=expected, do=do)
    return None


def forms(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether what is stored has the form that this release writes. Older forms are read; newer ones are not."""
    with opened(config, secrets) as services:
        kept, live = set(services.index.versions()), services.index.live()
        manifests = [record.manifest for record in services.ledger.versions() if record.manifest.version_id in kept]
        if not manifests:
            raise Skip("there is no version yet")
        model = services.encoders(services.config.embedder).name
    old = [of.version_id for of in manifests if of.form < MANIFEST_FORM]
    if live in old:
        said = f"the live version {live} was built by an older release, in form {_form(manifests, live)}"
        do = "`rag-flywheel reindex --force` builds one in the present form"
        return [warning("forms", said, expected=f"form {MANIFEST_FORM}", do=do)]
    other = [of.version_id for of in manifests if of.version_id == live and of.embedder != model]
    if other:
        said = f"the live version was built with another embedder than {model}"
        return [warning("forms", said, expected="the configured one", do="the next `rag-flywheel reindex` changes it")]
    rest = f"; {len(old)} for a rollback are in older forms, which are read" if old else ""
    return [
        ok("forms", f"{len(manifests) - len(old)} versions are in form {MANIFEST_FORM}, which is this release's{rest}")
    ]


def _form(manifests: list[Manifest], version: VersionId | None) -> int:
    return next(of.form for of in manifests if of.version_id == version)
