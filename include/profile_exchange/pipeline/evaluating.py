"""Evaluating: Great Expectations on the table of values.

It first only says yes or no for each expectation. For those that do not hold, it also has the
condition of the rows that break them; what is built on it, or takes its place where it is no
condition of a row, says which profiles those are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Table, and_, func, select, true, tuple_

from profile_exchange.domain.errors import ConfigurationError, ExchangeError, StoreUnavailable
from profile_exchange.pipeline.expectations import PlannedExpectation
from profile_exchange.store.staging import SCHEMA
from profile_exchange.store.value_forms import is_too_long

#: Expectations that are about a value's other rows: Great Expectations counts those in a query of
#: its own, and its condition is about that.
_UNIQUE = {
    "expect_column_values_to_be_unique": "column",
    "expect_compound_columns_to_be_unique": "column_list",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """An expectation that does not hold, and the condition of the rows that break it."""

    expectation: PlannedExpectation
    condition: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What does not hold: expectations that profiles break, and those about the whole run."""

    broken: tuple[Broken, ...] = ()
    unmet: tuple[PlannedExpectation, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ready:
    """An expectation as Great Expectations takes it.

    ``map_metric`` is what it tells of each row; None for what it tells of all together.
    """

    planned: PlannedExpectation
    configuration: Any
    map_metric: str | None

    @property
    def is_of_rows(self) -> bool:
        """Whether rows break it, and not the run as a whole."""
        return bool(self.planned.limits_of or self.map_metric)


def evaluate(engine: Engine, values: Table, planned: Sequence[PlannedExpectation]) -> Evaluation:
    """Which expectations do not hold.

    Raises `ConfigurationError` for one that cannot be evaluated.
    """
    if not planned:
        return Evaluation()
    validator = _validator(engine, values)
    ready = [_ready(each) for each in planned]
    results = _results(validator, ready)
    if any(_raised(result.exception_info) for result in results):
        raise _not_evaluated(engine, validator, ready)
    failed = [each for each, result in zip(ready, results, strict=True) if not result.success]
    by_rows = [each for each in failed if each.is_of_rows]
    conditions = _conditions(validator, values, by_rows)
    broken = (Broken(each.planned, found) for each, found in zip(by_rows, conditions, strict=True))
    return Evaluation(tuple(broken), tuple(each.planned for each in failed if not each.is_of_rows))


def _validator(engine: Engine, values: Table) -> Any:
    # Great Expectations takes seconds to import, and only this step needs it.
    from great_expectations.core.batch import Batch
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.execution_engine.sqlalchemy_execution_engine import (
        SqlAlchemyExecutionEngine,
    )
    from great_expectations.validator.validator import Validator

    execution_engine: Any = SqlAlchemyExecutionEngine(engine=engine)
    # When it is collected, it closes whatever connections its engine has. They are not its own.
    execution_engine.close = _leave_open
    data = SqlAlchemyBatchData(
        execution_engine=execution_engine, schema_name=SCHEMA, table_name=values.name
    )
    execution_engine.load_batch_data(values.name, data)
    # What the signature of Batch leaves out, SQL batches being among what it takes.
    untyped: Any = data
    validator = Validator(execution_engine=execution_engine, batches=[Batch(data=untyped)])
    validator.metrics_calculator.show_progress_bars = False
    return validator


def _leave_open() -> None:
    """Close nothing."""


def _results(validator: Any, ready: Sequence[_Ready]) -> Any:
    """Whether each holds, in their order, or that something cannot be evaluated."""
    return validator.graph_validate(
        configurations=[each.configuration for each in ready],
        runtime_configuration={"result_format": {"result_format": "BOOLEAN_ONLY"}},
    )


def _ready(expectation: PlannedExpectation) -> _Ready:
    """As Great Expectations takes it. Raises `ConfigurationError` for kwargs that it does not."""
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

    configuration = ExpectationConfiguration(type=expectation.type, kwargs=dict(expectation.kwargs))
    try:
        kind = configuration.to_domain_obj()
    except ValidationError:
        raise _no_such_evaluation(expectation) from None
    return _Ready(expectation, configuration, getattr(kind, "map_metric", None))


def _raised(exception_info: dict[str, Any]) -> bool:
    """Whether evaluating failed; Great Expectations nests this by metric when several did."""
    if "raised_exception" in exception_info:
        return bool(exception_info["raised_exception"])
    return any(_raised(info) for info in exception_info.values() if isinstance(info, dict))


def _not_evaluated(engine: Engine, validator: Any, ready: Sequence[_Ready]) -> ExchangeError:
    """The error about the expectation that cannot be evaluated.

    Great Expectations asks several things at once, and one that fails takes the others along:
    which one it is shows when each is evaluated alone.
    """
    with engine.connect() as database:
        # A database that is away says so itself.
        database.execute(select(true()))
    for each in ready:
        if not each.planned.configured:
            continue
        if any(_raised(result.exception_info) for result in _results(validator, [each])):
            return _no_such_evaluation(each.planned)
    return StoreUnavailable(
        "Great Expectations could not look at the values of the profiles: it is tried again."
    )


def _no_such_evaluation(expectation: PlannedExpectation) -> ConfigurationError:
    return ConfigurationError(
        f"{expectation.told} cannot be evaluated: compare its kwargs, and the type of the "
        "property, with Great Expectations' documentation."
    )


def _conditions(
    validator: Any, values: Table, broken: Sequence[_Ready]
) -> list[ColumnElement[bool]]:
    """For each expectation the SQL condition of a row that breaks it."""
    own = iter(_own_conditions(validator, [each for each in broken if not _is_ours(each)]))
    return [_ours(validator, values, each) if _is_ours(each) else next(own) for each in broken]


def _is_ours(ready: _Ready) -> bool:
    """Whether the rows are those of a condition that takes the place of its own."""
    return bool(ready.planned.limits_of) or ready.planned.type in _UNIQUE


def _ours(validator: Any, values: Table, ready: _Ready) -> ColumnElement[bool]:
    expectation = ready.planned
    if expectation.limits_of:
        return is_too_long(values.c[expectation.limits_of])
    named = expectation.kwargs[_UNIQUE[expectation.type]]
    names = [named] if isinstance(named, str) else named
    return _repeated(values, names, _rows_meant(validator, ready))


def _repeated(
    values: Table, names: Sequence[str], meant: ColumnElement[bool]
) -> ColumnElement[bool]:
    """Whether another of the rows that are meant has the same values; null is the same as none."""
    others = values.alias("others")
    columns = [others.c[name] for name in names]
    several = select(*columns).where(meant).group_by(*columns).having(func.count() > 1)
    return and_(tuple_(*(values.c[name] for name in names)).in_(several), meant)


def _own_conditions(validator: Any, broken: Sequence[_Ready]) -> list[ColumnElement[bool]]:
    """Great Expectations' own conditions, and which rows they are for, which those leave out.

    They are asked for together: for each question it looks at the table of values anew.
    """
    from great_expectations.validator.metric_configuration import MetricConfiguration

    wanted = []
    for each in broken:
        name, kwargs = _metric(each)
        parts = kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"]
        wanted.append(MetricConfiguration(name, *parts))
    found = _computed(validator, wanted)
    for each, metric in zip(broken, wanted, strict=True):
        if metric.id not in found:
            raise _no_such_evaluation(each.planned)
    return [
        and_(found[metric.id][0], _rows_meant(validator, each))
        for each, metric in zip(broken, wanted, strict=True)
    ]


def _computed(validator: Any, wanted: Sequence[Any]) -> dict[Any, Any]:
    """The metrics that can be computed, by id; where one cannot, all are tried by themselves."""
    from great_expectations.exceptions.exceptions import GreatExpectationsError

    compute = validator.metrics_calculator.compute_metrics
    try:
        return dict(compute(wanted)[0])
    except GreatExpectationsError:
        found: dict[Any, Any] = {}
        for metric in wanted:
            with suppress(GreatExpectationsError):
                found |= compute([metric])[0]
        return found


def _rows_meant(validator: Any, ready: _Ready) -> ColumnElement[bool]:
    if not ready.planned.kwargs.get("row_condition"):
        return true()
    _, kwargs = _metric(ready)
    rows = validator.execution_engine.get_domain_records(kwargs["metric_domain_kwargs"])
    condition: ColumnElement[bool] = rows.whereclause
    return condition


def _metric(ready: _Ready) -> tuple[str, Any]:
    """The name and the arguments of the metric that has the condition of an expectation's rows."""
    from great_expectations.expectations.registry import get_metric_kwargs

    name = f"{ready.map_metric}.condition"
    return name, get_metric_kwargs(
        name, configuration=ready.configuration, runtime_configuration={}
    )
