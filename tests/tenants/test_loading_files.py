"""Files of profiles into a tenant's store: what is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile, profile_property
from profile_exchange.tenants.postgres import reading_files
from profile_exchange.tenants.postgres.loading import LoadCounts
from tests.examples import examples
from tests.tenants.files_of_profiles import (
    ADA,
    BO,
    NOW,
    Writer,
    every_kind,
    load,
    properties,
    stored,
    write_csv,
    write_json_lines,
)


@every_kind
def test_every_kind_of_file_says_the_same(store_url: str, tmp_path: Path, write: Writer) -> None:
    row = {
        "id": ADA.upper(),
        "creationDate": "2025-01-22T11:21:33.872Z",
        "privacyLegislation": "GDPR",
        "consentedObjectives": ["sharing", "offers"],
        "refusedObjectives": ["offers"],
        "email": ["Ada@Example.com ", "a@example.org"],
        "card": "007",
        "city": 'Ghent, "the" city\\\twith\nlines é',
    }
    assert load(store_url, write(tmp_path, [row])) == LoadCounts(created=1)
    found = stored(store_url)[ADA]
    assert found.created_at == datetime(2025, 1, 22, 11, 21, 33, 872000, tzinfo=UTC)
    assert found.privacy_legislation == "GDPR"
    assert found.consented_objectives == ["sharing", "offers"]
    assert found.refused_objectives == ["offers"]
    assert found.properties == {
        "email": ["Ada@Example.com ", "a@example.org"],
        "card": ["007"],
        "city": ['Ghent, "the" city\\\twith\nlines é'],
    }


@every_kind
def test_several_pieces_of_a_file_make_one_load(
    store_url: str, tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_files, "ROWS", 3)
    rows = [{"id": str(UUID(int=n)), "city": f"city {n}"} for n in range(1, 11)]
    assert load(store_url, write(tmp_path, rows)) == LoadCounts(created=10)
    assert properties(store_url) == {row["id"]: {"city": [row["city"]]} for row in rows}


@every_kind
def test_loading_a_file_again_changes_nothing(
    store_url: str, tmp_path: Path, write: Writer
) -> None:
    path = write(tmp_path, [{"email": "ada@example.com", "city": "Ghent"}])
    load(store_url, path)
    before = stored(store_url)
    assert load(store_url, path, now=NOW + timedelta(days=1)) == LoadCounts(unchanged=1)
    assert stored(store_url) == before


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
ODD = st.sampled_from(
    [
        "\\",
        "\\N",
        "\\.",
        '"',
        '""',
        "\t",
        "\r\n",
        "\n",
        "null",
        "NA",
        "{}",
        "007",
        "1e5",
        "\u2028",
        " ",
        "\u00a0",
    ]
)
VALUES = st.lists(st.one_of(TEXTS, ODD), max_size=4)


def said(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """The properties of a row: nothing but blanks is no value."""
    lists = {name: row.get(name, []) for name in ("city", "interests")}
    values = {name: [v for v in some if v.strip(BLANKS)] for name, some in lists.items()}
    return {name: some for name, some in values.items() if some}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_any_text_is_read_back_as_it_was(store_url: str, tmp_path: Path, kind: str) -> None:
    @settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5))
    def agree(profiles: list[tuple[list[str], list[str]]]) -> None:
        rows = [
            {"id": str(UUID(int=number)), "city": one, "interests": other}
            for number, (one, other) in enumerate(profiles)
        ]
        with engine_for(store_url).begin() as connection:
            connection.execute(delete(profile))
        if kind == "parquet":
            texts = pa.list_(pa.string())
            schema = pa.schema([("id", pa.string()), ("city", texts), ("interests", texts)])
            path = tmp_path / "profiles.parquet"
            pq.write_table(pa.Table.from_pylist(rows, schema), path)
        else:
            path = write_json_lines(tmp_path, rows)
        load(store_url, path)
        assert properties(store_url) == {row["id"]: said(row) for row in rows}

    agree()


def test_any_text_survives_csv(store_url: str, tmp_path: Path) -> None:
    @settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.one_of(TEXTS, ODD), min_size=1, max_size=5))
    def agree(texts: list[str]) -> None:
        rows = [{"id": str(UUID(int=n)), "city": text} for n, text in enumerate(texts)]
        with engine_for(store_url).begin() as connection:
            connection.execute(delete(profile))
        load(store_url, write_csv(tmp_path, rows), separator="")
        assert properties(store_url) == {row["id"]: said({"city": [row["city"]]}) for row in rows}

    agree()


def test_numbers_in_json_stay_as_they_are_written(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.ndjson"
    path.write_text(
        f'{{"id": "{ADA}", "city": [1.10, 12345678901234567890, true, null], "card": 0}}\n\n'
    )
    load(store_url, path)
    expected = {"city": ["1.10", "12345678901234567890", "true"], "card": ["0"]}
    assert properties(store_url) == {ADA: expected}


def test_types_of_parquet_are_read_as_text(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.parquet"
    table = {
        "id": pa.array([ADA, BO]),
        "creationDate": pa.array([NOW, None], pa.timestamp("us", "UTC")),
        "card": pa.array([7, None]),
        "city": pa.array([Decimal("1.10"), None]),
        "interests": pa.array(["x", "x"]).dictionary_encode(),
    }
    pq.write_table(pa.table(table), path)
    load(store_url, path)
    assert properties(store_url) == {
        ADA: {"card": ["7"], "city": ["1.10"], "interests": ["x"]},
        BO: {"interests": ["x"]},
    }
    assert stored(store_url)[ADA].created_at == NOW


def test_the_separator_between_values_can_be_chosen(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.csv"
    path.write_text(f"id,city\n{ADA},a|b; c;;\n")
    load(store_url, path, separator=";")
    assert properties(store_url) == {ADA: {"city": ["a|b", " c"]}}


def test_a_byte_order_mark_and_windows_lines_are_no_obstacle(
    store_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "PROFILES.CSV"
    path.write_bytes(f"\ufeffid,city\r\n{ADA},Ghent\r\n".encode())
    load(store_url, path)
    assert properties(store_url) == {ADA: {"city": ["Ghent"]}}


@every_kind
def test_an_id_is_derived_from_the_first_identifier_that_has_a_value(
    store_url: str, tmp_path: Path, write: Writer
) -> None:
    rows = [{"card": "1", "email": " Ada@Example.com"}, {"card": "2", "email": " "}]
    load(store_url, write(tmp_path, rows))
    assert properties(store_url) == {
        "fe3aeaa8-5798-56a5-a11f-90f525b2e398": {"card": ["1"], "email": [" Ada@Example.com"]},
        "a33a1fa0-83e7-543c-94c7-cd6738e17844": {"card": ["2"]},
    }


def test_a_derived_id_is_the_same_however_the_identifier_is_written(
    store_url: str, tmp_path: Path
) -> None:
    for mail in ("ada@example.com", " ADA@Example.com "):
        load(store_url, write_json_lines(tmp_path, [{"email": mail}]))
    assert len(stored(store_url)) == 1


def test_what_a_file_does_not_say_stays_and_properties_are_replaced(
    store_url: str, tmp_path: Path
) -> None:
    full = {"id": ADA, "privacyLegislation": "CCPA", "consentedObjectives": ["sharing"]}
    load(store_url, write_json_lines(tmp_path, [{**full, "city": "Ghent", "card": "1"}]))
    load(store_url, write_json_lines(tmp_path, [{"id": ADA, "city": "Bruges"}]))
    found = stored(store_url)[ADA]
    assert found.properties == {"city": ["Bruges"]}
    assert (found.privacy_legislation, found.consented_objectives) == ("CCPA", ["sharing"])


def test_properties_that_an_import_created_can_be_loaded(store_url: str, tmp_path: Path) -> None:
    load(store_url, write_json_lines(tmp_path, [{"id": ADA}]))
    with engine_for(store_url).begin() as connection:
        connection.execute(insert(profile_property).values(id="Paper_Sports", name="Sports"))
    load(store_url, write_json_lines(tmp_path, [{"id": ADA, "Paper_Sports": "yes"}]))
    assert properties(store_url) == {ADA: {"Paper_Sports": ["yes"]}}


def test_a_file_with_a_header_only_loads_nothing(store_url: str, tmp_path: Path) -> None:
    path = tmp_path / "profiles.csv"
    path.write_text("id,city\n")
    assert load(store_url, path) == LoadCounts()
