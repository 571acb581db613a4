"""Map: what would be written to each of our profiles, by strategy (SEMANTICS, Mapping).

Source values are gathered under their target properties, apart for each strategy, so that the
merge needs one expression a strategy. Validation held the values to their source's type; here
they are held to the target's, where the two differ, and linked ones to that of the identifiers
that they become.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    cast,
    delete,
    func,
    insert,
    null,
    select,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import JSONB

from profile_exchange.domain.connection import PropertyMapping, Strategy
from profile_exchange.domain.fates import Fate, Reason, Step
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.linked_values import enter_unfit
from profile_exchange.pipeline.package_ledger import decided
from profile_exchange.pipeline.quarantining import Breach, enter, entered, entries, forget
from profile_exchange.pipeline.remote.new_profiles import told_when_written
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import settle, settled, take_back
from profile_exchange.pipeline.side_by_side import for_each_range, within
from profile_exchange.pipeline.sources import Sources
from profile_exchange.store.database import rows_written
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.staging import COLUMN_OF, analyze
from profile_exchange.store.tables import quarantine


def map_properties(run: Run, now: datetime) -> dict[str, int]:
    """Fill ``mapped`` from staging. Returns how many profiles were mapped and rejected."""
    if run.finished:
        return {}
    tables = run.staging
    with at_work(run) as holder:
        if decided(holder, run):
            return {}
        with run.engine.begin() as database:
            take_back(database, tables, Step.MAP_PROPERTIES)
            rejected = _reject_wrong_types(database, run, now)
            database.execute(delete(tables.mapped))
        mapped = for_each_range(run, lambda part, ids: rows_written(part, _statement(run, ids)))
        with run.engine.begin() as database:
            analyze(database, tables.mapped, "profile_id", "target_id")
    return {"mapped": sum(mapped), "rejected": rejected}


def _statement(run: Run, ids: IdRange) -> Any:
    matched, mapped, sources = run.staging.matched, run.staging.mapped, Sources(run)
    by_strategy = [
        _gathered(sources, [m for m in run.goal.mappings if m.strategy is strategy]).label(column)
        for strategy, column in COLUMN_OF.items()
    ]
    keys = [matched.c[name] for name in ("profile_id", "segment", "target_id", "is_new")]
    rows = (
        select(*keys, *by_strategy)
        .select_from(sources.rows)
        .where(~settled(run.staging, matched), *within(ids, matched.c.profile_id))
        # In the order of ids, which is how packages read it and ledgers are indexed.
        .order_by(matched.c.profile_id)
    )
    names = [*(key.name for key in keys), *COLUMN_OF.values()]
    return insert(mapped).from_select(names, rows)


def _gathered(sources: Sources, mappings: Sequence[PropertyMapping]) -> ColumnElement[Any]:
    """``{key: values}`` of the mappings of one strategy; absent sources are left out."""
    if not mappings:
        return cast(null(), JSONB)
    by_key: dict[str, list[PropertyMapping]] = {}
    for mapping in mappings:
        by_key.setdefault(sources.key(mapping), []).append(mapping)
    return object_of({key: _together(sources, some) for key, some in by_key.items()})


def _together(sources: Sources, mappings: Sequence[PropertyMapping]) -> ColumnElement[Any]:
    """What several mappings bring to one target: lists all their values, else the first's."""
    values = [sources.gathered(mapping) for mapping in mappings]
    if len(values) == 1:
        return values[0]
    if mappings[0].strategy not in {Strategy.ADD, Strategy.REMOVE}:
        return func.coalesce(*values)
    return reduce(_joined, values)


def _joined(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Two lists, either of which may be null."""
    return func.coalesce(one.op("||", return_type=JSONB())(other), one, other)


def _reject_wrong_types(database: Database, run: Run, now: datetime) -> int:
    """Quarantine profiles whose value does not fit a target of another type than its source."""
    forget(database, run.seq, Reason.VALUE_TYPE)
    sources = Sources(run)
    for mapping in run.goal.mappings:
        if sources.has_misfits(mapping) and not told_when_written(run, mapping):
            enter(database, _misfits(run, sources, mapping, now))
    enter_unfit(database, run, now)
    mine = entered(run.seq, Reason.VALUE_TYPE)
    wrong = select(quarantine.c.profile_id).distinct().where(mine).subquery("wrong_type")
    return settle(database, run.staging, wrong, Fate.REJECTED, Reason.VALUE_TYPE)


def _misfits(run: Run, sources: Sources, mapping: PropertyMapping, now: datetime) -> Select[Any]:
    """Entries of the profiles that have a value which the mapping's target cannot hold."""
    matched, target = run.staging.matched, run.plan.targets[mapping.target]
    breach = Breach(Reason.VALUE_TYPE, mapping.label, f"fits {target.value} of {mapping.target}")
    misfit = sources.misfit(mapping)
    applies = sources.applies(mapping)
    unfit = [~settled(run.staging, matched), misfit.isnot(None)]
    rows = entries(run.seq, breach, matched.c.profile_id, misfit, now)
    return rows.select_from(sources.rows).where(*unfit, *([] if applies is None else [applies]))
