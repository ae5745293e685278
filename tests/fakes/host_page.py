"""A page of another site, such as a help centre, on a port of its own."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class HostPage:
    """What the site serves on every path. A browser reaches it as `localhost`, which is another site than 127.0.0.1."""

    port: int
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"


@contextlib.contextmanager
def hosted() -> Iterator[HostPage]:
    """The site, up; set its `html` before a browser goes there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.html.encode()
            self.send_response(200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **page.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page = HostPage(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
