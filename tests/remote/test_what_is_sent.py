"""Every request that writes to a tenant is one that the published description describes.

As in `tests.tenants.test_what_is_asked`, the variable BLUECONIC_OPENAPI names that description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from profile_exchange.domain.properties import FilterType, ProfileProperty
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.target import RestTarget
from tests.remote.over_api import RemoteExchange
from tests.remote.scripted_tenant import ScriptedTenant
from tests.tenants.over_http import HOST, PATIENCE
from tests.tenants.scripted_partner import KEY, SECRET, Request
from tests.tenants.test_what_is_asked import (
    check_form,
    check_query,
    check_schema,
    operation,
    published,  # noqa: F401 - a fixture
    pytestmark,  # noqa: F401 - without the description there is nothing to hold
)

Published = dict[str, Any]
TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE", "city": "SELECT"}
LINKED: dict[str, Any] = {
    "links": [{"theirs": "email", "ours": "email"}],
    "unmatched": "create",
    "mappings": [
        {"from": "sports", "to": "section", "strategy": "ADD"},
        {"from": "visits", "to": "articles", "strategy": "SUM"},
        {"from": "city", "to": "city", "strategy": "SET_IF_EMPTY"},
        {"from": "city", "to": "town", "restriction": "NEW_PROFILES_ONLY"},
        {"from": "city", "to": "place", "clear_when_absent": True},
    ],
}
BY_ID = {"mappings": [{"from": "sports", "to": "section", "strategy": "REMOVE"}]}
THEIRS = [
    {"id": 1, "email": ["a@example.org", "b@example.org"], "sports": ["Golf", "Chess"]},
    {"id": 2, "email": "c@example.org", "visits": "4", "city": "Utrecht", "zone": "GDPR"},
    {"id": 3, "visitedchannel": "web", "sports": "Rowing"},
]


@pytest.fixture
def tenant() -> Iterator[ScriptedTenant]:
    with (served := ScriptedTenant()).running():
        served.add("c@example.org")
        yield served


@pytest.fixture
def client(tenant: ScriptedTenant) -> Iterator[RestClient]:
    with RestClient(TenantCredentials(HOST, KEY, SECRET, tenant.base_url), PATIENCE) as made:
        yield made


def check_request(described: Published, request: Request) -> None:
    secured = bool(operation(described, request).get("security"))
    assert ("authorization" in request.headers) == secured
    assert request.headers["accept"] == "application/json"
    if request.method == "POST":
        check_form(described, request)
        return
    check_query(described, request)
    if request.method == "PUT":
        check_body(described, request)
    else:
        assert request.body == b""


def check_body(described: Published, request: Request) -> None:
    content = operation(described, request)["requestBody"]["content"]
    schema = content[request.headers["content-type"]]["schema"]
    sent = json.loads(request.body)
    rules = {**schema, "components": described["components"]}
    assert [each.message for each in Draft202012Validator(rules).iter_errors(sent)] == []
    for each in sent if isinstance(sent, list) else [sent]:
        check_schema(described, (schema.get("items") or schema)["$ref"], each)
        for rule in each.get("properties", ()):
            check_schema(described, "#/components/schemas/ProfileProperty", rule)
        for criterion in (one for every in each.get("matching", ()) for one in every):
            check_schema(described, "#/components/schemas/Criterium", criterion)


@pytest.mark.parametrize("goal", [LINKED, BY_ID], ids=["linked", "by id"])
def test_every_request_of_an_import_is_described(
    store_url: str,
    client: RestClient,
    tenant: ScriptedTenant,
    published: Published,  # noqa: F811
    goal: dict[str, Any],
) -> None:
    made = RemoteExchange(store_url, goal, THEIRS, {**TYPES, "visitedchannel": "SELECT"})
    made.client = client
    made.visitors = "" if "links" in goal else "visitors"
    made.settings = {"objectives": ["sharing", "mailing"]}
    made.run()
    assert any(request.method == "PUT" for request in tenant.requests)
    for request in tenant.requests:
        check_request(published, request)


def test_a_property_is_made_with_what_is_described(
    client: RestClient,
    tenant: ScriptedTenant,
    published: Published,  # noqa: F811
) -> None:
    wanted = ProfileProperty("town", "Town", FilterType.CURRENCY, tags=("Ours",), description="x")
    RestTarget(client).make_property(wanted)
    check_request(published, tenant.requests[-1])
