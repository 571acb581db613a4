"""How many of a tenant's profiles have consented to an objective, or refused it.

Counting looks at every profile, so what was counted is kept, with when that was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal, select
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import ARRAY, insert

from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import consent_count, objective, profile

#: How old kept figures may get before a run counts again.
FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ConsentCount:
    """One objective's figures when they were counted; ``name`` is what the tenant calls it."""

    objective: str
    name: str
    counted_at: datetime
    consented: int
    refused: int
    profiles: int


def kept_consents(url: str, objectives: Sequence[str]) -> Sequence[ConsentCount]:
    """The figures of some objectives as they were counted last, in their order."""
    if not objectives:
        return ()
    with store_errors(url), engine_for(url).connect() as database:
        return _kept(database, objectives)


def count_consents(url: str, objectives: Sequence[str], now: datetime) -> Sequence[ConsentCount]:
    """Count the figures of some objectives now, and keep them. Looks at every profile."""
    if not objectives:
        return ()
    with store_errors(url), engine_for(url).begin() as database:
        _keep(database, _counted(database, objectives), now)
        return _kept(database, objectives)


def renew_consents(url: str, objectives: Sequence[str], now: datetime) -> None:
    """Count again what has not been counted for `FRESH`."""
    kept = kept_consents(url, objectives)
    fresh = {each.objective for each in kept if now - each.counted_at < FRESH}
    if not fresh.issuperset(objectives):
        count_consents(url, objectives, now)


def _counted(database: Database, objectives: Sequence[str]) -> Mapping[str, dict[str, int]]:
    columns = (profile.c.consented_objectives, profile.c.refused_objectives)
    figures = [_holding(column, name) for name in objectives for column in columns]
    query = select(func.count(), *figures).select_from(profile)
    profiles, *numbers = database.execute(query).one()
    pairs = zip(objectives, numbers[::2], numbers[1::2], strict=True)
    return {
        name: {"consented": consented, "refused": refused, "profiles": profiles}
        for name, consented, refused in pairs
    }


def _keep(database: Database, counted: Mapping[str, dict[str, int]], now: datetime) -> None:
    for name in sorted(counted):  # in one order, so that two who count wait for each other
        figures = {**counted[name], "counted_at": now}
        row = insert(consent_count).values(objective=name, **figures)
        kept = row.on_conflict_do_update(index_elements=["objective"], set_=figures)
        database.execute(kept)


def _kept(database: Database, objectives: Sequence[str]) -> Sequence[ConsentCount]:
    table = consent_count
    query = (
        select(table, func.coalesce(objective.c.name, table.c.objective).label("name"))
        .outerjoin(objective, objective.c.id == table.c.objective)
        .where(table.c.objective.in_(objectives))
    )
    found = {row.objective: ConsentCount(**row._mapping) for row in database.execute(query)}
    return [found[name] for name in objectives if name in found]


def _holding(column: ColumnElement[Any], name: str) -> ColumnElement[int]:
    return func.count().filter(column.contains(cast(literal([name], ARRAY(Text)), ARRAY(Text))))
