"""Validate: Great Expectations over the values of the profiles that are still on their way.

The values are laid out as a table, a column for each property and a row for each profile (more
where a property has several values). Great Expectations first only says yes or no for each
expectation; for those that fail, the rows are found by a query built on Great Expectations' own
condition, inside the database. No value leaves it: quarantine keeps a fingerprint.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    MetaData,
    Numeric,
    Select,
    SmallInteger,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import UUID, distinct_on
from sqlalchemy.schema import CreateTable, DropTable

from profile_exchange.domain.errors import ConfigurationError, LimitExceeded
from profile_exchange.domain.fates import Fate, Reason
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.properties import (
    MAX_TEXT_CHARACTERS,
    MAX_VALUE_BYTES,
    VALUE_FORMS,
)
from profile_exchange.pipeline.expectations import (
    CheckedProperty,
    PlannedExpectation,
    checked_properties,
    expectations,
)
from profile_exchange.pipeline.quarantining import Breach, enter, entered, entries, forget
from profile_exchange.pipeline.runs import Run, at_work
from profile_exchange.pipeline.settling import settle, settled, take_back
from profile_exchange.pipeline.side_by_side import for_each_range, within
from profile_exchange.store.staging import SCHEMA
from profile_exchange.store.tables import quarantine
from profile_exchange.store.value_forms import has_form

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Validation:
    """How many expectations were run, how many failed, and how many profiles they rejected."""

    expectations: int
    failed: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Broken:
    """An expectation that does not hold, and the condition of the rows that break it."""

    expectation: PlannedExpectation
    condition: ColumnElement[bool]


def validate(run: Run, now: datetime) -> Validation:
    """Reject the profiles that break an expectation. Raises `LimitExceeded` for the run's own.

    Expectations about the whole run (a mean, a count) cannot reject a profile: when one does
    not hold, the run stops before anything is written.
    """
    if run.finished:
        return Validation(0, 0, 0)
    # Held over all the transactions that follow: two at once would share the table of values.
    with at_work(run):
        return _validate(run, now)


def _validate(run: Run, now: datetime) -> Validation:
    properties = checked_properties(run.goal, run.plan)
    planned = expectations(run.goal, properties)
    values = _values_table(run.seq, properties)
    # As they came: the column of a number is null where the text is none.
    texts: dict[str, ColumnElement[Any]] = {p.id: values.c[p.raw] for p in properties}
    with run.engine.begin() as database:
        take_back(database, run.staging, [Reason.EXPECTATION])
        forget(database, run.seq, Reason.EXPECTATION)
        database.execute(DropTable(values, if_exists=True))
        database.execute(CreateTable(values))
    try:
        _lay_out(run, values, properties)
        broken = _broken(run.engine, values, planned)
        with run.engine.begin() as database:
            for each in broken:
                expectation = each.expectation
                text = texts.get(expectation.property_id, literal(""))
                number = enter(database, _entries(run, values, each, text, now))
                log.info("%s on %s: %d profiles", expectation.type, expectation.property_id, number)
            rejected = _settle_quarantined(database, run)
    finally:
        with run.engine.begin() as database:
            database.execute(DropTable(values, if_exists=True))
    return Validation(len(planned), len(broken), rejected)


def _values_table(seq: int, properties: Sequence[CheckedProperty]) -> Table:
    columns: list[Column[Any]] = [
        Column("profile_id", UUID(as_uuid=True), nullable=False),
        Column("ordinal", SmallInteger, nullable=False),
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
    longest = func.greatest(1, *(_length(run, checked) for checked in properties))
    each = func.generate_series(1, longest).table_valued("ordinal").render_derived()
    columns: list[ColumnElement[Any]] = [matched.c.profile_id, each.c.ordinal]
    for checked in properties:
        values = staged.c.properties[checked.id]
        value = values.op("->>", return_type=Text())(each.c.ordinal - 1)
        text = func.btrim(value, BLANKS) if checked.filter_type in VALUE_FORMS else value
        columns.append(text)
        if checked.numeric:
            # CASE is the one place where SQL promises not to cast before it has looked.
            is_number = has_form(text, checked.filter_type)
            columns.append(case((is_number, cast(text, Numeric)), else_=null()))
    row = and_(staged.c.profile_id == matched.c.profile_id, staged.c.segment == matched.c.segment)
    return (
        select(*columns)
        .select_from(matched.join(staged, row).join(each, true()))
        .where(~settled(run.staging, matched), *within(ids, matched.c.profile_id))
    )


def _length(run: Run, checked: CheckedProperty) -> ColumnElement[int]:
    return func.coalesce(func.jsonb_array_length(run.staging.staged.c.properties[checked.id]), 0)


def _broken(engine: Engine, values: Table, planned: Sequence[PlannedExpectation]) -> list[Broken]:
    """The expectations that do not hold, each with the condition of the rows that break it."""
    if not planned:
        return []
    validator = _validator(engine, values)
    configurations = [_configuration(expectation) for expectation in planned]
    results = validator.graph_validate(
        configurations=configurations,
        runtime_configuration={"result_format": {"result_format": "BOOLEAN_ONLY"}},
    )
    broken = []
    for expectation, configuration, result in zip(planned, configurations, results, strict=True):
        if _raised(result.exception_info):
            raise ConfigurationError(
                f"Expectation {expectation.type} on {expectation.property_id or 'the run'} cannot "
                "be evaluated: compare its kwargs with Great Expectations' documentation."
            )
        if not result.success:
            if expectation.limits_of:
                condition = _exceeds(values.c[expectation.limits_of])
            else:
                condition = _condition(validator, expectation, configuration)
            broken.append(Broken(expectation, condition))
    return broken


def _exceeds(text: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a text is longer than a value can be (SEMANTICS, Mapping and writing 4)."""
    return or_(func.length(text) > MAX_TEXT_CHARACTERS, func.octet_length(text) > MAX_VALUE_BYTES)


def _validator(engine: Engine, values: Table) -> Any:
    # Great Expectations takes seconds to import, and only this step needs it.
    from great_expectations.core.batch import Batch
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )
    from great_expectations.validator.validator import Validator

    execution_engine = SqlAlchemyExecutionEngine(engine=engine)
    data = SqlAlchemyBatchData(
        execution_engine=execution_engine, schema_name=SCHEMA, table_name=values.name
    )
    execution_engine.load_batch_data(values.name, data)
    # What the signature of Batch leaves out, SQL batches being among what it takes.
    untyped: Any = data
    validator = Validator(execution_engine=execution_engine, batches=[Batch(data=untyped)])
    validator.metrics_calculator.show_progress_bars = False
    return validator


def _configuration(expectation: PlannedExpectation) -> Any:
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

    return ExpectationConfiguration(type=expectation.type, kwargs=dict(expectation.kwargs))


def _raised(exception_info: dict[str, Any]) -> bool:
    """Whether evaluating failed; Great Expectations nests this by metric when several did."""
    if "raised_exception" in exception_info:
        return bool(exception_info["raised_exception"])
    return any(_raised(info) for info in exception_info.values() if isinstance(info, dict))


def _condition(
    validator: Any, expectation: PlannedExpectation, configuration: Any
) -> ColumnElement[bool]:
    """Great Expectations' own SQL condition for a row that breaks an expectation."""
    from great_expectations.expectations.registry import get_metric_kwargs
    from great_expectations.validator.metric_configuration import MetricConfiguration

    metric = getattr(configuration.to_domain_obj(), "map_metric", None)
    if metric is None:
        raise LimitExceeded(
            f"Expectation {expectation.type} on {expectation.property_id or 'the run'} does not "
            "hold for the profiles of this run, so nothing was written. Look at what the other "
            "tenant exposes now, or change the expectation."
        )
    name = f"{metric}.condition"
    kwargs = get_metric_kwargs(name, configuration=configuration, runtime_configuration={})
    wanted = MetricConfiguration(
        name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"]
    )
    condition: ColumnElement[bool] = validator.get_metric(wanted)[0]
    if expectation.kwargs.get("row_condition"):
        # The condition leaves out which rows it is for.
        engine = validator.execution_engine
        where: Callable[..., Any] = engine.get_domain_records
        return and_(condition, where(kwargs["metric_domain_kwargs"]).whereclause)
    return condition


def _entries(
    run: Run, values: Table, broken: Broken, text: ColumnElement[Any], now: datetime
) -> Select[Any]:
    """An entry for each profile that breaks an expectation, with the first value that does."""
    breach = Breach(Reason.EXPECTATION, broken.expectation.property_id, broken.expectation.type)
    return (
        entries(run.seq, breach, values.c.profile_id, text, now)
        .ext(distinct_on(values.c.profile_id))
        .where(broken.condition)
        .order_by(values.c.profile_id, values.c.ordinal)
    )


def _settle_quarantined(database: Database, run: Run) -> int:
    mine = entered(run.seq, Reason.EXPECTATION)
    rejected = select(quarantine.c.profile_id).distinct().where(mine).subquery("broke_a_rule")
    return settle(database, run.staging, rejected, Fate.REJECTED, Reason.EXPECTATION)
