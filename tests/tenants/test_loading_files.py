"""Files of profiles into a tenant's store: what is read, and what is refused."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective, Tenant
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile, profile_property
from profile_exchange.tenants.postgres import reading_files
from profile_exchange.tenants.postgres.file_columns import FileColumns, Vocabulary
from profile_exchange.tenants.postgres.loading import LoadCounts
from profile_exchange.tenants.postgres.loading_files import load_file
from profile_exchange.tenants.postgres.reading_files import FileRefused, read_rows
from tests.examples import examples

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ADA = "3d1c2f5e-8a47-4b7e-9f0e-2b6f5d9a1c34"
BO = "00000000-0000-0000-0000-000000000002"
SHOP = Tenant(
    "shop",
    "Shop",
    "shop.localhost",
    "shop-store",
    properties=(
        ProfileProperty("email", "Email", FilterType.EMAIL, indexed=True),
        ProfileProperty("card", "Card", indexed=True),
        ProfileProperty("city", "City"),
        ProfileProperty("interests", "Interests"),
    ),
    objectives=(Objective("sharing", "Sharing"), Objective("offers", "Offers")),
)

WORDS = Vocabulary(
    "shop",
    frozenset(known.id for known in SHOP.properties),
    {known.id: known.filter_type for known in SHOP.properties if known.indexed},
    frozenset(known.id for known in SHOP.objectives),
)

Row = dict[str, Any]
#: Writes profiles, each ``{column: value or list}``, as a file of some kind.
Writer = Callable[[Path, list[Row]], Path]


def write_csv(folder: Path, rows: list[Row]) -> Path:
    joined = [
        {name: "|".join(v) if isinstance(v, list) else v for name, v in row.items()} for row in rows
    ]
    path = folder / "profiles.csv"
    pd.DataFrame(joined).to_csv(path, index=False, quoting=csv.QUOTE_ALL)
    return path


def write_json_lines(folder: Path, rows: list[Row]) -> Path:
    path = folder / "profiles.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_parquet(folder: Path, rows: list[Row]) -> Path:
    path = folder / "profiles.parquet"
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain(*rows))}
    for name, cells in columns.items():
        if any(isinstance(cell, list) for cell in cells):
            columns[name] = [[cell] if isinstance(cell, str) else cell for cell in cells]
    pd.DataFrame(columns).to_parquet(path)
    return path


def packed(write: Writer) -> Writer:
    def write_packed(folder: Path, rows: list[Row]) -> Path:
        plain = write(folder, rows)
        path = plain.with_name(f"{plain.name}.gz")
        path.write_bytes(gzip.compress(plain.read_bytes()))
        return path

    return write_packed


WRITERS = {
    "csv": write_csv,
    "csv.gz": packed(write_csv),
    "jsonl": write_json_lines,
    "jsonl.gz": packed(write_json_lines),
    "parquet": write_parquet,
}


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


def load(url: str, path: Path, now: datetime = NOW, separator: str = "|") -> LoadCounts:
    return load_file(url, SHOP, path, now=now, separator=separator)


def stored(url: str) -> dict[str, Any]:
    with engine_for(url).connect() as connection:
        return {str(row.id): row for row in connection.execute(select(profile))}


def properties(url: str) -> dict[str, Any]:
    return {key: row.properties for key, row in stored(url).items()}


def refusal(path: Path) -> str:
    """Why a file is refused when it is read."""
    columns = FileColumns(path, WORDS)
    with pytest.raises(FileRefused) as caught:
        list(map(columns.block, read_rows(path, "|")))
    return str(caught.value)


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


def test_several_pieces_of_a_file_make_one_load(
    store_url: str, tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_files, "ROWS", 3)
    rows = [{"id": str(UUID(int=n)), "city": f"city {n}"} for n in range(1, 11)]
    assert load(store_url, write(tmp_path, rows)) == LoadCounts(created=10)
    assert properties(store_url) == {row["id"]: {"city": [row["city"]]} for row in rows}


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
    ["\\", "\\N", "\\.", '"', '""', "\t", "\r\n", "\n", "null", "NA", "{}", "007", "1e5", "\u2028"]
)
VALUES = st.lists(st.one_of(TEXTS, ODD), max_size=4)


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
        assert properties(store_url) == {
            row["id"]: {name: row[name] for name in ("city", "interests") if row[name]}
            for row in rows
        }

    agree()


def test_any_text_survives_csv(store_url: str, tmp_path: Path) -> None:
    @settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.one_of(TEXTS, ODD), min_size=1, max_size=5))
    def agree(texts: list[str]) -> None:
        rows = [{"id": str(UUID(int=n)), "city": text} for n, text in enumerate(texts)]
        with engine_for(store_url).begin() as connection:
            connection.execute(delete(profile))
        load(store_url, write_csv(tmp_path, rows), separator="")
        assert properties(store_url) == {
            row["id"]: {"city": [row["city"]]} if row["city"] else {} for row in rows
        }

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


def test_an_id_is_derived_from_the_first_identifier_that_has_a_value(
    store_url: str, tmp_path: Path, write: Writer
) -> None:
    rows = [{"card": "1", "email": " Ada@Example.com"}, {"card": "2", "email": " "}]
    load(store_url, write(tmp_path, rows))
    assert properties(store_url) == {
        "fe3aeaa8-5798-56a5-a11f-90f525b2e398": {"card": ["1"], "email": [" Ada@Example.com"]},
        "a33a1fa0-83e7-543c-94c7-cd6738e17844": {"card": ["2"], "email": [" "]},
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


GOOD = {"id": BO, "city": "Ghent"}
REFUSED_ROWS: list[tuple[Row, str]] = [
    ({"id": "secret"}, "row 2, column 'id': it is not a UUID"),
    ({"id": [ADA, BO]}, "row 2, column 'id': it must hold one value, not several"),
    ({"id": ADA, "creationDate": "secret"}, "row 2, column 'creationDate': it is no date"),
    ({"id": ADA, "creationDate": "9" * 15}, "row 2, column 'creationDate': it is no date"),
    ({"id": ADA, "privacyLegislation": "GPDR"}, "'privacyLegislation'.*Did you mean 'GDPR'?"),
    ({"id": ADA, "consentedObjectives": "sharin"}, "'consentedObjectives'.*mean 'sharing'?"),
    ({"id": ADA, "refusedObjectives": ["offers", "x"]}, "row 2, column 'refusedObjectives'"),
    ({"id": ADA, "emial": "x"}, "column 'emial': shop has no such profile .*mean 'email'?"),
    ({"id": ADA, "creationdate": "x"}, "column 'creationdate': shop keeps this itself"),
    ({"city": "x"}, r"row 2: it has neither an id nor a unique identifier of shop \(email, card\)"),
    ({"id": ADA, "city": "secret\0"}, "row 2, column 'city': it holds a NUL character"),
]


@pytest.mark.parametrize(("bad", "problem"), REFUSED_ROWS, ids=[row[1] for row in REFUSED_ROWS])
def test_what_is_wrong_in_a_row_is_told_with_its_place(
    tmp_path: Path, write: Writer, bad: Row, problem: str
) -> None:
    message = refusal(write(tmp_path, [GOOD, bad]))
    assert message.startswith("profiles.")
    assert re.search(problem, message)
    assert "secret" not in message


REFUSED_FILES: list[tuple[str, bytes, str]] = [
    ("profiles.csv", b"", "it is empty; its first line must name the columns"),
    ("profiles.csv", b"id,city\nsecret,1,2\n", "line 2 has 3 fields, the first line 2"),
    ("profiles.csv", b'id,city\n"secret,1\n', "starts with a quote .* never ends"),
    ("profiles.csv", b"id,city,city\n", "column 'city': two columns have this name"),
    ("profiles.csv", b"id,,city\n", "column 2 has no name"),
    ("profiles.csv", b"city\nsecret\n", r"needs a column 'id', or a unique .* \(email, card\)"),
    ("profiles.csv", b"id,city\n1,\xff\n", "it is not UTF-8 text"),
    ("profiles.csv", gzip.compress(b"id\n"), "it is not UTF-8 text"),
    ("profiles.csv.gz", b"id,city\n", "not, or not all of, a gzip file"),
    ("profiles.csv.gz", gzip.compress(b"id,city\n" * 99)[:-9], "not, or not all of, a gzip file"),
    ("profiles.jsonl", b'{"card": "1"}\n{"secret', "row 2: this line is not JSON"),
    ("profiles.jsonl", b'["secret"]\n', "row 1: this line is no JSON object"),
    ("profiles.jsonl", b'{"card": "\xff"}\n', "row 1: this line is not JSON|not UTF-8"),
    ("profiles.jsonl", b'{"card": {"secret": 1}}', "row 1, column 'card': it must hold a value"),
    ("profiles.jsonl", b'{"card": "\\ud800"}', "row 1: this line is not JSON"),
    ("profiles.parquet", b"PAR1secretPAR1", "not, or not all of, a Parquet file"),
    ("profiles.xlsx", b"", "its name must end in one of .csv, .csv.gz, .jsonl"),
]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    REFUSED_FILES,
    ids=[f"{row[0]}: {row[2]}" for row in REFUSED_FILES],
)
def test_a_file_that_is_not_of_its_kind_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{name}")
    assert re.search(problem, message)
    assert "secret" not in message


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert "it cannot be read: No such file" in refusal(tmp_path / "profiles.csv")
    for kind in ("csv", "jsonl", "parquet"):
        folder = tmp_path / f"folder.{kind}"
        folder.mkdir()
        assert "it cannot be read" in refusal(folder)


def test_a_column_of_parquet_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profiles.parquet"
    pq.write_table(pa.table({"id": [ADA], "city": [{"secret": 1}]}), path)
    assert "column 'city': its type struct" in refusal(path)


def test_what_is_wrong_late_in_a_file_undoes_all_of_it(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_files, "ROWS", 2)
    load(store_url, write_json_lines(tmp_path, [{"id": ADA, "city": "Ghent"}]))
    before = stored(store_url)
    rows = [{"id": str(UUID(int=n))} for n in range(1, 8)]
    for last, problem in (({"id": "no"}, "column 'id'"), (rows[4], "second time")):
        with pytest.raises(FileRefused, match=f"^profiles.jsonl, row 8.*{problem}"):
            load(store_url, write_json_lines(tmp_path, [*rows, last]))
        assert stored(store_url) == before
