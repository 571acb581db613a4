"""The landing table, where profiles arrive by COPY, and the statements that store them from there.

The statements are only built here; `loading` runs them, in this order, in one transaction.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Delete,
    Insert,
    MetaData,
    Select,
    Table,
    Text,
    Update,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID, insert

from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.profile_tables import (
    NO_TEXTS,
    TIMESTAMP,
    profile,
    profile_identifier,
)

_metadata = MetaData()

#: Profiles as they arrive, in the order of a block's columns. Null means "not said": what the
#: store holds stays, and a new profile gets the store's default, or the time of loading.
landing: Final = Table(
    "landing",
    _metadata,
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("created_at", TIMESTAMP),
    Column("modified_at", TIMESTAMP),
    Column("privacy_legislation", Text),
    Column("consented_objectives", ARRAY(Text)),
    Column("refused_objectives", ARRAY(Text)),
    Column("properties", JSONB, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

#: The landed profiles that will be written: those that are new, or differ from the stored ones.
written: Final = Table(
    "written",
    _metadata,
    Column("id", UUID(as_uuid=True), nullable=False),
    Column("is_new", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

_COPIED = ("created_at", "privacy_legislation", "consented_objectives", "refused_objectives")


def repeated_ids() -> Select[Any, Any]:
    """``(id, row)``: the first landed profile whose id stood in an earlier row; rows from 1."""
    # A fresh table that one COPY filled keeps its rows in the order in which they came.
    place: ColumnElement[Any] = literal_column("landing.ctid")
    numbered = select(
        landing.c.id,
        func.row_number().over(order_by=place).label("row"),
        func.row_number().over(partition_by=landing.c.id, order_by=place).label("occurrence"),
    ).subquery()
    return (
        select(numbered.c.id, cast(numbered.c.row, BigInteger))
        .where(numbered.c.occurrence > 1)
        .order_by(numbered.c.row)
        .limit(1)
    )


def count_landed() -> Select[int, int]:
    """``(landed, distinct)``: how many profiles landed, and how many ids they have."""
    ids = select(landing.c.id).distinct().subquery()
    distinct = select(func.count()).select_from(ids).scalar_subquery()
    return select(func.count(), distinct).select_from(landing)


def choose(*, keep_existing: bool) -> Insert:
    """Fill ``written``; with ``keep_existing`` only by profiles that the store does not have."""
    is_new = profile.c.id.is_(None)
    chosen = is_new if keep_existing else or_(is_new, _differs())
    compared = landing.outerjoin(profile, profile.c.id == landing.c.id)
    rows = select(landing.c.id, is_new).select_from(compared).where(chosen)
    return insert(written).from_select(["id", "is_new"], rows)


def count_written() -> Select[int, int]:
    """``(created, replaced)``."""
    created = func.count().filter(written.c.is_new)
    return select(created, func.count() - created).select_from(written)


def replace(now: Any) -> Update:
    """Replace the stored profiles that differ."""
    return (
        profile.update()
        .where(profile.c.id == landing.c.id, landing.c.id == written.c.id, ~written.c.is_new)
        .values(
            modified_at=func.coalesce(landing.c.modified_at, now),
            properties=landing.c.properties,
            **{name: func.coalesce(landing.c[name], profile.c[name]) for name in _COPIED},
        )
    )


def create(now: Any) -> Insert:
    """Insert the profiles that are new."""
    columns: dict[str, ColumnElement[Any]] = {
        "id": landing.c.id,
        "created_at": func.coalesce(landing.c.created_at, now),
        "modified_at": func.coalesce(landing.c.modified_at, now),
        "privacy_legislation": landing.c.privacy_legislation,
        "consented_objectives": func.coalesce(landing.c.consented_objectives, NO_TEXTS),
        "refused_objectives": func.coalesce(landing.c.refused_objectives, NO_TEXTS),
        "properties": landing.c.properties,
    }
    new = landing.join(written, (written.c.id == landing.c.id) & written.c.is_new)
    rows = select(*columns.values()).select_from(new)
    return insert(profile).from_select(list(columns), rows)


def forget_identifiers() -> Delete:
    """Delete the identifiers of the profiles that were replaced."""
    return profile_identifier.delete().where(
        profile_identifier.c.profile_id == written.c.id, ~written.c.is_new
    )


def remember_identifiers() -> Insert:
    """Insert the identifiers of the profiles that were written."""
    changed = landing.join(written, written.c.id == landing.c.id)
    profiles = select(landing.c.id, landing.c.properties).select_from(changed).subquery()
    rows = identifiers_of(profiles)
    return insert(profile_identifier).from_select(["property_id", "value", "profile_id"], rows)


def _differs() -> ColumnElement[bool]:
    said = (landing.c[name].is_not(None) & _distinct(name) for name in _COPIED)
    return or_(_distinct("properties"), *said)


def _distinct(name: str) -> ColumnElement[bool]:
    return profile.c[name].is_distinct_from(landing.c[name])
