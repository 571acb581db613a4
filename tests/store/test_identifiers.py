"""Identifiers are the same to PostgreSQL as to the domain."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Text, func, literal, select, text, type_coerce, values
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.sql import column
from tests.examples import examples

from profile_exchange.domain.identifiers import BLANKS, MAX_IDENTIFIER_BYTES, normalise
from profile_exchange.domain.properties import FilterType
from profile_exchange.store.database import engine_for
from profile_exchange.store.identifiers import identifiers_of, is_identifier, normalised
from profile_exchange.store.tables import profile_identifier, profile_property

#: Blanks of ASCII and others, and letters whose lower case depends on whom one asks.
ODD = st.sampled_from([*BLANKS, "\u00a0", "\x85", "\x1f", "İ", "K", "É", "ß", "Σ", "A", "z"])
VALUES = st.one_of(
    st.text(ODD, max_size=8),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
    st.builds(
        str.__mul__, ODD, st.integers(MAX_IDENTIFIER_BYTES // 2 - 1, MAX_IDENTIFIER_BYTES + 1)
    ),
)
TYPES = {"mail": FilterType.EMAIL, "card": FilterType.SELECT, "number": FilterType.RANGE}
PROPERTIES = st.dictionaries(
    st.sampled_from([*TYPES, "no identifier", "unknown"]), st.lists(VALUES, max_size=4)
)


@pytest.fixture
def database(store_url: str) -> Iterator[Connection]:
    with engine_for(store_url).connect() as connection:
        yield connection


def test_values_are_normalised_alike(database: Connection) -> None:
    @given(st.lists(VALUES, min_size=1, max_size=10), st.sampled_from(FilterType))
    def agree(given_values: list[str], filter_type: FilterType) -> None:
        each = func.unnest(literal(given_values, ARRAY(Text))).column_valued("each")
        by_type = normalised(each, filter_type)
        by_column = normalised(each, literal(filter_type.value))
        for value, one, other, found in database.execute(
            select(each, by_type, by_column, is_identifier(by_type))
        ):
            expected = normalise(value, filter_type)
            assert (one if found else "") == (other if found else "") == expected

    agree()


def test_identifiers_are_those_of_indexed_properties_each_once(database: Connection) -> None:
    for name in (*TYPES, "no identifier"):
        filter_type = TYPES.get(name, FilterType.SELECT)
        database.execute(
            profile_property.insert().values(
                id=name, name=name, filter_type=filter_type.value, indexed=name in TYPES
            )
        )

    @settings(max_examples=examples(150))
    @given(st.lists(PROPERTIES, min_size=1, max_size=4))
    def agree(profiles: list[dict[str, list[str]]]) -> None:
        numbered = {uuid.UUID(int=number): kept for number, kept in enumerate(profiles)}
        rows = values(column("id", UUID), column("properties", JSONB), name="profiles").data(
            [(key, type_coerce(kept, JSONB)) for key, kept in numbered.items()]
        )
        found = [tuple(row) for row in database.execute(identifiers_of(rows))]
        expected = {
            (name, normalise(value, TYPES[name]), key)
            for key, kept in numbered.items()
            for name in kept.keys() & TYPES.keys()
            for value in kept[name]
        }
        assert sorted(found) == sorted(triple for triple in expected if triple[1])

    agree()


def test_a_comparison_with_stored_values_can_use_their_index(database: Connection) -> None:
    database.execute(text("set enable_seqscan = off"))
    wanted = normalised(literal("x"), FilterType.EMAIL)
    stored = profile_identifier.c
    query = select(stored.profile_id).where(stored.property_id == "mail", stored.value == wanted)
    statement = query.compile(database, compile_kwargs={"literal_binds": True})
    plan = "\n".join(database.execute(text(f"explain {statement}")).scalars())
    assert "value = 'x'" in plan.split("Index Cond")[1].split("\n")[0]
