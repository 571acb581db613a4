"""Profiles that the tenant has merged into others: what they held of the source's has moved along.

A profile that is merged is gone, and another has its values. The ledger of contributions goes by
the tenant's profiles: it would say of the one that nothing has come to it yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, select, update

from profile_exchange.domain.connection import PropertyMapping
from profile_exchange.domain.fates import Fate
from profile_exchange.domain.merging import present
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.contributions import is_of, summed
from profile_exchange.pipeline.ports import Target
from profile_exchange.pipeline.remote.outcomes import PROCESSED
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.tables import contribution


@dataclass(frozen=True, slots=True)
class _Moved:
    """What a source profile has brought to one profile of the tenant's, being another now."""

    mapping: PropertyMapping
    before: UUID
    now: UUID


def follow_merged(run: Run, package: IdRange, target: Target) -> None:
    """Have the ledger say of what was merged where it is now.

    It is where the new profile's property holds a value, though nothing is known to have come to
    it, and the old profile is gone.
    """
    for moved in _moved(run, package):
        if _holds(target, moved.now, moved.mapping.target) and _is_gone(target, moved):
            with run.engine.begin() as database:
                at_old = _entry(run, moved.mapping, moved.before)
                change = update(contribution).where(at_old, ~_known(run, moved.mapping, moved.now))
                database.execute(change.values(target_id=moved.now))


def _moved(run: Run, package: IdRange) -> Iterator[_Moved]:
    for mapping in summed(run.goal):
        with run.engine.connect() as database:
            rows = database.execute(_elsewhere(run, package, mapping)).all()
        yield from (_Moved(mapping, *row) for row in rows)


def _elsewhere(run: Run, package: IdRange, mapping: PropertyMapping) -> Select[Any]:
    """Of a package's profiles: whom they have brought a sum to, and whom they are now."""
    sent, fate, ledger = run.staging.sent, run.staging.fate, contribution
    superseded = exists().where(
        fate.c.profile_id == sent.c.profile_id, fate.c.fate == Fate.SUPERSEDED.value
    )
    return (
        select(ledger.c.target_id, sent.c.target_id)
        .join_from(ledger, sent, sent.c.profile_id == ledger.c.source_id)
        .where(is_of(run, mapping, ledger), sent.c.target_id != ledger.c.target_id)
        .where(sent.c.profile_id.between(package.first, package.last))
        .where(sent.c.state.in_(PROCESSED), ~superseded)
        .where(~_known(run, mapping, sent.c.target_id))
    )


def _known(run: Run, mapping: PropertyMapping, target_id: Any) -> ColumnElement[bool]:
    """Whether something is known to have come to a profile's property."""
    there = contribution.alias("there")
    return exists().where(is_of(run, mapping, there), there.c.target_id == target_id)


def _entry(run: Run, mapping: PropertyMapping, target_id: UUID) -> ColumnElement[bool]:
    return and_(is_of(run, mapping, contribution), contribution.c.target_id == target_id)


def _holds(target: Target, profile_id: UUID, name: str) -> bool:
    read = target.values(profile_id, [name])
    return read is not None and bool(present(read.get(name, ())))


def _is_gone(target: Target, moved: _Moved) -> bool:
    return target.values(moved.before, [moved.mapping.target]) is None
