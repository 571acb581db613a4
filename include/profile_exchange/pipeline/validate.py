"""Validate: Great Expectations over the values of the profiles that are still on their way.

The values are laid out as a table, a column for each property and a row for each profile (more
where a property has several values). Great Expectations says which expectations do not hold
(`pipeline.evaluating`); the rows that break one are found inside the database. No value leaves it:
quarantine keeps a fingerprint.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    true,
    update,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import UUID, distinct_on
from sqlalchemy.schema import CreateTable, DropTable

from profile_exchange.domain.errors import LimitExceeded
from profile_exchange.domain.fates import Fate, Reason, Step
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.properties import VALUE_FORMS
from profile_exchange.pipeline.evaluating import Broken, Evaluation, evaluate
from profile_exchange.pipeline.expectations import (
    ORDINAL,
    PROFILE_ID,
    CheckedProperty,
    PlannedExpectation,
    Portion,
    portions_of,
)
from profile_exchange.pipeline.package_ledger import decided
from profile_exchange.pipeline.quarantining import Breach, enter, entered, entries, forget
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import settle_anew, settled, take_back
from profile_exchange.pipeline.side_by_side import for_each, for_each_range, within
from profile_exchange.store import tables
from profile_exchange.store.json_lists import length_of
from profile_exchange.store.staging import SCHEMA
from profile_exchange.store.tables import quarantine
from profile_exchange.store.value_forms import has_form

log = logging.getLogger(__name__)

_UNWRITTEN = (
    "for the profiles of this run, so nothing was written. Look at what the other tenant exposes "
    "now, or change the expectation."
)


@dataclass(frozen=True, slots=True)
class Validation:
    """How many expectations were run, how many failed, and how many profiles they rejected."""

    expectations: int
    failed: int
    rejected: int


def validate(run: Run, now: datetime) -> Validation:
    """Reject the profiles that break an expectation. Raises `LimitExceeded` for the run's own.

    Expectations about the whole run (a mean, a count) cannot reject a profile: when one does
    not hold, the run stops before anything is written, and a preview says that it would.
    """
    if run.finished:
        return Validation(0, 0, 0)
    # Held over all the transactions that follow: two at once would share the table of values.
    with at_work(run) as holder:
        if decided(holder, run):
            return Validation(0, 0, 0)
        return _validate(run, now)


def _validate(run: Run, now: datetime) -> Validation:
    with run.engine.begin() as database:
        take_back(database, run.staging, Step.VALIDATE)
        forget(database, run.seq, Reason.EXPECTATION)
        _note_stop(database, run, "")
    portions = portions_of(run.goal, run.plan)
    failed = sum(_look_through(run, portion, now) for portion in portions)
    with run.engine.begin() as database:
        rejected = _settle_quarantined(database, run)
    return Validation(sum(len(each.expectations) for each in portions), failed, rejected)


def _look_through(run: Run, portion: Portion, now: datetime) -> int:
    """Evaluate what is expected of some properties. Returns how many expectations failed."""
    values = _values_table(run.seq, portion.properties)
    # As they came: the column of a number is null where the text is none.
    texts: dict[str, ColumnElement[Any]] = {p.id: values.c[p.raw] for p in portion.properties}
    with run.engine.begin() as database:
        database.execute(DropTable(values, if_exists=True))
        database.execute(CreateTable(values))
    try:
        _lay_out(run, values, portion.properties)
        found = _evaluated(run, values, portion.expectations)
        _stop_at(run, found.unmet)
        _quarantine(run, values, found.broken, texts, now)
    finally:
        with run.engine.begin() as database:
            database.execute(DropTable(values, if_exists=True))
    return len(found.broken) + len(found.unmet)


def _evaluated(run: Run, values: Table, planned: Sequence[PlannedExpectation]) -> Evaluation:
    """What does not hold. Of nobody everything does: that nothing has changed stops no run."""
    with run.engine.connect() as database:
        anybody = database.execute(select(values.c[PROFILE_ID]).limit(1)).first()
    return evaluate(run.engine, values, planned) if anybody else Evaluation()


def _stop_at(run: Run, unmet: Sequence[PlannedExpectation]) -> None:
    """Stop the run at an expectation about the whole of it. A preview goes on, and tells."""
    if not unmet:
        return
    told = f"{unmet[0].told} does not hold {_UNWRITTEN}"
    if not run.preview:
        raise LimitExceeded(told)
    with run.engine.begin() as database:
        _note_stop(database, run, told)


def _note_stop(database: Database, run: Run, told: str) -> None:
    if run.preview:
        note = update(tables.run).where(tables.run.c.seq == run.seq)
        database.execute(note.values(stopped_by=told))


def _values_table(seq: int, properties: Sequence[CheckedProperty]) -> Table:
    columns: list[Column[Any]] = [
        Column(PROFILE_ID, UUID(as_uuid=True), nullable=False),
        Column(ORDINAL, Integer, nullable=False),
    ]
    for checked in properties:
        columns.append(Column(checked.raw, Text))
        if checked.numeric:
            columns.append(Column(checked.column, Numeric))
    # Unlogged: it can be laid out again from staging, and does not outlive the step.
    return Table(f"values_{seq:d}", MetaData(schema=SCHEMA), *columns, prefixes=["unlogged"])


def _lay_out(run: Run, values: Table, properties: Sequence[CheckedProperty]) -> None:
    names = [column.name for column in values.columns]

    def lay_out(database: Database, ids: IdRange) -> None:
        database.execute(insert(values).from_select(names, _rows(run, properties, ids)))

    for_each_range(run, lay_out)


def _rows(run: Run, properties: Sequence[CheckedProperty], ids: IdRange) -> Select[Any]:
    staged, matched = run.staging.staged, run.staging.matched
    row = and_(staged.c.profile_id == matched.c.profile_id, staged.c.segment == matched.c.segment)
    earlier = settled(run.staging, matched, before=Step.VALIDATE)
    held = [
        staged.c.properties[checked.id].label(f"held_{checked.position}") for checked in properties
    ]
    # Each list is taken out of its profile once: thousands of values are thousands of rows.
    came = (
        select(matched.c.profile_id, *held)
        .select_from(matched.join(staged, row))
        .where(~earlier, *within(ids, matched.c.profile_id))
        .offset(0)
        .subquery("came")
    )
    lists = [came.c[one.name] for one in held]
    longest = func.greatest(1, *map(length_of, lists))
    each = func.generate_series(1, longest).table_valued("ordinal").render_derived()
    columns: list[ColumnElement[Any]] = [came.c.profile_id, each.c.ordinal]
    for checked, values in zip(properties, lists, strict=True):
        value = values.op("->>", return_type=Text())(each.c.ordinal - 1)
        text = func.btrim(value, BLANKS) if checked.filter_type in VALUE_FORMS else value
        columns.append(text)
        if checked.numeric:
            # CASE is the one place where SQL promises not to cast before it has looked.
            is_number = has_form(text, checked.filter_type)
            columns.append(case((is_number, cast(text, Numeric)), else_=null()))
    return select(*columns).select_from(came.join(each, true()))


def _quarantine(
    run: Run,
    values: Table,
    broken: Sequence[Broken],
    texts: Mapping[str, ColumnElement[Any]],
    now: datetime,
) -> None:
    """Enter whoever breaks an expectation.

    Several of one kind about one property make the same entries, of which the first stands.
    """
    alike: dict[tuple[str, str], list[Broken]] = {}
    for each in broken:
        expectation = each.expectation
        alike.setdefault((expectation.type, expectation.property_id), []).append(each)

    def enter_all(database: Database, some: Sequence[Broken]) -> None:
        for each in some:
            kind, property_id = each.expectation.type, each.expectation.property_id
            text = texts.get(property_id, literal(""))
            number = enter(database, _entries(run, values, each, text, now))
            log.info("%s on %s: %d profiles", kind, property_id, number)

    for_each(run, list(alike.values()), enter_all)


def _entries(
    run: Run, values: Table, broken: Broken, text: ColumnElement[Any], now: datetime
) -> Select[Any]:
    """An entry for each profile that breaks an expectation, with the first value that does."""
    breach = Breach(Reason.EXPECTATION, broken.expectation.property_id, broken.expectation.type)
    profile_id = values.c[PROFILE_ID]
    return (
        entries(run.seq, breach, profile_id, text, now)
        .ext(distinct_on(profile_id))
        .where(broken.condition)
        .order_by(profile_id, values.c[ORDINAL])
    )


def _settle_quarantined(database: Database, run: Run) -> int:
    mine = entered(run.seq, Reason.EXPECTATION)
    rejected = select(quarantine.c.profile_id).distinct().where(mine).subquery("broke_a_rule")
    return settle_anew(database, run.staging, rejected, Fate.REJECTED, Reason.EXPECTATION)
