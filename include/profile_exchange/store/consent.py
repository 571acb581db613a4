"""Consent in SQL, by the rule of `domain.consent`; for our profiles and for staged ones alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, literal, not_, or_
from sqlalchemy import Text as TextType
from sqlalchemy.dialects.postgresql import ARRAY

from profile_exchange.domain.consent import ConsentState, counted_state
from profile_exchange.domain.tenant import Objective


def consented(
    consented: ColumnElement[Any],
    refused: ColumnElement[Any],
    legislation: ColumnElement[Any],
    objectives: Iterable[Objective],
    *,
    unneeded_counts: bool,
) -> ColumnElement[bool]:
    """Whether a profile with these columns may be processed for one of these objectives.

    ``consented`` and ``refused`` are ``text[]`` of objective ids, ``legislation`` is ``text``;
    each may be null, which is unknown. Never null itself. Of no objective the answer is no.
    """
    state = counted_state(unneeded_counts)
    return or_(
        false(),
        *(stands(consented, refused, legislation, objective, state) for objective in objectives),
    )


def stands(
    consented: ColumnElement[Any],
    refused: ColumnElement[Any],
    legislation: ColumnElement[Any],
    objective: Objective,
    state: ConsentState,
) -> ColumnElement[bool]:
    """Whether a profile with these columns is in a state towards an objective. Never null."""
    is_refused = _among(objective.id, refused)
    given = and_(_among(objective.id, consented), not_(is_refused))
    match state:
        case ConsentState.CONSENTED:
            return given
        case ConsentState.REFUSED:
            return is_refused
        case ConsentState.UNKNOWN:
            return and_(not_(_among(objective.id, consented)), not_(is_refused))
        case ConsentState.REFUSED_OR_UNKNOWN:
            return not_(given)
        case ConsentState.CONSENTED_OR_UNNEEDED:
            unneeded = not_(_needed(legislation, objective))
            return and_(or_(_among(objective.id, consented), unneeded), not_(is_refused))


def _needed(legislation: ColumnElement[Any], objective: Objective) -> ColumnElement[bool]:
    if not objective.needs_consent:
        return false()
    zones = literal(list(objective.legislations), ARRAY(TextType))
    return or_(legislation.is_(None), legislation == func.any(zones))


def _among(objective_id: str, objectives: ColumnElement[Any]) -> ColumnElement[bool]:
    return func.coalesce(literal(objective_id, TextType) == func.any(objectives), false())
