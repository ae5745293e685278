"""How much somebody may ask: what they are told, and that nobody else has to wait for it."""

import contextlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from rag_flywheel.adapters.ledger.engine import open_engine
from rag_flywheel.adapters.rates import MemoryRates, PostgresRates
from rag_flywheel.api.limits import address_key
from rag_flywheel.domain import Role
from rag_flywheel.ports import Rates
from rag_flywheel.services import Services
from tests.fakes.doors import door, key, laptop
from tests.fakes.services import publish, services
from tests.fakes.serving import Dictated, served

ASKED = {"question": "How do I put the previous version back?"}


def made_with(folder: Path, limits: str, generator: Dictated | None = None) -> Services:
    made = services(folder, text=f"limits: {{{limits}}}", generator=generator)
    publish(made, "v1")
    return made


def test_a_person_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    http = door(made_with(tmp_path, "person_per_minute: 3"), "ada", Role.ASKER, for_others=False)
    replies = [http.post("/chat", json=ASKED) for _ in range(5)]
    while replies[-1].status_code == 200:  # a new minute had begun
        replies.append(http.post("/chat", json=ASKED))
    assert replies[-1].status_code == 429
    assert replies[-1].json()["error"] == "TooMany"
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 60


def test_openais_clients_are_told_in_their_shape(tmp_path: Path) -> None:
    http = door(made_with(tmp_path, "person_per_minute: 1"), "ada", Role.ASKER, for_others=False)
    replies = [http.get("/v1/models") for _ in range(4)]
    assert replies[-1].status_code == 429
    error = replies[-1].json()["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    assert replies[-1].headers["retry-after"]


def test_one_person_who_asks_too_often_keeps_nobody_else_out(tmp_path: Path) -> None:
    made = made_with(tmp_path, "person_per_minute: 2")
    ada, bob = (door(made, name, Role.ASKER, for_others=False) for name in ("ada", "bob"))
    assert {ada.post("/chat", json=ASKED).status_code for _ in range(6)} == {200, 429}
    assert bob.post("/chat", json=ASKED).status_code == 200


def test_an_address_has_a_limit_whoever_comes_from_it_and_health_is_not_counted(tmp_path: Path) -> None:
    made = made_with(tmp_path, "address_per_minute: 2")
    http = laptop(made)
    assert {http.post("/chat", json=ASKED).status_code for _ in range(6)} == {200, 429}
    wrong = {"Authorization": "Bearer rfw_wrong"}
    assert {http.get("/review", headers=wrong).status_code for _ in range(6)} <= {401, 429}
    assert {http.get("/health").status_code for _ in range(6)} == {200}


def test_a_normal_user_meets_no_limit(tmp_path: Path) -> None:
    http = door(made_with(tmp_path, ""), "ada", Role.ASKER, for_others=False)
    assert {http.post("/chat", json=ASKED).status_code for _ in range(60)} == {200}


@pytest.mark.parametrize("stream", [False, True])
def test_one_persons_heavy_questions_wait_in_a_queue_and_hold_up_nobody_else(tmp_path: Path, stream: bool) -> None:
    slow = Dictated(["One.", " Two."])
    made = made_with(tmp_path, "at_once: 2, waiting: 3", slow)
    ada, bob = (key(made, name, Role.ASKER, for_others=False) for name in ("ada", "bob"))
    slow.go_on.clear()
    with served(made) as url, ThreadPoolExecutor(max_workers=8) as pool:

        def ask(headers: dict[str, str], *, stream: bool) -> int:
            return httpx.post(f"{url}/chat", json={**ASKED, "stream": stream}, headers=headers, timeout=30).status_code

        heavy = [pool.submit(ask, ada, stream=stream) for _ in range(7)]
        refused = [each for each in heavy if _done(each) and each.result() == 429]
        assert len(refused) == 2
        began = time.perf_counter()
        assert httpx.get(f"{url}/v1/models", headers=bob, timeout=30).status_code == 200
        assert time.perf_counter() - began < 5
        slow.go_on.set()
        assert sorted(each.result() for each in heavy) == [200] * 5 + [429] * 2
        assert ask(ada, stream=stream) == 200


def _done(asked: Future[int]) -> bool:
    """Whether it is answered, within a while."""
    with contextlib.suppress(TimeoutError):
        asked.result(timeout=1.5)
    return asked.done()


def test_addresses_of_one_network_are_one_person() -> None:
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff") != address_key("2001:db8:0:1::1")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") != address_key("192.0.2.2")
    assert address_key(None) == address_key("/run/socket") == "address:local"


# --- the counts ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "postgresql"])
def rates(request: pytest.FixtureRequest) -> Rates:
    if request.param == "memory":
        return MemoryRates()
    return PostgresRates(open_engine(request.getfixturevalue("postgres_url"), timeout=10))


def test_each_key_is_counted_for_itself_and_again_in_the_next_minute(
    rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() // 60 * 60 + 6000.5
    monkeypatch.setattr(time, "time", lambda: now)
    assert [rates.wait("user:ada", per_minute=2) > 0 for _ in range(4)] == [False, False, True, True]
    assert 1 <= rates.wait("user:ada", per_minute=2) <= 60
    assert rates.wait("user:bob", per_minute=2) == 0
    now += 61
    assert rates.wait("user:ada", per_minute=2) == 0
    rates.close()


def test_nobody_is_locked_out_when_a_clock_that_was_ahead_is_put_back(
    rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time() // 60 * 60 + 6000.5
    monkeypatch.setattr(time, "time", lambda: now)
    assert [rates.wait("user:ada", per_minute=2) > 0 for _ in range(3)] == [False, False, True]
    now -= 5000
    assert rates.wait("user:ada", per_minute=2) == 0
    rates.close()


def test_several_processes_with_one_database_count_together(postgres_url: str) -> None:
    both = [PostgresRates(open_engine(postgres_url, timeout=10)) for _ in range(2)]
    allowed: list[bool] = []

    def come(rates: PostgresRates) -> None:
        allowed.extend(rates.wait("user:ada", per_minute=1_000_000) == 0 for _ in range(50))

    threads = [threading.Thread(target=come, args=(rates,)) for rates in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed == [True] * 100
    assert both[0].wait("user:ada", per_minute=50) > 0
    for rates in both:
        rates.close()
