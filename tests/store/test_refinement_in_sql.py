"""A refinement selects the same profiles in SQL as in the domain, whatever is in their values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import DateTime, Text, bindparam, column, literal, select, values
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from tests.examples import examples

from profile_exchange.domain.consent import ConsentRecord, ConsentState
from profile_exchange.domain.moments import epoch_milliseconds, moment_of
from profile_exchange.domain.refinement import Refined, matches, number_of
from profile_exchange.domain.refinement_grammar import parse_refinement
from profile_exchange.domain.tenant import Objective
from profile_exchange.store import refinement as in_sql
from profile_exchange.store.database import engine_for
from profile_exchange.store.refinement import Refiner

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
CREATED = datetime(1969, 7, 20, 20, 17, 40, 999_999, tzinfo=UTC)
MODIFIED = datetime(2025, 2, 28, 23, 59, 59, 1_999, tzinfo=UTC)
OBJECTIVES = {
    "shared": Objective("shared", "Shared", needs_consent=True, legislations=("GDPR",)),
    "free": Objective("free", "Free", needs_consent=False),
}
PROPERTIES = ["a", "b%s", "creationdate", "lastmodifieddate", "privacy_legislation"]

NUMBERS = [
    "7",
    " 7 ",
    "-7",
    "+7.50",
    ".5",
    "7.",
    "9" * 31,
    "1e3",
    "0x10",
    "\u0667",
    "NaN",
    "1,000",
    "",
]
DATES = [
    "2024-02-29",
    "2023-02-29",
    "1900-02-29",
    "2000-02-29",
    "2025-02-30",
    "2025-13-01",
    "0000-01-01",
    "0001-01-01T00:00+14:59",
    "9999-12-31T23:59:59.9999999Z",
    "2025-03-01T12:00",
    "2025-03-01 12:00:00.123456789",
    "2025-03-01T12:00:00.0000005Z",
    "2025-03-01T12:00:00+0100",
    "2025-03-01T12:00:00-09:30",
    "2025-03-01T25:00Z",
    "2025-03-01T12:00+25:00",
    "2025-03-01T12:00 Z",
    "\t2025-02-27\n",
    "1740830400000",
    "-1",
    "999999999999999",
    "9999999999999999",
    "infinity",
    "now",
]
TEXTS = ["Sports", "sports", "o'clock", '"', "\\", "é", "a\u2028b", "[]"]

some_value = st.one_of(
    st.sampled_from(NUMBERS + DATES + TEXTS),
    st.datetimes().map(datetime.isoformat),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
)
property_ids = st.sampled_from(PROPERTIES)
objective_ids = st.lists(st.sampled_from(["shared", "free", "gone"]), min_size=1, max_size=3)
some_texts = st.lists(some_value.filter(bool), min_size=1, max_size=3)
moments = st.sampled_from(
    [text for text in DATES if "-" in text[1:] and moment_of(text) is not None]
)
numbers = st.one_of(
    st.integers(-10, 10), st.floats(-8, 8, allow_subnormal=False).map(lambda it: round(it, 3))
)


def _range(low: str, high: str, bound: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    both = st.fixed_dictionaries({low: bound}, optional={high: bound})
    return both | st.fixed_dictionaries({high: bound})


OPERANDS: dict[str, st.SearchStrategy[Any]] = {
    "IS_EMPTY": st.just({}),
    "CONTAINS_ANY": st.fixed_dictionaries({"values": some_texts}),
    "CONTAINS_ALL": st.fixed_dictionaries({"values": some_texts}),
    "IN_RANGE": _range("fromValue", "toValue", numbers) | _range("fromDate", "toDate", moments),
    "IN_LAST_DAYS": st.fixed_dictionaries({"daysCount": st.integers(0, 400)}),
    "IN_NEXT_DAYS": st.fixed_dictionaries({"daysCount": st.integers(0, 400)}),
    "IN_LAST_HOURS": st.fixed_dictionaries({"hoursCount": st.integers(0, 9000)}),
    "IN_NEXT_HOURS": st.fixed_dictionaries({"hoursCount": st.integers(0, 9000)}),
}
property_filters = st.one_of(
    *(
        st.builds(
            lambda name, operand, operator: {"property": name, "operator": operator, **operand},
            property_ids,
            operands,
            st.sampled_from([operator, f"NOT_{operator}"]),
        )
        for operator, operands in OPERANDS.items()
    )
)
objective_filters = st.fixed_dictionaries(
    {
        "objective": st.sampled_from([state.value for state in ConsentState]),
        "operator": st.sampled_from(["CONTAINS_ANY", "CONTAINS_ALL"]),
        "values": objective_ids,
    }
)
refinements = st.recursive(
    property_filters | objective_filters,
    lambda inner: st.fixed_dictionaries(
        {
            "operator": st.sampled_from(["AND", "OR"]),
            "filters": st.lists(inner, min_size=1, max_size=3),
        }
    ),
    max_leaves=4,
)
stored_properties = st.dictionaries(
    st.sampled_from(["a", "b%s"]), st.lists(some_value, min_size=1, max_size=3)
)
records = st.builds(
    ConsentRecord,
    st.frozensets(st.sampled_from(["shared", "free"])),
    st.frozensets(st.sampled_from(["shared", "free"])),
    st.sampled_from(["GDPR", "NONE", None]),
)
same_database = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=examples(400),
)


def profiles(properties: dict[str, list[str]], record: ConsentRecord):
    """A from-clause like ``tenant.profile`` with this one profile in it."""
    row = select(
        literal(properties, JSONB).label("properties"),
        literal(CREATED, DateTime(timezone=True)).label("created_at"),
        literal(MODIFIED, DateTime(timezone=True)).label("modified_at"),
        literal(record.legislation, Text).label("privacy_legislation"),
        literal(sorted(record.consented), ARRAY(Text)).label("consented_objectives"),
        literal(sorted(record.refused), ARRAY(Text)).label("refused_objectives"),
    )
    return row.subquery()


def with_derived(properties: dict[str, list[str]], record: ConsentRecord) -> Refined:
    derived = {
        "creationdate": [epoch_milliseconds(CREATED)],
        "lastmodifieddate": [epoch_milliseconds(MODIFIED)],
        "privacy_legislation": [record.legislation] if record.legislation else [],
    }
    return Refined({**properties, **derived}, record)


@same_database
@given(data=refinements, properties=stored_properties, record=records)
@example(
    data={"property": "a", "operator": "IN_RANGE", "fromDate": "2024-02-29"},
    properties={"a": DATES},
    record=ConsentRecord(legislation="NONE"),
)
@example(
    data={"property": "a", "operator": "NOT_IN_RANGE", "toValue": 8},
    properties={"a": NUMBERS},
    record=ConsentRecord(legislation="NONE"),
)
def test_sql_and_domain_agree(
    store_url: str, data: dict[str, Any], properties: dict[str, list[str]], record: ConsentRecord
) -> None:
    refinement = parse_refinement(data)
    now = bindparam("now", type_=DateTime(timezone=True))
    profile = profiles(properties, record)
    condition = Refiner(profile, now, OBJECTIVES).condition(refinement)
    with engine_for(store_url).connect() as database:
        found = database.scalar(select(condition).select_from(profile), {"now": NOW})
    expected = matches(refinement, with_derived(properties, record), NOW, OBJECTIVES)
    assert found is expected


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_every_value_says_the_same_number_and_moment(store_url: str, zone: str) -> None:
    texts = NUMBERS + DATES + TEXTS
    rows = values(column("text", Text), name="written").data(
        [(text.strip(" \t\n"),) for text in texts]
    )
    query = select(in_sql.number(rows.c.text), in_sql.moment(rows.c.text))
    with engine_for(store_url).connect() as database:
        database.exec_driver_sql(f"set local time zone '{zone}'")
        found = [tuple(row) for row in database.execute(query)]
    assert found == [(number_of(text), moment_of(text)) for text in texts]


def test_a_property_that_is_no_list_fits_nothing_and_raises_nothing(store_url: str) -> None:
    filters = [
        {"property": "a", "operator": "IN_RANGE", "fromValue": 0},
        {"property": "a", "operator": "IN_LAST_DAYS", "daysCount": 1},
    ]
    odd = profiles({"a": {"not": "a list"}}, ConsentRecord())  # type: ignore[dict-item]
    refiner = Refiner(odd, NOW, OBJECTIVES)
    conditions = [refiner.condition(parse_refinement(data)) for data in filters]
    with engine_for(store_url).connect() as database:
        found = database.execute(select(*conditions).select_from(odd)).one()
    assert list(found) == [False, False]


def test_without_a_refinement_everybody_passes(store_url: str) -> None:
    everybody = Refiner(profiles({}, ConsentRecord()), NOW, OBJECTIVES).condition(None)
    with engine_for(store_url).connect() as database:
        assert database.scalar(select(everybody)) is True


def test_now_may_be_given_as_a_datetime_of_any_zone(store_url: str) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    refinement = parse_refinement({"property": "a", "operator": "IN_NEXT_HOURS", "hoursCount": 1})
    profile = profiles({"a": ["2025-03-01T13:00Z"]}, ConsentRecord())
    with engine_for(store_url).connect() as database:
        condition = Refiner(profile, elsewhere, OBJECTIVES).condition(refinement)
        assert database.scalar(select(condition).select_from(profile)) is True
