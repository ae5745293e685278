"""What checks stand on: the services, opened so that a look changes nothing."""

import contextlib
from collections.abc import Iterator

from rag_flywheel import wiring
from rag_flywheel.cli.checkup.finding import Skip
from rag_flywheel.config import Config, Generator, Secrets
from rag_flywheel.services import Services


@contextlib.contextmanager
def opened(config: Config, secrets: Secrets) -> Iterator[Services]:
    """The services over a ledger and a folder that are there; opening others would make or migrate them. Of answers
    there are the extractive ones: a language model has a check of its own.

    Raises Skip, and what the ledger raises.
    """
    if not config.data.is_dir() or wiring.ledger_standing(config).revision is None:
        raise Skip("nothing is stored yet: the first `rag-flywheel reindex` begins with that")
    if not wiring.ledger_standing(config).current:
        raise Skip("the ledger is of another release: see `ledger`")
    with wiring.services(config.model_copy(update={"generator": Generator()}), secrets) as services:
        yield services
