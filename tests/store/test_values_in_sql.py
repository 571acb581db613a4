"""Values and sums mean the same to PostgreSQL as to the domain."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from tests.examples import examples

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.merging import canonical, contribute
from profile_exchange.domain.properties import VALUE_FORMS, FilterType
from profile_exchange.domain.values import has_form
from profile_exchange.store.database import engine_for
from profile_exchange.store.value_forms import has_form as in_sql

#: What PostgreSQL can store, with much of what two engines could see differently.
ODD = st.sampled_from(
    ["\n", "\r", "\v", "\x85", "\u00a0", "\u2028", "\u0661", "\uff11", "\u0131", "\u212a"]
)
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=20, min_value=-(10**29))


@pytest.fixture
def database(store_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(store_url) as connection:
        yield connection


@pytest.fixture
def core(store_url: str) -> Iterator[Connection]:
    with engine_for(store_url).connect() as connection:
        yield connection


def nearly(pattern: str) -> st.SearchStrategy[str]:
    """Texts that match, or would but for something odd put in somewhere."""
    sound = st.from_regex(pattern.removeprefix("^").removesuffix("$"), fullmatch=True)
    odd = st.one_of(st.just(""), ODD, CHARACTERS)

    def put_in(text: str, odd: str, place: int) -> str:
        at = place % (len(text) + 1)
        return text[:at] + odd + text[at:]

    return st.one_of(st.builds(put_in, sound, odd, st.integers(0, 100)), st.text(CHARACTERS))


@pytest.mark.parametrize("filter_type", list(VALUE_FORMS))
def test_a_form_is_the_same_for_both(core: Connection, filter_type: FilterType) -> None:
    form = VALUE_FORMS[filter_type]

    @settings(max_examples=examples(100))
    @given(st.lists(nearly(form.pattern), min_size=1, max_size=10))
    def agree(values: list[str]) -> None:
        each = func.unnest(literal(values, ARRAY(Text))).column_valued("value")
        for value, fits in core.execute(select(each, in_sql(each, filter_type))):
            assert fits == has_form(value, filter_type), value

    agree()


def test_blanks_are_the_same_for_both(database: psycopg.Connection) -> None:
    @given(st.text(st.one_of(st.sampled_from(BLANKS), ODD, st.sampled_from("ab")), max_size=10))
    def agree(value: str) -> None:
        (trimmed,) = database.execute("select btrim(%s, %s)", [value, BLANKS]).fetchone() or ("",)
        assert trimmed == value.strip(BLANKS)

    agree()


def test_sums_and_their_form_are_the_same_for_both(database: psycopg.Connection) -> None:
    @given(NUMBERS, NUMBERS, NUMBERS)
    def agree(total: Decimal, brought: Decimal, contributed: Decimal) -> None:
        query = "select trim_scale(%s::numeric + (%s::numeric - %s::numeric))::text"
        row = database.execute(query, [str(total), str(brought), str(contributed)]).fetchone()
        assert row == (canonical(contribute(total, brought, contributed).total),)

    agree()
