"""The strategies for one property (SEMANTICS, Mapping and writing 1 and 2)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_exchange.domain.connection import Strategy
from profile_exchange.domain.merging import amount, canonical, contribute, merge

VALUES = st.lists(st.sampled_from(["a", "b", "c", "A", "a "]), max_size=5)
BLANK = st.lists(st.sampled_from(["", " ", "\t\n"]), max_size=3)
FOR_LISTS = st.sampled_from([strategy for strategy in Strategy if strategy is not Strategy.SUM])
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**29))


@pytest.mark.parametrize(
    ("strategy", "current", "incoming", "expected"),
    [
        (Strategy.SET, ["a", "b"], ["c"], ["c"]),
        (Strategy.SET, [], ["c", "d"], ["c", "d"]),
        (Strategy.SET, ["a"], ["", "c"], ["c"]),
        (Strategy.SET_IF_EMPTY, ["a"], ["c"], ["a"]),
        (Strategy.SET_IF_EMPTY, [], ["c"], ["c"]),
        (Strategy.SET_IF_EMPTY, [" "], ["c"], ["c"]),
        (Strategy.ADD, ["b", "a"], ["c", "a", "c"], ["b", "a", "c"]),
        (Strategy.ADD, [], ["c"], ["c"]),
        (Strategy.ADD, ["a"], ["A"], ["a", "A"]),
        (Strategy.REMOVE, ["a", "b", "a"], ["a", "z"], ["b"]),
        (Strategy.REMOVE, ["a"], ["a"], []),
        (Strategy.REMOVE, [], ["a"], []),
    ],
)
def test_what_each_strategy_makes_of_values(
    strategy: Strategy, current: list[str], incoming: list[str], expected: list[str]
) -> None:
    assert merge(strategy, current, incoming) == expected


@given(FOR_LISTS, VALUES, BLANK)
def test_absent_or_empty_values_change_nothing(
    strategy: Strategy, current: list[str], blank: list[str]
) -> None:
    assert merge(strategy, current, blank) == current


@given(FOR_LISTS, VALUES, VALUES)
def test_a_repeated_merge_changes_nothing_more(
    strategy: Strategy, current: list[str], incoming: list[str]
) -> None:
    once = merge(strategy, current, incoming)
    assert merge(strategy, once, incoming) == once


@given(VALUES, VALUES)
def test_adding_keeps_what_is_there_in_its_order_and_repeats_nothing_new(
    current: list[str], incoming: list[str]
) -> None:
    merged = merge(Strategy.ADD, current, incoming)
    assert merged[: len(current)] == current
    added = merged[len(current) :]
    assert len(added) == len(set(added))
    assert set(merged) == set(current) | set(incoming)


def test_a_sum_is_no_merge_of_lists() -> None:
    with pytest.raises(ValueError, match="contribute"):
        merge(Strategy.SUM, ["1"], ["2"])


@given(NUMBERS, NUMBERS, st.integers(1, 10))
def test_ten_runs_come_to_the_same_total_as_one(
    start: Decimal, brought: Decimal, runs: int
) -> None:
    total, contributed = contribute(start, brought, Decimal(0))
    assert Fraction(total) == Fraction(start) + Fraction(brought)
    for _ in range(runs):
        assert contribute(total, brought, contributed) == (total, contributed)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_an_amount_that_changed_replaces_the_one_before(
    start: Decimal, first: Decimal, then: Decimal
) -> None:
    total, contributed = contribute(start, first, Decimal(0))
    assert contribute(total, then, contributed) == contribute(start, then, Decimal(0))


@given(NUMBERS, NUMBERS)
def test_no_amount_changes_neither_total_nor_contribution(
    total: Decimal, contributed: Decimal
) -> None:
    assert contribute(total, None, contributed) == (total, contributed)


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([], None),
        ([" "], None),
        (["5"], "5"),
        ([" 1.5 ", "+2", "-.25", "", "3."], "6.25"),
        (["123456789012345678901234567890", "0.00000000000000000001"],
         "123456789012345678901234567890.00000000000000000001"),
    ],
)  # fmt: skip
def test_several_values_add_up_exactly(values: list[str], total: str | None) -> None:
    assert amount(values) == (None if total is None else Decimal(total))


@pytest.mark.parametrize("value", ["five", "1e5", "NaN", "Infinity", "1_000", "\u0661", "1 2"])
def test_what_is_no_number_is_not_summed_and_not_repeated(value: str) -> None:
    with pytest.raises(ValueError, match="is no number") as raised:
        amount(["1", value])
    assert value not in str(raised.value)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("10", "10"),
        ("1E+3", "1000"),
        ("1.500", "1.5"),
        ("-.5", "-0.5"),
        ("1E-20", "0.00000000000000000001"),
    ],
)
def test_a_number_has_one_form(number: str, text: str) -> None:
    assert canonical(Decimal(number)) == text


@given(NUMBERS)
def test_the_form_of_a_number_says_all_of_it(number: Decimal) -> None:
    text = canonical(number)
    assert Decimal(text) == number
    assert amount([text]) == number
    assert canonical(Decimal(text)) == text
