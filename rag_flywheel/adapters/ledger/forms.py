"""Stored values of an older form, brought to the present one.

Rows are never rewritten, so a body that was ever written is read for ever: a change of the domain that it does not fit
gets a function here. A new field with a default, or one that is gone, needs none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rag_flywheel.domain import GoldenCase, Manifest
from rag_flywheel.domain.versions import MANIFEST_FORM
from rag_flywheel.errors import Damaged

Body = dict[str, Any]
"""A frozen dataclass of the domain as parsed JSON."""


def present(kind: type, stored: Any) -> Any:
    """The body of a `kind` in the form that this release reads. Raises Damaged when a newer release wrote it."""
    upgrade = _UPGRADES.get(kind)
    return upgrade(stored) if upgrade is not None and isinstance(stored, dict) else stored


def _golden_case(stored: Body) -> Body:
    """The cluster was called `group` once, which now means askers alone."""
    return {"cluster" if name == "group" else name: value for name, value in stored.items()}


def _manifest(stored: Body) -> Body:
    """The first manifests did not say their form."""
    form = stored.get("form", 1)
    if isinstance(form, int) and form > MANIFEST_FORM:
        raise Damaged(
            f"version {stored.get('version_id')} was written by a newer release: its manifest is of form {form}, and "
            f"this release knows forms up to {MANIFEST_FORM}: use the release that wrote it, or a newer one"
        )
    return {**stored, "form": form}


_UPGRADES: Mapping[type, Callable[[Body], Body]] = {GoldenCase: _golden_case, Manifest: _manifest}
