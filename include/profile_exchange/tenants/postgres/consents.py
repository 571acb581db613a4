"""How many of a tenant's profiles have consented to an objective, or refused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import objective, profile


@dataclass(frozen=True, slots=True)
class ConsentCount:
    """One objective's figures; ``name`` is what the tenant calls it."""

    objective: str
    name: str
    consented: int
    refused: int
    profiles: int


def consent_counts(url: str, objectives: Sequence[str]) -> Sequence[ConsentCount]:
    """The figures of some objectives, in their order. Looks at every profile of the tenant."""
    columns = (profile.c.consented_objectives, profile.c.refused_objectives)
    figures = [_holding(column, name) for name in objectives for column in columns]
    names = select(objective.c.id, objective.c.name).where(objective.c.id.in_(objectives))
    with store_errors(url), engine_for(url).connect() as database:
        called = {row.id: row.name for row in database.execute(names)}
        query = select(func.count(), *figures).select_from(profile)
        profiles, *counted = database.execute(query).one()
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return [
        ConsentCount(name, called.get(name, name), consented, refused, profiles)
        for name, (consented, refused) in zip(objectives, pairs, strict=True)
    ]


def _holding(column: ColumnElement[Any], name: str) -> ColumnElement[int]:
    return func.count().filter(column.contains(cast(literal([name], ARRAY(Text)), ARRAY(Text))))
