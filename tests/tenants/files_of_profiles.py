"""Files of profiles for the tests that load them: how they are written, and what came of them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.domain.tenant import Objective, Tenant
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import profile
from profile_exchange.tenants.postgres.loading import LoadCounts
from profile_exchange.tenants.postgres.loading_files import load_file

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

#: The same profiles in a file of every kind.
every_kind = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def load(url: str, path: Path, now: datetime = NOW, separator: str = "|") -> LoadCounts:
    return load_file(url, SHOP, path, now=now, separator=separator)


def stored(url: str) -> dict[str, Any]:
    with engine_for(url).connect() as connection:
        return {str(row.id): row for row in connection.execute(select(profile))}


def properties(url: str) -> dict[str, Any]:
    return {key: row.properties for key, row in stored(url).items()}
