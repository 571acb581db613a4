"""What a consumer key is for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from profile_exchange.domain.connection import AcceptGoal, Connection, ExposeGoal


class Scope(StrEnum):
    """``read`` is what the expose goal grants, ``write`` what the accept goal does.

    Neither includes the other.
    """

    READ = "read"
    WRITE = "write"


def goals_of(connection: Connection) -> Mapping[Scope, ExposeGoal | AcceptGoal]:
    """What a connection grants to keys of each scope, without those that it has no goal for."""
    goals = {Scope.READ: connection.expose, Scope.WRITE: connection.accept}
    return {scope: goal for scope, goal in goals.items() if goal is not None}


def scopes_of(connection: Connection) -> tuple[Scope, ...]:
    """The scopes that a connection's keys can have: those that it has a goal for."""
    return tuple(goals_of(connection))
