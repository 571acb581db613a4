"""Contributions: what the sums of our profiles hold of the other tenant's (SEMANTICS, Mapping 2).

The ledger knows, for each summed property of one of our profiles, which source profile
contributed and how much: always the one that won ours last (SEMANTICS, Matching 5). A merge adds
the difference to that, so:

- the same source profile with the same amount adds nothing, however often it comes;
- one without a value changes nothing, as with every strategy;
- another source profile that wins ours takes the place of the first, whose amount goes; when
  the first wins again, the same happens the other way round;
- a source profile that has moved on, to another of ours or behind one that supersedes it, is
  taken out of the one that it left, in the transaction that writes it elsewhere;
- a property that holds nothing any more holds nothing of theirs, and one whose values another
  strategy has replaced holds only those: what the ledger said of it is forgotten.

The totals are those of a fresh import. What a source profile contributed stays when it does not
come, matches nobody, or is ambiguous, withheld or rejected; or when whoever supersedes it is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import ARRAY, Insert
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlalchemy.sql.dml import Update

from profile_exchange.domain.connection import (
    ImportGoal,
    PropertyMapping,
    Strategy,
)
from profile_exchange.domain.fates import TAKEN, Fate
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.tenant import Objective
from profile_exchange.pipeline.filter_by_consent import allowed
from profile_exchange.pipeline.merging import (
    Held,
    brought,
    contributed,
    has,
    number_at,
    total_fits,
)
from profile_exchange.pipeline.runs import Run
from profile_exchange.store import tables
from profile_exchange.store.database import rows_written
from profile_exchange.store.json_objects import object_of
from profile_exchange.store.staging import analyze
from profile_exchange.store.tables import profile

#: Entries of a connection.
_FEW = 10_000


def summed(goal: ImportGoal) -> list[PropertyMapping]:
    """The mappings that add up."""
    return [mapping for mapping in goal.mappings if mapping.strategy is Strategy.SUM]


def held(
    run: Run, mapped: FromClause, mapping: PropertyMapping, *, few: bool = False
) -> tuple[FromClause, ColumnElement[bool], Held]:
    """What a sum of the mapped profiles of ours holds now: the entries, their join, their columns.

    ``few`` is what `has_few` says, for a statement beside which other packages are written.
    """
    ledger = tables.contribution
    entries = (
        select(ledger.c.target_id, ledger.c.source_id, ledger.c.amount)
        .where(is_of(run, mapping, ledger))
        .cte()
    )
    if few:
        entries = entries.prefix_with("MATERIALIZED")
    from_another: ColumnElement[bool] = entries.c.source_id != mapped.c.profile_id
    same = entries.c.target_id == mapped.c.target_id
    return entries, same, Held(entries.c.amount, from_another)


def has_few(database: Database, run: Run) -> bool:
    """Whether a connection has so few entries in the ledger that they are best read once.

    Beside a package others enter thousands, which it does not see. In a table that was empty when
    it made its plan, PostgreSQL would pass over them again for every profile.
    """
    ledger = tables.contribution
    mine = select(ledger.c.target_id).where(ledger.c.connection == run.connection.id).limit(_FEW)
    return bool(database.execute(select(func.count() < _FEW).select_from(mine.subquery())).scalar())


def is_of(run: Run, mapping: PropertyMapping, ledger: FromClause) -> ColumnElement[bool]:
    """Whether entries of the ledger are of one mapping of a connection."""
    return and_(
        ledger.c.connection == run.connection.id,
        ledger.c.property_id == mapping.target,
        ledger.c.source_property == mapping.label,
    )


def forget_emptied(database: Database, run: Run, package: IdRange) -> None:
    """Forget what is in the ledger of properties that hold nothing, before a package is written.

    Somebody has emptied them, and what comes now is all that they hold of the other tenant's.
    """
    ledger = tables.contribution
    empty = exists().where(
        profile.c.id == ledger.c.target_id,
        ~func.jsonb_exists(profile.c.properties, ledger.c.property_id),
    )
    _forget(database, run, package, run.goal.targets, empty)


def remember(database: Database, run: Run, package: IdRange, *, few: bool) -> None:
    """Remember what the profiles of a package have contributed, for the difference next time."""
    for mapping in summed(run.goal):
        # A first run need not look for what is there already: that takes twice as long. No other
        # package has these profiles of ours, and no other run is at work.
        known = exists().where(is_of(run, mapping, tables.contribution))
        some_known = bool(database.execute(select(known)).scalar_one())
        changed = _changed(run, package, mapping, few=few, some_known=some_known)
        database.execute(changed)
    _forget_replaced(database, run, package)


def _forget_replaced(database: Database, run: Run, package: IdRange) -> None:
    """Forget what is in the ledger of properties whose values a SET has replaced."""
    mapped, fate, ledger = run.staging.mapped, run.staging.fate, tables.contribution
    written = exists().where(fate.c.profile_id == mapped.c.profile_id, fate.c.fate.in_(TAKEN))
    replaced = exists().where(
        mapped.c.target_id == ledger.c.target_id,
        func.jsonb_exists(mapped.c.replacements, ledger.c.property_id),
        written,
    )
    targets = {m.target for m in run.goal.mappings if m.strategy is Strategy.SET}
    _forget(database, run, package, targets, replaced)


def _forget(
    database: Database,
    run: Run,
    package: IdRange,
    targets: Collection[str],
    condition: ColumnElement[bool],
) -> None:
    """Delete what is in the ledger about some targets of a package's profiles of ours."""
    ledger, mapped = tables.contribution, run.staging.mapped
    mine = and_(ledger.c.connection == run.connection.id, ledger.c.property_id.in_(sorted(targets)))
    # A connection that has never added up has nothing to look for, profile by profile.
    if targets and database.execute(select(exists().where(mine))).scalar_one():
        ours = select(mapped.c.target_id).where(_in(package, mapped.c.profile_id))
        database.execute(delete(ledger).where(mine, ledger.c.target_id.in_(ours), condition))


def _changed(
    run: Run, package: IdRange, mapping: PropertyMapping, *, few: bool, some_known: bool
) -> Insert:
    """Enter what a package's profiles contribute now, where it is not what they did before."""
    mapped, fate, ledger = run.staging.mapped, run.staging.fate, tables.contribution
    last, same, before = held(run, mapped, mapping, few=few)
    amount = contributed(brought(mapped.c.sums, mapping), before)
    rows = (
        select(
            literal(run.connection.id),
            literal(mapping.target),
            mapped.c.target_id,
            literal(mapping.label),
            mapped.c.profile_id,
            amount,
        )
        .select_from(
            mapped.join(fate, fate.c.profile_id == mapped.c.profile_id).outerjoin(last, same)
        )
        .where(_in(package, mapped.c.profile_id), fate.c.fate.in_(TAKEN), amount.isnot(None))
        .where(or_(amount.is_distinct_from(before.amount), before.from_another))
        # In the order of the ledger's index, which then grows at one place.
        .order_by(mapped.c.target_id)
    )
    names = [
        *("connection", "property_id", "target_id"),
        *("source_property", "source_id", "amount"),
    ]
    entry = insert_into(ledger).from_select(names, rows)
    if not some_known:
        return entry
    new = {"source_id": entry.excluded.source_id, "amount": entry.excluded.amount}
    return entry.on_conflict_do_update(constraint=ledger.primary_key, set_=new)


def count_contributions(database: Database, run: Run) -> None:
    """Have PostgreSQL know how much there is in the ledger, at the end of a run that adds up.

    The next run may be small and come soon, before autovacuum has looked: not knowing, PostgreSQL
    would go through all entries of the connection for each profile.
    """
    if summed(run.goal):
        key = (column.name for column in tables.contribution.primary_key)
        analyze(database, tables.contribution, *key)


def take_out_of_left(
    database: Database,
    run: Run,
    package: IdRange,
    objectives: Sequence[Objective],
    now: datetime,
) -> dict[str, int]:
    """Take what a package's profiles contributed out of the profiles of ours that they left.

    Returns how many amounts were taken out, by target property.

    Those that another profile of the run wins are not touched: that one takes over in its own
    package. So no two packages want the same profile of ours, but for several sums that came
    from different profiles; all are locked in the order of their ids.
    """
    taken: dict[str, int] = {}
    for mapping in summed(run.goal):
        left = _left(run, package, mapping, objectives)
        number = rows_written(database, _taken_out(run, left, mapping, now))
        taken[mapping.target] = taken.get(mapping.target, 0) + number
    return taken


def _left(
    run: Run, package: IdRange, mapping: PropertyMapping, objectives: Sequence[Objective]
) -> Select[Any]:
    """``(target_id)`` of what is in the ledger from profiles that are elsewhere now."""
    ledger = tables.contribution
    total = number_at(profile.c.properties, mapping.target) - ledger.c.amount
    return (
        select(ledger.c.target_id)
        .join_from(ledger, profile, profile.c.id == ledger.c.target_id)
        .where(is_of(run, mapping, ledger), _in(package, ledger.c.source_id))
        .where(_is_elsewhere(run, ledger))
        .where(allowed(run, profile, objectives))
        .where(total_fits(total, run.plan.targets[mapping.target]))
        .order_by(ledger.c.target_id)
        .with_for_update(of=profile)
    )


def _is_elsewhere(run: Run, ledger: Table) -> ColumnElement[bool]:
    """Whether the profile that contributed was written to another of ours, or superseded there.

    Where it was superseded by one that wins the same profile of ours and was rejected or
    withheld, nobody has said anything else about that one.
    """
    fate, mapped, matched = run.staging.fate, run.staging.mapped, run.staging.matched
    of_source = fate.c.profile_id == ledger.c.source_id
    written = exists().where(of_source, fate.c.fate.in_(TAKEN))
    superseded = exists().where(of_source, fate.c.fate == Fate.SUPERSEDED.value)
    return or_(
        and_(written, ~exists().where(mapped.c.target_id == ledger.c.target_id)),
        and_(superseded, ~exists().where(matched.c.target_id == ledger.c.target_id)),
    )


def _taken_out(run: Run, left: Select[Any], mapping: PropertyMapping, now: datetime) -> Update:
    ledger, target = tables.contribution, mapping.target
    rows = left.cte("left_behind")
    gone = (
        delete(ledger)
        .where(is_of(run, mapping, ledger), ledger.c.target_id == rows.c.target_id)
        .returning(ledger.c.target_id, ledger.c.amount)
        .cte("gone")
    )
    total = number_at(profile.c.properties, target) - gone.c.amount
    key = cast(literal([target]), ARRAY(Text))
    left_over = object_of({target: func.jsonb_build_array(cast(func.trim_scale(total), Text))})
    return (
        update(profile)
        .where(profile.c.id == gone.c.target_id, has(profile.c.properties, target))
        .values(
            properties=case(
                (total == 0, profile.c.properties.op("-")(key)),
                else_=profile.c.properties.op("||")(left_over),
            ),
            modified_at=now,
        )
    )


def _in(package: IdRange, profile_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return profile_id.between(package.first, package.last)
