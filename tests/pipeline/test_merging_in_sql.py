"""The merge in SQL does what the strategies say in their plainest form (`domain.merging`)."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, ColumnElement, Numeric, cast, literal, null, select, union_all
from sqlalchemy.dialects.postgresql import JSONB

from profile_exchange.domain.connection import PropertyMapping, Strategy
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.merging import canonical, contribute, merge, take_over
from profile_exchange.domain.properties import FilterType
from profile_exchange.pipeline.merging import Held, merged
from profile_exchange.store.database import engine_for
from profile_exchange.store.staging import COLUMN_OF
from tests.examples import examples

TARGET = "Target 'quoted\" \\ property"
OTHER = {"untouched": ["1", "2"]}
SET_STRATEGIES = [strategy for strategy in Strategy if strategy is not Strategy.SUM]

words = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=6
).filter(str.strip)
lists = st.lists(words, max_size=4)
numbers = st.decimals(-(10**9), 10**9, places=3)

by_the_hundred = settings(
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _json(value: object) -> ColumnElement[Any]:
    return cast(literal(json.dumps(value)), JSONB)


def in_sql(
    store_url: str,
    strategy: Strategy,
    before: dict[str, list[str]],
    incoming: object,
    contributed: Decimal | None = None,
    *,
    by_another: bool = False,
) -> dict[str, list[str]]:
    """What `merged` makes of one profile."""
    mapping = PropertyMapping("source", TARGET, strategy)
    columns = [
        (
            _json({mapping.key: incoming}) if strategy is kind and incoming else cast(null(), JSONB)
        ).label(column)
        for kind, column in COLUMN_OF.items()
    ]
    mapped = select(*columns).subquery("mapped")
    last = select(
        cast(literal(contributed), Numeric).label("amount"),
        literal(by_another, Boolean).label("by_another"),
    ).subquery("last")
    # A second row that must not leak into the first, as a forgotten correlation would let it.
    rows = union_all(
        select(literal(1).label("row"), _json(before).label("properties")),
        select(literal(2).label("row"), _json({TARGET: ["another"]}).label("properties")),
    ).subquery("profile")
    held = {mapping: Held(last.c.amount, last.c.by_another)}
    types = {TARGET: FilterType.DECIMAL}
    after = merged(rows.c.properties, mapped, [mapping], held, types)
    everything = rows.join(mapped, literal(True)).join(last, literal(True))
    query = select(after).select_from(everything).where(rows.c.row == 1)
    with engine_for(store_url).connect() as database:
        found: dict[str, list[str]] = database.execute(query).scalar_one()
    return found


@by_the_hundred
@given(strategy=st.sampled_from(SET_STRATEGIES), current=lists, incoming=lists)
def test_values_are_merged_as_the_domain_says(
    store_url: str, strategy: Strategy, current: list[str], incoming: list[str]
) -> None:
    agrees_with_the_domain(store_url, strategy, current, incoming)


def agrees_with_the_domain(
    store_url: str, strategy: Strategy, current: list[str], incoming: list[str]
) -> None:
    held = {TARGET: current} if current else {}
    expected = merge(strategy, current, incoming)
    found = in_sql(store_url, strategy, {**OTHER, **held}, incoming)
    assert found == {**OTHER, **({TARGET: expected} if expected else {})}


@by_the_hundred
@given(
    strategy=st.sampled_from([Strategy.ADD, Strategy.REMOVE]),
    current=lists,
    incoming=st.lists(words, min_size=1, max_size=6),
)
def test_long_lists_are_merged_like_short_ones(
    store_url: str, strategy: Strategy, current: list[str], incoming: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("profile_exchange.pipeline.merging._LONG", 0)
        agrees_with_the_domain(store_url, strategy, current, incoming)


@pytest.mark.parametrize("strategy", [Strategy.ADD, Strategy.REMOVE])
def test_lists_of_tens_of_thousands_take_a_moment(store_url: str, strategy: Strategy) -> None:
    current, incoming = ([f"{word} {n}" for n in range(40_000)] for word in ("ours", "theirs"))
    shared = [*current[::2], *incoming]
    start = time.perf_counter()
    found = in_sql(store_url, strategy, {TARGET: current}, shared)
    assert time.perf_counter() - start < 10
    assert len(found[TARGET]) == {Strategy.ADD: 80_000, Strategy.REMOVE: 20_000}[strategy]


@by_the_hundred
@given(total=numbers, amount=numbers, contributed=st.none() | numbers)
def test_sums_are_what_the_domain_says(
    store_url: str, total: Decimal, amount: Decimal, contributed: Decimal | None
) -> None:
    expected = contribute(total, amount, contributed or Decimal(0)).total
    before = {TARGET: [canonical(total)]}
    found = in_sql(store_url, Strategy.SUM, before, canonical(amount), contributed)
    assert found == {TARGET: [canonical(expected)]}


@by_the_hundred
@given(total=numbers, amount=numbers, blanks=st.sampled_from(BLANKS))
def test_a_number_with_blanks_around_it_is_one(
    store_url: str, total: Decimal, amount: Decimal, blanks: str
) -> None:
    before = {TARGET: [f"{blanks}{canonical(total)}{blanks}"]}
    found = in_sql(store_url, Strategy.SUM, before, canonical(amount))
    assert found == ({TARGET: [canonical(total + amount)]} if amount else before)


@by_the_hundred
@given(amount=numbers)
def test_a_sum_into_nothing_is_what_came(store_url: str, amount: Decimal) -> None:
    found = in_sql(store_url, Strategy.SUM, {}, canonical(amount))
    assert found == {TARGET: [canonical(amount)]}


@by_the_hundred
@given(held=st.lists(numbers, min_size=1, max_size=4), amount=numbers)
def test_a_sum_is_added_to_all_that_is_held_and_what_is_no_number_counts_as_none(
    store_url: str, held: list[Decimal], amount: Decimal
) -> None:
    before = {TARGET: [*map(canonical, held), "many"]}
    found = in_sql(store_url, Strategy.SUM, before, canonical(amount))
    assert found == {TARGET: [canonical(sum(held) + amount)] if amount else before[TARGET]}


@by_the_hundred
@given(total=numbers, amount=st.none() | numbers, contributed=numbers)
def test_a_profile_takes_over_what_another_contributed(
    store_url: str, total: Decimal, amount: Decimal | None, contributed: Decimal
) -> None:
    expected = take_over(total, amount, contributed)
    before = {TARGET: [canonical(total)]}
    incoming = None if amount is None else canonical(amount)
    found = in_sql(store_url, Strategy.SUM, before, incoming, contributed, by_another=True)
    assert found == ({} if expected is None else {TARGET: [canonical(expected)]})


@by_the_hundred
@given(amount=numbers)
def test_nothing_is_left_when_all_there_is_came_from_another(
    store_url: str, amount: Decimal
) -> None:
    before = {TARGET: [canonical(amount)]}
    assert in_sql(store_url, Strategy.SUM, before, None, amount, by_another=True) == {}
    assert take_over(amount, None, amount) is None
