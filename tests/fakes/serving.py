"""The app behind a real socket, and generators that are slow or break off."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

import uvicorn

from rag_flywheel.api.app import create_app
from rag_flywheel.api.server import Patient
from rag_flywheel.domain import Draft, Passage, Searched, Turn
from rag_flywheel.errors import LanguageModelUnavailable
from rag_flywheel.ports import Redactor
from rag_flywheel.services import Services


@contextlib.contextmanager
def served(made: Services) -> Iterator[str]:
    """The address of a server that answers with these services."""
    settings = uvicorn.Config(
        create_app(made), host="127.0.0.1", port=0, http=Patient, log_config=None, log_level="error"
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(500):
            if server.started:
                break
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


class Dictated:
    """A generator that says the given pieces, each as soon as it may, and then breaks off where it is told to."""

    name = "dictated"

    def __init__(self, pieces: Sequence[str], *, breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks
        self.go_on = threading.Event()  # the first piece comes at once, the others once this is set
        self.go_on.set()
        self.heard: list[tuple[Turn, ...]] = []  # the histories it was given

    def masked_by(self, redactor: Redactor) -> "Dictated":
        return self

    def rewrite(self, question: str, history: Sequence[Turn]) -> str:
        self.heard.append(tuple(history))
        return question

    def prepare(self, found: Sequence[Sequence[Passage]]) -> None:
        """Nothing can be done before."""

    def answer(
        self, question: str, passages: Sequence[Passage], *, searched: Searched | None = None
    ) -> Iterator[str | Draft]:
        for number, piece in enumerate(self._pieces):
            if number > 0:
                assert self.go_on.wait(10)
            yield piece
        if self._breaks:
            raise LanguageModelUnavailable("the language model does not answer: start it")
        yield Draft(text="".join(self._pieces), answered=True, citations=())
