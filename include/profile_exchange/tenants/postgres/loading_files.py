"""Loading a file of profiles into a hosted tenant's store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from profile_exchange.domain.properties import DERIVED_PROPERTIES, FilterType
from profile_exchange.domain.tenant import Tenant
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import objective, profile_property
from profile_exchange.tenants.postgres.describe import describe
from profile_exchange.tenants.postgres.file_columns import FileColumns, Vocabulary
from profile_exchange.tenants.postgres.loading import (
    Block,
    LoadCounts,
    ProfileRepeated,
    Progress,
    load_profiles,
    unwatched,
)
from profile_exchange.tenants.postgres.reading_files import FileRefused, read_rows


def load_file(
    url: str,
    tenant: Tenant,
    path: Path,
    *,
    now: datetime,
    separator: str = "|",
    progress: Progress = unwatched,
) -> LoadCounts:
    """Insert the profiles of a file into a tenant's store, or replace those that are there.

    All or nothing. A column is one of `file_columns.PROFILE_COLUMNS` or a profile property that
    the store knows once `describe` has told it of the tenant's file. What the file has no column
    for (consent, zone, creation date) stays as it is stored; properties are replaced as a whole.

    Raises `FileRefused`, naming the row and column of what is wrong.
    """
    describe(url, tenant, now=now)
    columns = FileColumns(path, vocabulary(url, tenant))
    try:
        return load_profiles(url, _blocks(columns, separator, progress), now=now, progress=progress)
    except ProfileRepeated as repeated:
        problem = f"profile {repeated.profile_id} stands here a second time; keep one row for it."
        raise FileRefused(path, problem, repeated.row) from None


def vocabulary(url: str, tenant: Tenant) -> Vocabulary:
    """The words that the store knows: the tenant's own, and those that imports have added."""
    known = profile_property.c
    with store_errors(url), engine_for(url).connect() as connection:
        types = {
            row.id: FilterType(row.filter_type) if row.indexed else None
            for row in connection.execute(select(known.id, known.indexed, known.filter_type))
        }
        objectives = frozenset(connection.execute(select(objective.c.id)).scalars())
    in_order = [*(told.id for told in tenant.properties), *sorted(types)]
    return Vocabulary(
        tenant.id,
        properties=frozenset(types) - DERIVED_PROPERTIES,
        identifiers={name: found for name in in_order if (found := types[name])},
        objectives=objectives,
    )


def _blocks(columns: FileColumns, separator: str, progress: Progress) -> Iterator[Block]:
    for rows in read_rows(columns.path, separator):
        yield columns.block(rows)
        progress("reading", rows.share)
