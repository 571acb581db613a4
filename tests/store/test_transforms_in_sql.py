"""Transforms make the same of a value in SQL as in the domain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from tests.examples import examples

from profile_exchange.domain import transforms as domain
from profile_exchange.domain.transforms import DateFormat, Plain, Transform, ValueMap
from profile_exchange.store.database import engine_for
from profile_exchange.store.transforms import transformed

ODD = st.sampled_from(
    ["ß", "İ", "\u0131", "\u017f", "Σ", "ς", "É", "ÿ", "Ж", "Ա", "Ⱥ", "\u00a0", "ǅ", " "]
)
CHARACTERS = st.one_of(st.characters(codec="utf-8", exclude_characters="\0"), ODD)
TEXTS = st.text(CHARACTERS, min_size=1, max_size=8)
WORDS = st.sampled_from(["a", "A", "É", "é", " a", "b"])
PARTS = st.sampled_from(["YYYY", "YY", "MM", "DD", "HH", "mm", "ss", "-", ":", "T", " ", "/"])
DATES = st.one_of(
    st.datetimes().map(lambda time: time.isoformat()),
    st.dates().map(str),
    st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    st.sampled_from(
        ["2023-02-29", "0000-01-01", "0001-01-01", "9999-12-31T23:59:59.9999999Z", "x"]
    ),
)
MAPS = st.builds(
    ValueMap,
    st.dictionaries(WORDS, WORDS, max_size=4).map(lambda found: tuple(found.items())),
    st.none() | WORDS,
)
PLAIN = st.sampled_from([Plain.TRIM, Plain.LOWER, Plain.UPPER])
FORMS = st.lists(PARTS, min_size=1, max_size=8).map("".join)


@pytest.fixture
def database(store_url: str) -> Iterator[Connection]:
    with engine_for(store_url).connect() as connection:
        yield connection


def agree(database: Connection, transforms: list[Transform], values: list[str]) -> None:
    each = func.unnest(literal(values, ARRAY(Text))).column_valued("value")
    for value, found in database.execute(select(each, transformed(transforms, each))):
        expected = domain.transformed(transforms, [value])
        assert ([found] if found is not None else None) == expected, (transforms, value)


def test_texts_come_out_the_same(database: Connection) -> None:
    @settings(max_examples=examples(150))
    @given(st.lists(PLAIN | MAPS, max_size=4), st.lists(TEXTS | WORDS, min_size=1, max_size=10))
    def holds(transforms: list[Transform], values: list[str]) -> None:
        agree(database, transforms, values)

    holds()


def test_dates_come_out_the_same(database: Connection) -> None:
    @settings(max_examples=examples(150))
    @given(FORMS, st.lists(DATES, min_size=1, max_size=10))
    def holds(form: str, values: list[str]) -> None:
        agree(database, [DateFormat(form)], values)

    holds()


def test_chains_come_out_the_same(database: Connection) -> None:
    dates = st.builds(DateFormat, FORMS)
    wide = st.builds(ValueMap, MAPS.map(lambda found: found.values), WORDS)
    chains = st.lists(PLAIN | MAPS | wide | dates, min_size=2, max_size=4)

    @settings(max_examples=examples(150))
    @given(chains, st.lists(DATES | WORDS, min_size=1, max_size=10))
    @example([DateFormat("YYYY"), ValueMap((("2024", "leap"),), "other")], ["2023-02-29", "x"])
    @example([DateFormat("YYYY"), ValueMap((), "other"), Plain.UPPER], ["2023-02-29", "2024-02-29"])
    def holds(transforms: list[Transform], values: list[str]) -> None:
        agree(database, transforms, values)

    holds()


def test_every_letter_has_the_same_case_in_both(database: Connection) -> None:
    letters = [chr(code) for code in range(1, 0x3000) if not 0xD800 <= code < 0xE000]
    for transform in (Plain.LOWER, Plain.UPPER):
        agree(database, [transform], letters)


@given(TEXTS, PLAIN)
def test_a_changed_case_takes_no_more_bytes(value: str, transform: Plain) -> None:
    (found,) = domain.transformed([transform], [value]) or [""]
    assert len(found.encode()) <= len(value.encode())
