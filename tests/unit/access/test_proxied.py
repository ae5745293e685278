"""Who a proxy says that somebody is."""

from collections.abc import Sequence

import pytest

from rag_flywheel.access import proxied
from rag_flywheel.config import Access
from rag_flywheel.domain import Person, Role
from rag_flywheel.errors import NotSignedIn

SETTINGS = Access(proxies=("10.0.0.0/8", "::1"), proxy_roles={"editors": Role.REVIEWER})


def test_a_proxy_names_a_person_in_any_language_and_their_groups() -> None:
    found = proxied.person(["Åda".encode()], [b"others , editors, , !nobody"], settings=SETTINGS)
    assert found == Person(
        name="proxy|Åda", roles=frozenset({Role.ASKER, Role.REVIEWER}), groups=frozenset({"others", "editors"})
    )


@pytest.mark.parametrize("users", [[], [b""]])
def test_a_proxy_may_name_nobody(users: Sequence[bytes]) -> None:
    assert proxied.person(users, [b"editors"], settings=SETTINGS) is None


@pytest.mark.parametrize(
    ("users", "groups"),
    [
        ([b"ada", b"grace"], []),
        ([b"", b"ada"], []),
        ([b"ada"], [b"a", b"editors"]),
        ([b"ad\xe1"], []),
        ([b"ada"], [b"\xff"]),
        ([b"a\tb"], []),
        ([b" "], []),
        ([b"x" * 256], []),
        (["ada\u202e".encode()], []),
    ],
)
def test_headers_that_are_not_the_proxys_own_or_name_no_person_are_refused(
    users: Sequence[bytes], groups: Sequence[bytes]
) -> None:
    with pytest.raises(NotSignedIn):
        proxied.person(users, groups, settings=SETTINGS)


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("::1", True),
        ("11.0.0.1", False),
        ("::2", False),
        ("127.0.0.1", False),
        ("10.0.0.1, 192.0.2.1", False),
        ("", False),
        (None, False),
        ("/run/socket", False),
    ],
)
def test_a_proxy_is_trusted_by_its_address(address: str | None, trusted: bool) -> None:
    assert proxied.is_trusted(address, settings=SETTINGS) is trusted
