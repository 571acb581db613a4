"""Matching that is left to the tenant: who is sent to it, and which profiles are one entry."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    select,
)

from profile_exchange.domain.connection import IdentifierPair
from profile_exchange.domain.fates import Reason
from profile_exchange.pipeline.creating import compared_as, identified
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.identifiers import is_identifier, normalised
from profile_exchange.store.json_lists import values_of


def unresolved(run: Run, going_on: str, visited: ColumnElement[bool]) -> Select[Any]:
    """Each staged row and whether it goes on; ``target_id`` stands for a profile nobody knows yet.

    ``person`` is what the tenant would look for: rows that agree in it are one entry.
    """
    staged = run.staging.staged
    person = looked_for(run, staged) if run.goal.links else cast(staged.c.profile_id, Text)
    return select(
        staged.c.profile_id,
        staged.c.segment,
        staged.c.profile_id.label("target_id"),
        literal(value=False).label("is_new"),
        staged.c.modified,
        _outcome(run, going_on, visited).label("outcome"),
        person.label("person"),
    )


def _outcome(run: Run, going_on: str, visited: ColumnElement[bool]) -> ColumnElement[str]:
    if run.goal.links:
        return case((identified(run), going_on), else_=Reason.NO_IDENTIFIER.value)
    return case((visited, going_on), else_=Reason.NO_VISITED_CHANNEL.value)


def looked_for(run: Run, staged: FromClause) -> ColumnElement[str]:
    """What the tenant would look for with these staged rows, as one text."""
    pairs = dict.fromkeys(pair for link in run.goal.links for pair in link)
    return cast(func.jsonb_build_array(*(_values(run, staged, pair) for pair in pairs)), Text)


def _values(run: Run, staged: FromClause, pair: IdentifierPair) -> ColumnElement[Any]:
    each = values_of(staged.c.properties[pair.theirs])
    compared = normalised(each.c.value, compared_as(run, pair))
    values = func.jsonb_agg(compared.distinct())
    return select(values).where(and_(is_identifier(compared))).correlate(staged).scalar_subquery()
