"""A page is walked along the ids and never sorted, whatever a large store's planner believes.

Every statement that the API sends is caught on its way, and explained with its own values as its
own user, in a store of such a size that reading and sorting all of it would pay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import text

from profile_exchange.exposure.stores import OPTIONS, Database, Statement
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for
from tests.exposure.conftest import START, TENANT, Api, Installation, exposure_url

PROFILES = 100_000
LARGE = {"profile", "exchanged_profile"}
GRANT = {"properties": ["section", "articles", "since", "lastmodifieddate"]}
COUNTS = [10, 1000, 10_000]
LAST_HOUR = (START - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
SPORTS = {"property": "section", "operator": "CONTAINS_ANY", "values": ["Sports"]}
REFINEMENTS: dict[str, Any] = {
    "nothing": None,
    "text": SPORTS,
    "number": {"property": "articles", "operator": "IN_RANGE", "fromValue": 3, "toValue": 9},
    "identifier": {"property": "email", "operator": "CONTAINS_ANY", "values": ["p7@example.com"]},
    "changed": {"property": "lastmodifieddate", "operator": "IN_RANGE", "fromDate": LAST_HOUR},
    "several": {"operator": "OR", "filters": [SPORTS, {**SPORTS, "values": ["Politics"]}]},
}
#: Profiles that are all alike, and half of them as having left before.
FILL = """
    insert into tenant.profile (id, created_at, modified_at, consented_objectives, properties)
    select gen_random_uuid(), :now, :now, '{sharing}', jsonb_build_object(
        'visitedchannel', '["web"]'::jsonb, 'section', '["Sports"]'::jsonb,
        'articles', '["7"]'::jsonb, 'email', '["p7@example.com"]'::jsonb)
    from generate_series(1, :number)
"""
LET_OUT = """
    insert into exchange.exchanged_profile (connection, direction, profile_id, first_at)
    select 'harbor-goods', 'sent', id, :now from tenant.profile limit :number / 2
"""


@pytest.fixture(scope="module")
def crowded(postgres: EmbeddedPostgres, store_template: str) -> Iterator[str]:
    """A store in which the planner has every reason to read and sort all profiles."""
    store = postgres.create_database("crowded_store", template=store_template)
    with engine_for(store).begin() as database:
        for statement in (FILL, LET_OUT):
            database.execute(text(statement), {"now": START, "number": PROFILES})
        database.execute(text("analyze"))
    yield store
    engine_for(store).dispose()


@pytest.fixture
def installation(crowded: str, tmp_path: Path) -> Installation:
    made = Installation(tmp_path, crowded)
    made.host("taylor-times", TENANT)
    made.connect(expose=GRANT)
    return made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, list[Any]]]:
    """Every statement that the API has sent, and its values."""
    caught: list[tuple[bytes, list[Any]]] = []
    send = Statement._sent

    async def catching(statement: Statement, database: Database, values: Mapping[str, Any]) -> Any:
        known = {**statement.bound, **values}
        caught.append((statement.sql, [known[name] for name in statement.parameters]))
        return await send(statement, database, values)

    monkeypatch.setattr(Statement, "_sent", catching)
    return caught


def plans(store: str, sent: list[tuple[bytes, list[Any]]]) -> list[dict[str, Any]]:
    """How PostgreSQL goes about the statements that touch a large table."""
    found = []
    url = exposure_url(store)
    with psycopg.connect(url, options=OPTIONS) as database, psycopg.RawCursor(database) as cursor:
        for statement, values in sent:
            cursor.execute(b"explain (format json) " + statement, values, binary=False)
            [[[explained]]] = cursor.fetchall()
            found.append(explained["Plan"])
    return [plan for plan in found if any(is_large(node) for node in nodes(plan))]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def is_large(node: dict[str, Any]) -> bool:
    return "Scan" in node["Node Type"] and node.get("Relation Name") in LARGE


def is_page(plan: dict[str, Any]) -> bool:
    """Whether something is noted with it, as with every page."""
    return any(node["Node Type"] == "ModifyTable" for node in nodes(plan))


def unbounded(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The scans of a large table below a node that nothing ends when it has enough."""
    if plan["Node Type"] == "Limit":
        return
    if is_large(plan):
        yield plan
    for inner in plan.get("Plans", []):
        yield from unbounded(inner)


def sorted_wholes(plan: dict[str, Any]) -> list[str]:
    """What is sorted of a large table, and could be all of it."""
    return [
        f"{node['Node Type']} above {scan['Node Type']} of {scan['Relation Name']}"
        for node in nodes(plan)
        if "Sort" in node["Node Type"]
        for scan in unbounded(node)
        if scan["Relation Name"] == "profile" or "Index Cond" not in scan
    ]


def walked(plan: dict[str, Any]) -> bool:
    """Whether the profiles come along the index of their ids, from where the page starts."""
    scans = [node for node in nodes(plan) if node.get("Relation Name") == "profile"]
    told = [(scan["Node Type"], scan.get("Index Name"), "Index Cond" in scan) for scan in scans]
    return told == [("Index Scan", "profile_pkey", True)]


def ask_for_pages(api: Api, refinement: Any, count: int, **more: str) -> None:
    """The first page of everything, and the first of a range late in the ids."""
    narrowed = {"refinement": json.dumps(refinement)} if refinement else {}
    asked = {"count": count, **narrowed, **more}
    api.profiles(**asked)
    ranges = api.profiles(
        **{**asked, "expand": ["ranges", *more.values()], "ranges": 8, "count": 1}
    )
    [*_, last] = [link["href"] for link in ranges["links"] if link["rel"] == "range"]
    [cursor] = parse_qs(urlsplit(last).query)["cursor"]
    api.profiles(**asked, cursor=cursor)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("refinement", REFINEMENTS)
def test_a_page_is_walked_along_the_ids(
    api: Api, crowded: str, sent: list[tuple[bytes, list[Any]]], refinement: str, count: int
) -> None:
    ask_for_pages(api, REFINEMENTS[refinement], count)
    found = plans(crowded, sent)
    pages = [plan for plan in found if is_page(plan)]
    assert len(pages) == 3
    assert all(map(walked, pages))
    assert [whole for plan in found for whole in sorted_wholes(plan)] == []


def test_a_page_with_consent_and_segments_is_walked_along_the_ids(
    installation: Installation, api: Api, crowded: str, sent: list[tuple[bytes, list[Any]]]
) -> None:
    installation.connect(expose=GRANT, objectives=["sharing"], consent="consented_or_unneeded")
    ask_for_pages(api, SPORTS, 1000, expand="profiles.profile.segments")
    found = plans(crowded, sent)
    pages = [plan for plan in found if is_page(plan)]
    assert len(pages) == 3
    assert all(map(walked, pages))
    assert [whole for plan in found for whole in sorted_wholes(plan)] == []


def test_counts_take_one_pass_and_sort_nothing(
    api: Api, crowded: str, sent: list[tuple[bytes, list[Any]]]
) -> None:
    api.ok("/segments")
    api.profiles("sports")
    counts = [plan for plan in plans(crowded, sent) if not is_page(plan)]
    scans = [[node["Relation Name"] for node in nodes(plan) if is_large(node)] for plan in counts]
    assert scans == [["profile"], ["profile"]]
    assert [whole for plan in counts for whole in sorted_wholes(plan)] == []


def test_a_page_that_is_sorted_would_be_noticed(crowded: str) -> None:
    """Even where sorting is frowned upon, what no index gives has to be sorted."""
    statement = b"select * from tenant.profile where modified_at <= $1 order by created_at limit 9"
    [plan] = plans(crowded, [(statement, [START])])
    assert not walked(plan)
    assert sorted_wholes(plan) == ["Sort above Seq Scan of profile"]
