"""The app as people with keys reach it."""

from fastapi.testclient import TestClient

from rag_flywheel.access import keys
from rag_flywheel.access.who import local
from rag_flywheel.api.app import create_app
from rag_flywheel.domain import Role
from rag_flywheel.services import Services
from tests.fakes.samples import NOON


def key(
    made: Services, name: str, *roles: Role, for_others: bool = True, groups: tuple[str, ...] = ()
) -> dict[str, str]:
    """The headers of somebody with a new key; an admin's, where no role is named."""
    wanted = keys.Wanted(name=name, roles=frozenset(roles or Role), speaks_for_others=for_others, groups=groups)
    _, text = keys.create(wanted, by=local("test"), ledger=made.ledger, now=NOON)
    return {"Authorization": f"Bearer {text}"}


def door(made: Services, name: str = "rita", *roles: Role, for_others: bool = True) -> TestClient:
    """Whoever asks here has such a key."""
    headers = key(made, name, *roles, for_others=for_others)
    return TestClient(create_app(made), base_url="http://localhost", headers=headers)


def laptop(made: Services) -> TestClient:
    """Whoever asks here is on the same machine, and has no key."""
    return TestClient(create_app(made), base_url="http://localhost", client=("127.0.0.1", 50_000))


def signed(http: TestClient, name: str) -> dict[str, str]:
    """The headers of another reviewer and operator, whose key an admin makes."""
    body = {"name": name, "roles": ["reviewer", "operator"]}
    return {"Authorization": f"Bearer {http.post('/keys', json=body).json()['key']}"}
