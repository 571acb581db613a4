"""The statements of the API on profiles: a page of a list, with the record of it, and counts.

A page is one statement: it reads the profiles, notes which of them left for the first time, and
appends to the record of disclosures; it is answered when all of that is committed.
"""

from __future__ import annotations

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert

from profile_exchange.exposure.profile_query import ProfileQuery
from profile_exchange.exposure.statements import Kept
from profile_exchange.exposure.stores import Statement, compiled
from profile_exchange.store.tables import disclosure, exchanged_profile, profile
from profile_exchange.tenants.postgres.audience import NOW
from profile_exchange.tenants.postgres.exposure_role import SENT

#: Profiles to a row of the answer. One at a time costs more to fetch than to write; all at once
#: could outgrow what a value may hold.
PROFILES_A_ROW = 500
#: A page ends with the profile that makes it as large as this; the next page starts behind it.
MAX_PAGE_BYTES = 4 * 1024 * 1024

FIRST = bindparam("first", type_=Uuid)
LAST = bindparam("last", type_=Uuid)


def _page_statement(query: ProfileQuery) -> Statement:
    """``(JSON, profiles in it, last id, profiles found)`` in order of id; and the record of it.

    JSON is bytes with commas between the profiles, the id is text; what was found counts one
    more than left if there is a next page. Binds ``first`` and ``last`` (ids, included),
    ``count`` (profiles that leave at most), ``fetched`` (one more), ``now``, and for the record
    ``connection``, ``client_id``, ``request`` and ``segment_id``.
    """
    page = _page(query)
    leaving = _leaving(page)
    row = (leaving.c.number - 1) // PROFILES_A_ROW
    json = func.string_agg(leaving.c.body, aggregate_order_by(literal(",", Text), leaving.c.number))
    found = select(func.count()).select_from(page).scalar_subquery()
    return compiled(
        select(
            func.convert_to(json, "UTF8"),
            func.count(),
            func.max(cast(leaving.c.id, Text).collate("C")),
            found,
        )
        .group_by(row)
        .order_by(row)
        .add_cte(_sent(leaving), _disclosed(leaving))
    )


def _page(query: ProfileQuery) -> CTE:
    # OFFSET 0 is a fence: the planner walks the ids in order and stops when the page is full,
    # whatever it believes about how many profiles the conditions keep.
    window = (
        select(profile)
        .where(profile.c.id.between(FIRST, LAST))
        .order_by(profile.c.id)
        .offset(literal_column("0"))
        .subquery("profiles")
    )
    return (
        select(window.c.id, query.body(window).label("body"))
        .where(query.condition(window))
        .limit(bindparam("fetched", type_=Integer))
        .cte("page")
    )


def _leaving(page: CTE) -> CTE:
    """The profiles of the page that leave, numbered: not the one that only tells that there are
    more, nor any behind the one that makes the page large. The first leaves whatever its size, or
    nobody would come past it."""
    number = func.row_number().over(order_by=page.c.id, rows=(None, 0)).label("number")
    size = func.octet_length(page.c.body)
    up_to = func.sum(size).over(order_by=page.c.id, rows=(None, 0))
    before = (up_to - size).label("bytes_before")
    numbered = select(page, number, before).subquery("numbered")
    return (
        select(numbered.c.id, numbered.c.body, numbered.c.number)
        .where(numbered.c.number <= bindparam("count", type_=Integer))
        .where(numbered.c.bytes_before < MAX_PAGE_BYTES)
        .cte("leaving")
    )


def _sent(leaving: CTE) -> CTE:
    """Every profile that leaves for the first time in the connection's life.

    Those that left before are read as one stretch of the index: looking up each of them is
    what a repeated pull would spend most of its time on.
    """
    to_whom = _bound("connection")
    known = exchanged_profile
    up_to = select(leaving.c.id).order_by(leaving.c.number.desc()).limit(1).scalar_subquery()
    left_before = (
        select(known.c.profile_id)
        .where(known.c.connection == to_whom, known.c.direction == SENT)
        .where(known.c.profile_id == leaving.c.id, known.c.profile_id.between(FIRST, up_to))
        .exists()
    )
    row = select(to_whom, literal(SENT, Text), leaving.c.id, NOW).where(~left_before)
    columns = ["connection", "direction", "profile_id", "first_at"]
    return insert(known).from_select(columns, row).on_conflict_do_nothing().cte("sent")


def _disclosed(leaving: CTE) -> CTE:
    """One row about the page: who, when, what was asked, and how many left."""
    asked = [_bound(name) for name in ("connection", "client_id", "request", "segment_id")]
    row = select(NOW, *asked, func.count()).select_from(leaving)
    columns = ["at", "connection", "client_id", "request", "segment", "profiles"]
    return insert(disclosure).from_select(columns, row).cte("disclosed")


def _profile_statement(query: ProfileQuery) -> Statement:
    """The JSON of one profile, as bytes, if the query lets it out. Binds ``id`` and ``now``."""
    body = func.convert_to(query.body(profile), "UTF8")
    wanted = profile.c.id == bindparam("id", type_=Uuid)
    return compiled(select(body).where(wanted, query.condition(profile)))


def _count_statement(query: ProfileQuery) -> Statement:
    """How many profiles a list has. Binds ``now``, if the list depends on it."""
    return compiled(select(func.count()).select_from(profile).where(query.condition(profile)))


page_statement = Kept(_page_statement)
profile_statement = Kept(_profile_statement)
count_statement = Kept(_count_statement)


def _bound(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=Text)
