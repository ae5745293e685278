"""Which role may do what: one row for each route.

A route without a row is refused when the app is made, and so is a row without a route: nothing is open because somebody
forgot it.
"""

from collections.abc import Iterable, Mapping

from rag_flywheel.domain import Role

SIGNING_IN = frozenset({"GET /login", "GET /login/callback", "GET /sign-in", "POST /sign-in", "POST /logout"})
"""By which people begin and end to say who they are."""
SIGNED = frozenset(f"POST /integrations/slack/{what}" for what in ("commands", "events", "interactivity"))
"""Whose signature says who asks: the route itself reads the body for that."""
EVERYBODY = frozenset({"GET /health", "GET /static/{name}", "GET /widget.js", "GET /widget", *SIGNING_IN, *SIGNED})
"""Answered without asking who asks: those, what watches over the server, what all pages consist of, and the empty frame
of the widget.
"""

CARRYING = frozenset({"POST /mcp"})
"""By which a program sends requests to other routes in one: those take their turns, and it takes none beside them."""

_TABLE = """
route                                       asker  reviewer  operator  admin

GET /                                       x      x         x         x
POST /ask                                   x      x         x         x
GET /answers/{interaction_id}               x      x         x         x
POST /answers/{interaction_id}/feedback     x      x         x         x
GET /answers/{interaction_id}/correct       x      x         x         x
POST /answers/{interaction_id}/correct      x      x         x         x
POST /preview                               x      x         x         x
GET /documents/{document_id}                x      x         x         x
GET /widget/conversation                    x      x         x         x
GET /my-corrections                         x      x         x         x
GET /conversations                          x      x         x         x
GET /conversations/{session}                x      x         x         x
POST /conversations/{session}/delete        x      x         x         x
GET /consent                                x      x         x         x
POST /consent                               x      x         x         x
POST /chat                                  x      x         x         x
POST /feedback                              x      x         x         x
POST /corrections                           x      x         x         x
GET /corrections/{correction_id}            x      x         x         x
POST /search                                x      x         x         x
GET /interactions/{interaction_id}/explain  x      x         x         x
POST /mcp                                   x      x         x         x
POST /v1/chat/completions                   x      x         x         x
GET /v1/models                              x      x         x         x
GET /v1/models/{model}                      x      x         x         x
GET /me                                     x      x         x         x
GET /users/{user}/data                      x      x         x         x
DELETE /users/{user}/data                   x      x         x         x
GET /users/{user}/consent                   x      x         x         x
PUT /users/{user}/consent                   x      x         x         x
GET /openapi.json                           x      x         x         x
GET /docs                                   x      x         x         x
GET /docs/{part}                            x      x         x         x

GET /review                                 -      x         -         x
GET /review/{correction_id}                 -      x         -         x
GET /review.csv                             -      x         -         x
POST /review                                -      x         -         x
POST /review/next                           -      x         -         x
GET /review/progress                        -      x         -         x
GET /review/agreement                       -      x         -         x
GET /review/second                          -      x         -         x
POST /review/second/{correction_id}         -      x         -         x
POST /review/{correction_id}                -      x         -         x
GET /review/{correction_id}/touches         -      x         -         x
POST /review/{correction_id}/undo           -      x         -         x
POST /review/{correction_id}/take           -      x         -         x
POST /review/{correction_id}/leave          -      x         -         x
POST /review/{correction_id}/skip           -      x         -         x
POST /review/{correction_id}/assign         -      x         -         x
GET /gaps                                   -      x         x         x
GET /gaps/export                            -      x         x         x
GET /gaps/{topic}                           -      x         x         x
POST /gaps/{topic}/ruling                   -      x         x         x
POST /gaps/{topic}/answer                   -      x         x         x
POST /gaps/{topic}/check                    -      x         x         x
GET /triage                                 -      x         x         x
GET /aside                                  -      x         x         x
GET /aside/{id}                             -      x         x         x
POST /aside/{id}/release                    -      x         x         x
POST /aside/{id}/drop                       -      x         x         x
GET /insights                               -      x         x         x
GET /insights/budget                        -      x         x         x
GET /insights/overview                      -      x         x         x
GET /insights/export                        -      x         x         x
GET /insights/digest                        -      x         x         x
POST /insights                              -      -         x         x
POST /insights/digest                       -      -         x         x
GET /golden                                 -      x         x         x
GET /golden/check                           -      x         x         x

GET /feedback/export                        -      -         x         x
POST /feedback/import                       -      -         x         x
GET /golden/export                          -      -         x         x
GET /golden/passages                        -      -         x         x
POST /golden                                -      -         x         x
POST /golden/import                         -      -         x         x
POST /golden/retire                         -      -         x         x
GET /compare                                -      x         x         x
POST /compare                               -      x         x         x
GET /versions                               -      x         x         x
GET /versions/{version}                     -      x         x         x
GET /versions/{version}/diff/{other}        -      x         x         x
GET /reports/{version}                      -      x         x         x
POST /reindex                               -      -         x         x
POST /promote                               -      -         x         x
POST /rollback                              -      -         x         x
GET /canary                                 -      x         x         x
POST /canary/tick                           -      -         x         x
POST /canary/stop                           -      -         x         x
GET /freeze                                 -      x         x         x
POST /freeze                                -      -         x         x
GET /holdout                                -      x         x         x
POST /holdout                               -      -         x         x
GET /audit                                  -      -         x         x
GET /config                                 -      -         x         x
GET /metrics                                -      -         x         x

GET /keys                                   -      -         -         x
POST /keys                                  -      -         -         x
POST /keys/{key_id}/revoke                  -      -         -         x
POST /keys/{key_id}/rotate                  -      -         -         x
"""


def _read(table: str) -> Mapping[str, frozenset[Role]]:
    heading, *rows = (line.split() for line in table.splitlines() if line)
    roles = [Role(name) for name in heading[1:]]
    return {
        f"{method} {path}": frozenset(role for role, mark in zip(roles, marks, strict=True) if mark == "x")
        for method, path, *marks in rows
    }


ROLES = _read(_TABLE)
"""The roles that a route takes, by `METHOD /path`."""


def refuse_gaps(routes: Iterable[str]) -> None:
    """Raises ValueError where routes, as `METHOD /path`, and rows are not the same."""
    served = set(routes)
    without = sorted(served - ROLES.keys() - EVERYBODY)
    gone = sorted((ROLES.keys() | EVERYBODY) - served)
    if without or gone:
        raise ValueError(
            f"access.roles says who may do what: no row for {', '.join(without) or 'none'}; "
            f"no route for {', '.join(gone) or 'none'}"
        )
