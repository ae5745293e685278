"""A reader of LlamaIndex that fetches over the network: the one for WordPress, from a site that the test serves."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.reading import connectors
from ingest.reading.raw import Skipped
from ingest.reading.sources import fingerprint, list_files, read
from rag_flywheel.config import Config

Post = dict[str, Any]


class Site:
    """A site with posts, a hundred a page, and what it does before it answers for a page."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.before: Callable[[int], int] = lambda page: 200  # the status, or an exception that cuts the connection
        self.pages: int | None = None  # that it claims to have
        self.per_page = 100
        self.asked = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = int(parse_qs(urlsplit(self.path).query)["page"][0])
                site.asked += 1
                status = site.before(page)
                some = site.posts[(page - 1) * site.per_page : page * site.per_page]
                body = json.dumps(some).encode()
                self.send_response(status)
                self.send_header("X-WP-TotalPages", str(site.pages or -(-len(site.posts) // site.per_page)))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, client: None  # type: ignore[method-assign]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def post(number: int, text: str = "Hold it.", **more: object) -> Post:
    return {
        "id": number,
        "title": {"rendered": f"Post {number}"},
        "content": {"rendered": f"<p>{text}</p>"},
        "link": f"https://w.example/{number}",
        "modified": "2024-05-01",
        **more,
    }


def config(folder: Path, site: Site, timeout: float = 120.0) -> Config:
    reader = {
        "reader": "llama_index.readers.wordpress:WordpressReader",
        "name": "blog",
        "args": {"url": site.url, "get_pages": False},
        "timeout": timeout,
    }
    return Config.model_validate({"file": folder / "config.yaml", "sources": [reader]})


def fetch(settings: Config) -> tuple[Skipped, ...]:
    return connectors.fetch(settings, lambda done, total: None)


def documents(settings: Config) -> dict[str, tuple[str, str]]:
    files = list_files(settings).files
    return {document.document_id: (document.title, document.text) for file in files for document in read(file)[0]}


def test_posts_of_a_site_are_documents_whose_ids_last_and_leave_with_their_posts(tmp_path: Path, site: Site) -> None:
    site.posts = [post(number) for number in range(1, 251)]
    settings = config(tmp_path, site)
    assert fetch(settings) == ()
    first = documents(settings)
    assert site.asked == 3, "a hundred a page"
    assert len(first) == 250
    assert first["blog/https://w.example/7"] == ("Post 7", "Hold it.")
    before = fingerprint(list_files(settings).files)
    site.posts.reverse()
    assert fetch(settings) == ()
    assert fingerprint(list_files(settings).files) == before, "nothing changed but the order"
    site.posts = [post(7, "Press it."), post(8)]
    assert fetch(settings) == ()
    assert documents(settings) == {
        "blog/https://w.example/7": ("Post 7", "Press it."),
        "blog/https://w.example/8": ("Post 8", "Hold it."),
    }


def cut(page: int) -> int:
    """Cuts the connection in the middle of the second page."""
    if page == 2:
        raise ConnectionResetError
    return 200


def hang(page: int) -> int:
    time.sleep(30)
    return 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"before": hang}, "it took longer than 8 seconds"),
        ({"before": cut}, "it raised ConnectionError from ProtocolError from RemoteDisconnected"),
        ({"before": lambda page: 503 if page == 2 else 200}, "it raised HTTPError 503"),
        ({"posts": []}, "it gave no documents"),
        ({"posts": [post(1), post(2, link=None) | {"content": None}]}, "it raised AttributeError"),
        ({"posts": [{"id": 1}]}, "it raised"),
        ({"posts": [post(1, "")]}, "none of its documents holds a text"),
        ({"pages": 10**9}, "it took longer than 8 seconds"),
    ],
    ids=["hangs", "cuts", "refuses", "empty", "no content", "no fields", "no text", "endless"],
)
def test_a_site_that_fails_is_one_named_item_and_what_it_gave_last_stays(
    tmp_path: Path, site: Site, change: dict[str, Any], said: str
) -> None:
    site.posts = [post(number) for number in range(1, 151)]
    settings = config(tmp_path, site, timeout=8.0)
    kept = connectors.fetched_file(settings.sources[0], settings)
    kept.parent.mkdir(parents=True)
    kept.write_text('{"_id": "blog/1", "text": "As it was."}\n')
    for name, value in change.items():
        setattr(site, name, value)
    start = time.monotonic()
    [failed] = fetch(settings)
    assert time.monotonic() - start < 20
    assert failed.name == "blog"
    assert said in failed.reason
    assert "Hold it" not in failed.reason
    assert "UTC are kept" in failed.reason
    assert documents(settings) == {"blog/1": ("", "As it was.")}
    assert [path.name for path in (tmp_path / "data" / "connectors").iterdir()] == ["blog.jsonl"]


def test_odd_titles_and_ids_of_posts_spoil_neither_their_ids_nor_others(tmp_path: Path, site: Site) -> None:
    site.posts = [
        post(1, title={"rendered": "a\n\tb \u0000\ud800" + "x" * 2000}, link="https://w.example/\n1"),
        post(2, title={"rendered": {"deep": [None]}}, link=None),
        post(3, title={"rendered": 7}, link={"href": 1}, modified=None),
        post(4, link="https://w.example/9"),
        post(5, link="https://w.example/9"),
    ]
    settings = config(tmp_path, site)
    fetch(settings)
    found = documents(settings)
    assert "blog/https://w.example/9" in found
    assert "blog/https://w.example/9#2" in found
    assert len(found) == 5
    assert all(name.isprintable() and len(name) <= 500 for name in found)
    fetch(settings)
    assert documents(settings) == found
