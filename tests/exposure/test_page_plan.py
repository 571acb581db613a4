"""A page is read along the ids and no further, whatever the planner believes of a segment."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from profile_exchange.domain.packages import IdRange
from profile_exchange.domain.refinement_grammar import parse_refinement
from profile_exchange.exposure.page_query import page_statement
from profile_exchange.exposure.profile_query import ProfileQuery
from profile_exchange.store.database import connect, engine_for
from profile_exchange.tenants.postgres.audience import Audience
from tests.exposure.conftest import START, Installation, exposure_url

PROFILES = 5_000
COUNT = 10


@pytest.fixture
def crowded(installation: Installation) -> str:
    """A store in which the planner has every reason to read and sort all profiles instead."""
    statement = text(
        "insert into tenant.profile (id, created_at, modified_at, properties)"
        " select gen_random_uuid(), now(), now(),"
        """ '{"visitedchannel": ["web"], "section": ["Sports"], "articles": ["7"]}'"""
        " from generate_series(1, :number)"
    )
    with engine_for(installation.store).begin() as database:
        database.execute(statement, {"number": PROFILES})
        database.execute(text("analyze tenant.profile"))
    return exposure_url(installation.store)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a plan."""
    return [plan, *(node for inner in plan.get("Plans", []) for node in nodes(inner))]


@pytest.mark.parametrize("start", [IdRange(0, 1), IdRange(5, 8)], ids=["first", "later"])
def test_a_page_reads_about_as_many_profiles_as_it_holds(crowded: str, start: IdRange) -> None:
    filters = [
        {"property": name, "operator": "CONTAINS_ANY", "values": [value]}
        for name, value in (("section", "Sports"), ("articles", "7"), ("visitedchannel", "web"))
    ]
    query = ProfileQuery(
        audience=Audience(linked=None, known=(), unneeded_counts=False),
        segment=parse_refinement({"operator": "AND", "filters": filters}),
        refinement=None,
        properties=("section",),
        objectives=(),
        shows_creation=False,
    )
    statement = page_statement(query)
    everybody = IdRange(0, 1)
    values = {
        **statement.bound,
        "first": start.first,
        "last": everybody.last,
        "count": COUNT,
        "fetched": COUNT + 1,
        "now": START,
        "connection": "harbor-goods",
        "client_id": "key",
        "request": "",
        "segment_id": "everybody",
    }
    ordered = [values[name] for name in statement.parameters]
    with connect(crowded) as database, psycopg.RawCursor(database) as cursor:
        cursor.execute(b"explain (analyze, format json) " + statement.sql, ordered)
        [[[explained]]] = cursor.fetchall()
    scans = [n for n in nodes(explained["Plan"]) if n.get("Relation Name") == "profile"]
    assert [scan["Node Type"] for scan in scans] == ["Index Scan"]
    assert sum(scan["Actual Rows"] for scan in scans) <= COUNT + 1
