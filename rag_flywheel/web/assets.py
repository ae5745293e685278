"""What pages consist of beside their text: styles, scripts, a sign. All of it is ours to send."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Response

from rag_flywheel.api.guard import GuardedRoute
from rag_flywheel.errors import NotFound

routes = APIRouter(route_class=GuardedRoute, include_in_schema=False)
FOLDER = Path(__file__).parent / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"  # a file that changes has another name


@routes.get("/static/{name}")
def file(name: str) -> Response:
    """A file by the name that `url` gives it."""
    found = _by_name().get(name)
    if found is None:
        raise NotFound("there is no such file: pages name those that there are")
    return Response(found.read_bytes(), media_type=KINDS[found.suffix], headers={"Cache-Control": FOR_EVER})


def url(name: str) -> str:
    """The path of a file in `static`, with the beginning of its SHA-256 in it. Raises KeyError for one that is none."""
    return f"/static/{_names()[name]}"


@functools.cache
def _names() -> Mapping[str, str]:
    return {path.name: _named(path) for path in FOLDER.iterdir() if path.suffix in KINDS}


@functools.cache
def _by_name() -> Mapping[str, Path]:
    return {served: FOLDER / name for name, served in _names().items()}


def _named(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{path.stem}.{digest[:16]}{path.suffix}"
