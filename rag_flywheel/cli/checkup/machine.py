"""Checks of what this machine gives: room on the disk, the port, the sources."""

import errno
import os
import socket
import tempfile

import httpx

from rag_flywheel.cli.checkup.finding import Finding, Skip, ok, warning, wrong
from rag_flywheel.config import Config, Secrets
from rag_flywheel.cycle import source_check, space
from rag_flywheel.errors import free, told

FILES = 10_000
"""A version, its reports and caches are hundreds of files; below this many the end is near."""
NAMED = 5
HEALTH_SECONDS = 3.0


def disk(config: Config, secrets: Secrets) -> list[Finding]:
    """Room for the next version, and for the one after it, and whether anything can be written at all."""
    place, needed = config.data, space.needed(config)
    there, expected = free(place), f"{told(needed)} for the next version"
    do = "make room there, or set data_dir to a folder on a larger disk"
    if place.is_dir():
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"x")
        except OSError as error:
            found = f"nothing can be written in {place}: {error.strerror}"
            return [wrong("disk", found, expected="a folder that this account may write in", do=do)]
    said = f"{told(there)} are free on the disk of {place}"
    if there < needed:
        return [wrong("disk", said, expected=expected, do=do)]
    if there < 2 * needed:
        return [warning("disk", said, expected=f"twice {expected}", do=do)]
    names = _file_names(str(next(path for path in (place, *place.parents) if path.exists())))
    if names is not None and names < FILES:
        found = f"the disk of {place} takes {names} more files"
        return [warning("disk", found, expected=f"{FILES}", do="delete small files there, or use another disk")]
    return [ok("disk", f"{said}; the next version needs {told(needed)}")]


def _file_names(place: str) -> int | None:
    """How many more files the disk takes; None where it does not count them."""
    told_of = os.statvfs(place)
    return told_of.f_favail if told_of.f_files else None


def port(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether the server can have its port, or has it."""
    host, number = config.api.host, config.api.port
    if number == 0:
        return [ok("port", "api.port is 0: the server takes any free one")]
    address = f"{host}:{number}"
    try:
        _bind(host, number)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return [_held(host, number)]
        found = f"{address} cannot be used: {error.strerror or error}"
        return [wrong("port", found, expected="an address of this machine", do="change api.host or api.port")]
    return [ok("port", f"{address} is free")]


def _bind(host: str, number: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        tried.bind((host, number))


def _held(host: str, number: int) -> Finding:
    """Of a port that is taken: whether it is one of ours that answers there."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is read, not bound
    url = f"http://{f'[{name}]' if ':' in name else name}:{number}"
    try:
        reply = httpx.get(f"{url}/health", timeout=HEALTH_SECONDS).json()
        ours = isinstance(reply, dict) and reply.get("status") == "ok" and "live" in reply
    except (httpx.HTTPError, ValueError):
        ours = False
    if ours:
        return ok("port", f"a rag-flywheel server answers at {url}")
    return wrong(
        "port",
        f"{host}:{number} is taken by something else",
        expected="a free port, or a rag-flywheel server that answers there",
        do="end what uses it, or set api.port to another one",
    )


def sources(config: Config, secrets: Secrets) -> list[Finding]:
    """Whether each source gives files that can be read."""
    if not config.sources:
        raise Skip("there are no sources in the settings")
    found = []
    for source in config.sources:
        look = source_check.look_at(source, config)
        closed = source_check.unreadable(source, config)
        if look.problem:
            expected, do = "files that can be read", "see docs/sources.md, or take the entry out of `sources`"
            found.append(wrong("sources", f"{look.source} {look.problem}", expected=expected, do=do))
        elif closed:
            named = ", ".join(closed[:NAMED]) + (f" and {len(closed) - NAMED} more" if len(closed) > NAMED else "")
            do = "let this account read them (`chmod`, `chown`), or leave them out with `exclude`"
            said = f"{look.source}: of {sum(look.kinds.values())} files cannot be opened: {named}"
            found.append(wrong("sources", said, expected="files that this account may read", do=do))
        else:
            kinds = ", ".join(f"{count} {kind}" for kind, count in look.kinds.items())
            gives = kinds or f"{look.reader}, {f'fetched {look.fetched}' if look.fetched else 'not fetched yet'}"
            rest = f"; {len(look.passed_over)} passed over" if look.passed_over else ""
            found.append(ok("sources", f"{look.source}: {gives}{rest}"))
    return found
