"""Map: what would be written to each of our profiles, by strategy (SEMANTICS, Mapping).

Source values are gathered under their target properties, apart for each strategy, so that the
merge needs one expression a strategy. Validation held the values to their source's type; here
they are held to the target's, where the two differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Numeric,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import JSONB

from profile_exchange.domain.connection import PropertyMapping, Restriction, Strategy
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import MAX_WHOLE_NUMBER, VALUE_FORMS, FilterType
from profile_exchange.pipeline.quarantining import Breach, enter, entered, entries, forget
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import settle, settled, take_back
from profile_exchange.store.database import rows_written
from profile_exchange.store.json_lists import values_of
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.staging import COLUMN_OF, analyze
from profile_exchange.store.tables import quarantine
from profile_exchange.store.value_forms import has_form


def map_properties(run: Run, now: datetime) -> dict[str, int]:
    """Fill ``mapped`` from staging. Returns how many profiles were mapped and rejected."""
    if run.finished:
        return {}
    tables = run.staging
    with at_work(run) as database:
        take_back(database, tables, [Reason.VALUE_TYPE])
        rejected = _reject_wrong_types(database, run, now)
        database.execute(delete(tables.mapped))
        mapped = rows_written(database, _statement(run))
        analyze(database, tables.mapped, "profile_id", "target_id")
    return {"mapped": mapped, "rejected": rejected}


def _source_rows(run: Run) -> Any:
    """Matched profiles beside the staged row that stands for each."""
    staged, matched = run.staging.staged, run.staging.matched
    row = and_(staged.c.profile_id == matched.c.profile_id, staged.c.segment == matched.c.segment)
    return matched.join(staged, row)


def _statement(run: Run) -> Any:
    matched, mapped = run.staging.matched, run.staging.mapped
    by_strategy = [
        _gathered(run, [m for m in run.goal.mappings if m.strategy is strategy]).label(column)
        for strategy, column in COLUMN_OF.items()
    ]
    keys = [matched.c[name] for name in ("profile_id", "segment", "target_id", "is_new")]
    rows = (
        select(*keys, *by_strategy)
        .select_from(_source_rows(run))
        .where(~settled(run.staging, matched))
        # In the order of ids, which is how packages read it and ledgers are indexed.
        .order_by(matched.c.profile_id)
    )
    names = [*(key.name for key in keys), *COLUMN_OF.values()]
    return insert(mapped).from_select(names, rows)


def _gathered(run: Run, mappings: Sequence[PropertyMapping]) -> ColumnElement[Any]:
    """``{target: values}`` of the mappings of one strategy; absent sources are left out."""
    if not mappings:
        return cast(null(), JSONB)
    return object_of({mapping.key: _restricted(run, mapping) for mapping in mappings})


def _restricted(run: Run, mapping: PropertyMapping) -> ColumnElement[Any]:
    """The mapping's values, where its restriction lets them through."""
    is_new = run.staging.matched.c.is_new
    values = _values(run, mapping)
    if mapping.restriction is Restriction.NEW_PROFILES_ONLY:
        return case((is_new, values), else_=None)
    if mapping.restriction is Restriction.EXISTING_PROFILES_ONLY:
        return case((~is_new, values), else_=None)
    return values


def _values(run: Run, mapping: PropertyMapping) -> ColumnElement[Any]:
    """The values to write: as they came for texts, trimmed for every other type."""
    source: ColumnElement[Any] = run.staging.staged.c.properties[mapping.source]
    if mapping.strategy is Strategy.SUM:
        return _total(source)
    if run.plan.targets[mapping.target] is FilterType.SELECT:
        return source
    one = func.jsonb_build_array(func.btrim(source.op("->>", return_type=Text())(0), BLANKS))
    each = values_of(source)
    all_of_them = select(func.jsonb_agg(func.btrim(each.c.value, BLANKS))).scalar_subquery()
    # Nearly every property has one value; only the others pay for taking the list apart.
    return case((func.jsonb_array_length(source) == 1, one), else_=all_of_them)


def _total(source: ColumnElement[Any]) -> ColumnElement[Any]:
    """What a profile contributes to a sum, as a JSON text: JSON numbers would lose digits."""
    one = cast(func.btrim(source.op("->>", return_type=Text())(0), BLANKS), Numeric)
    each = values_of(source)
    total = select(func.sum(cast(func.btrim(each.c.value, BLANKS), Numeric))).scalar_subquery()
    amount = case((func.jsonb_array_length(source) == 1, one), else_=total)
    return func.to_jsonb(cast(func.trim_scale(amount), Text))


def _reject_wrong_types(database: Database, run: Run, now: datetime) -> int:
    """Quarantine profiles whose value does not fit a target of another type than its source."""
    forget(database, run.seq, Reason.VALUE_TYPE)
    for mapping in run.goal.mappings:
        target = run.plan.targets[mapping.target]
        if target in VALUE_FORMS and target != run.plan.sources[mapping.source].filter_type:
            _quarantine_wrong_type(database, run, mapping, target, now)
    mine = entered(run.seq, Reason.VALUE_TYPE)
    wrong = select(quarantine.c.profile_id).distinct().where(mine).subquery("wrong_type")
    return settle(database, run.staging, wrong, Fate.REJECTED, Reason.VALUE_TYPE)


def _quarantine_wrong_type(
    database: Database, run: Run, mapping: PropertyMapping, target: FilterType, now: datetime
) -> None:
    matched = run.staging.matched
    each = values_of(run.staging.staged.c.properties[mapping.source])
    misfits = select(each.c.value).where(_misfits(func.btrim(each.c.value, BLANKS), target))
    breach = Breach(Reason.VALUE_TYPE, mapping.source, f"fits {target.value} of {mapping.target}")
    first = misfits.limit(1).scalar_subquery()
    rows = entries(run.seq, breach, matched.c.profile_id, first, now)
    unfit = ~settled(run.staging, matched), exists(misfits)
    enter(database, rows.select_from(_source_rows(run)).where(*unfit))


def _misfits(text: ColumnElement[str], target: FilterType) -> ColumnElement[bool]:
    fits = has_form(text, target)
    if target is not FilterType.RANGE:
        return ~fits
    too_large = case((fits, func.abs(cast(text, Numeric)) > MAX_WHOLE_NUMBER), else_=False)
    return or_(~fits, too_large)
