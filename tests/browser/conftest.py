"""One browser for all tests here, and for each module a server of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from handbook.browser import opened
from tests.browser.rig import Site, chromium
from tests.cycle.project import Project


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    with opened(chromium()) as browser:
        yield browser


@pytest.fixture(scope="module")
def site(chrome: Browser, indexed: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server over the pages of `tests.cycle.pages`, one version of which is live."""
    project = indexed.copy(tmp_path_factory.mktemp("site"))
    with project.server() as server:
        yield Site(project=project, server=server, browser=chrome)
