"""What a consumer key is for."""

from __future__ import annotations

from enum import StrEnum

from profile_exchange.domain.connection import Connection


class Scope(StrEnum):
    """``read`` is what the expose goal grants, ``write`` what the accept goal does.

    Neither includes the other.
    """

    READ = "read"
    WRITE = "write"


def scopes_of(connection: Connection) -> tuple[Scope, ...]:
    """The scopes that a connection's keys can have: those that it has a goal for."""
    goals = {Scope.READ: connection.expose, Scope.WRITE: connection.accept}
    return tuple(scope for scope, goal in goals.items() if goal is not None)
