"""An OpenID provider in a process of its own: Canaille, which is one that people use, with two people and two clients:
one in which people sign in with a browser, and one that asks for access tokens that are meant for our API.

`python -m tests.identity_provider PORT OURS` reads its signing keys (JWK; the first one signs) as JSON from its input
and prints a line once it answers. Browsers are sent back to port OURS of this machine, or to port 80.
"""

import datetime
import json
import os
import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

CLIENT, TOOL, SECRET, AUDIENCE = "rag-flywheel", "a-tool", "s3cret+/%&=", "https://rag.example.org"
PEOPLE = {"ada": "lovelace's password", "grace": "hopper's password"}


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


def main(port: int, ours: int, keys: list[dict[str, str]]) -> None:
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # it is on this machine
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from canaille.backends.memory.backend import MemoryBackend

    find = MemoryBackend.do_query

    def find_all_that_is_asked(self: MemoryBackend, model: Any, **wanted: Any) -> list[Any]:
        """Its store in memory (0.3.6) finds what has any of the values, where all are asked for: another's code."""
        found = [{each.id: each for each in find(self, model, **{name: value})} for name, value in wanted.items()]
        return (
            [each for key, each in found[0].items() if all(key in more for more in found)]
            if found
            else find(self, model)
        )

    MemoryBackend.do_query = find_all_that_is_asked
    app = create_app(
        config={
            "SECRET_KEY": "of the provider's own cookies",
            "WTF_CSRF_ENABLED": True,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {
                "DATABASE": "memory",
                "JAVASCRIPT": False,
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}},
            },
            "CANAILLE_OIDC": {"ACTIVE_JWKS": keys},
        },
        env_file=None,
    )
    with app.app_context():
        for name, password in PEOPLE.items():
            user = models.User(
                user_name=name,
                formatted_name=name,
                family_name=name,
                emails=[f"{name}@example.org"],
                password=password,
            )
            Backend.instance.save(user)
        audience = models.Client(client_id=AUDIENCE, client_name="the API", redirect_uris=["http://localhost/unused"])
        Backend.instance.save(audience)
        for name, grant in ((CLIENT, "authorization_code"), (TOOL, "password")):
            client = models.Client(
                client_id=name,
                client_secret=SECRET,
                client_name=name,
                client_id_issued_at=datetime.datetime.now(datetime.UTC),
                redirect_uris=[f"http://localhost{at}/login/callback" for at in ("", f":{ours}")],
                grant_types=[grant],
                response_types=["code"],
                scope=["openid", "profile", "email"],
                token_endpoint_auth_method="client_secret_post",
            )
            Backend.instance.save(client)
            client.audience = [client if name == CLIENT else audience]
            Backend.instance.save(client)
    server = make_server("localhost", port, app, handler_class=Quiet)
    print("answers", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.load(sys.stdin))
