"""A grant held against the tenant that gives it: is all of it there, and how much is it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Column, Table, func, select
from sqlalchemy import Connection as Database

from profile_exchange.domain.connection import AcceptGoal, Connection, ExposeGoal
from profile_exchange.domain.errors import FatalError, GrantOutdated
from profile_exchange.domain.properties import DERIVED_PROPERTIES
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.definitions import objectives, refinements
from profile_exchange.store.tables import objective, profile, profile_property, segment
from profile_exchange.tenants.postgres.audience import Audience, audience_of


def granted_profiles(url: str, connection: Connection, *, now: datetime) -> dict[str, int]:
    """How many profiles of each granted segment may leave now.

    Raises `GrantOutdated` with everything that the connection exposes, or by which it accepts
    entries, and that the tenant does not have.
    """
    goal = _expose_goal(connection)
    with store_errors(url), engine_for(url).connect() as database:
        if missing := list(_missing(database, goal, connection)):
            verb = "exposes" if connection.expose else "accepts entries by"
            raise GrantOutdated(
                f"Connection {connection.id} {verb} {', '.join(missing)}, which tenant "
                f"{connection.tenant} does not have: define it again, or take it out of the file."
            )
        return _counts(database, goal, audience_of(connection, objectives(database)), now)


def _expose_goal(connection: Connection) -> ExposeGoal:
    """What a connection exposes: nothing, where it accepts only."""
    if not connection.answers:
        raise FatalError(
            f"Connection {connection.id} does not expose anything: give it an expose goal."
        )
    return connection.expose or ExposeGoal()


def _missing(database: Database, goal: ExposeGoal, connection: Connection) -> Iterator[str]:
    """What is not there. A property that a partner may write is not missed: it may make it."""
    accept = connection.accept or AcceptGoal()
    properties = [name for name in goal.properties if name not in DERIVED_PROPERTIES]
    segments = dict.fromkeys([*goal.segments, *accept.segments])
    identifiers = dict.fromkeys([*goal.identifiers, *accept.identifiers])
    named: list[tuple[str, Iterable[str], Table, Column[bool] | None]] = [
        ("segment", segments, segment, None),
        ("profile property", properties, profile_property, None),
        ("unique identifier", identifiers, profile_property, profile_property.c.indexed),
        ("objective", connection.objectives, objective, None),
    ]
    for noun, names, table, condition in named:
        known = _ids(database, table, condition)
        yield from (f"{noun} {name}" for name in names if name not in known)


def _ids(database: Database, table: Table, condition: Column[bool] | None) -> set[str]:
    query = select(table.c.id)
    return set(database.execute(query if condition is None else query.where(condition)).scalars())


def _counts(
    database: Database, goal: ExposeGoal, audience: Audience, now: datetime
) -> dict[str, int]:
    rules = refinements(database, goal.segments)
    if not rules:
        return {}
    refiner = audience.refiner(profile)
    counts = [func.count().filter(refiner.condition(rule)) for rule in rules.values()]
    query = select(*counts).select_from(profile).where(audience.condition(profile))
    return dict(zip(rules, database.execute(query, {"now": now}).one(), strict=True))
