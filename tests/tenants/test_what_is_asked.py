"""Every request of ours is one that the published description of REST API v2 describes.

The description is not part of the project: the environment variable BLUECONIC_OPENAPI names it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import Draft202012Validator

from profile_exchange import __version__
from profile_exchange.pipeline.plan import Span
from tests.pipeline.exchange import NOW
from tests.tenants.over_http import OverHttp, Tenant
from tests.tenants.scripted_partner import Request

DESCRIPTION = os.environ.get("BLUECONIC_OPENAPI", "")

pytestmark = pytest.mark.skipif(
    not DESCRIPTION, reason="BLUECONIC_OPENAPI does not name the published description"
)

PREFIX = "/rest/v2"
#: Our one extension, which a tenant that does not know it ignores or refuses (docs/adr/0005).
EXTENSION = {("expand", "ranges"), ("ranges", "4")}


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """The published description."""
    found: dict[str, Any] = json.loads(Path(DESCRIPTION).read_text())
    return found


def operation(published: dict[str, Any], request: Request) -> dict[str, Any]:
    """What the description says of a request's path and method."""
    assert request.path.startswith(PREFIX)
    path = request.path.removeprefix(PREFIX)
    fitting = [
        template
        for template in published["paths"]
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    assert len(fitting) == 1, path
    found: dict[str, Any] = published["paths"][fitting[0]][request.method.lower()]
    return found


def check_query(published: dict[str, Any], request: Request) -> None:
    described = {
        each["name"]: each
        for each in operation(published, request).get("parameters", ())
        if each["in"] == "query"
    }
    asked = [pair for pair in request.query if pair not in EXTENSION]
    assert {name for name, _ in asked} <= described.keys()
    assert {name for name, each in described.items() if each.get("required")} <= dict(asked).keys()
    for name, each in described.items():
        check_values(published, each, [value for key, value in asked if key == name])


def check_values(published: dict[str, Any], described: dict[str, Any], values: list[str]) -> None:
    schema = described["schema"]
    assert not described.get("deprecated") or not values
    if reference := schema.get("$ref"):
        for value in values:
            check_schema(published, reference, json.loads(value))
        return
    assert schema["type"] == "array" or len(values) <= 1
    if described["name"] == "expand":
        assert all(f"`{value}`" in described["description"] for value in values)
    if schema["type"] == "integer":
        assert all(0 <= int(value) <= 1_000_000 for value in values)


def check_schema(published: dict[str, Any], reference: str, value: dict[str, Any]) -> None:
    rules = {"$ref": reference, "components": published["components"]}
    assert [each.message for each in Draft202012Validator(rules).iter_errors(value)] == []
    schema = published["components"]["schemas"][reference.rpartition("/")[2]]
    assert value.keys() <= schema["properties"].keys()


def check_form(published: dict[str, Any], request: Request) -> None:
    content = operation(published, request)["requestBody"]["content"]
    schema = content[request.headers["content-type"]]["schema"]
    form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
    assert set(schema["required"]) <= form.keys() <= schema["properties"].keys()
    assert [each.message for each in Draft202012Validator(schema).iter_errors(form)] == []


ASKED: dict[str, Callable[[OverHttp], Any]] = {
    "a token": lambda exchange: exchange.rest.authenticate(),
    "segments": lambda exchange: exchange.rest.segments(),
    "profile properties": lambda exchange: exchange.rest.properties(),
    "objectives": lambda exchange: exchange.rest.objectives(),
    "the first page": lambda exchange: exchange.rest.page("all", None, ["email", "sports"]),
    "another page": lambda exchange: exchange.rest.page("all", "2", []),
    "what has changed": lambda exchange: exchange.rest.page(
        "all", None, ["email"], [Span(NOW), Span(NOW - timedelta(days=9), NOW - timedelta(days=8))]
    ),
    "what has changed since": lambda exchange: exchange.rest.page("all", None, [], [Span(NOW)]),
    "id ranges": lambda exchange: exchange.rest.ranges("all", 4),
    "a whole run": lambda exchange: exchange.run(),
}


@pytest.mark.parametrize("what", ASKED)
def test_every_request_is_described(
    exchange: OverHttp, tenant: Tenant, published: dict[str, Any], what: str
) -> None:
    ASKED[what](exchange)
    assert tenant.requests
    for request in tenant.requests:
        secured = bool(operation(published, request).get("security"))
        assert ("authorization" in request.headers) == secured
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"] == f"profile-exchange/{__version__}"
        if request.method == "POST":
            assert request.query == []
            check_form(published, request)
        else:
            assert request.body == b""
            check_query(published, request)


def test_the_extension_is_asked_for_only_where_ranges_are_looked_for(
    exchange: OverHttp, tenant: Tenant
) -> None:
    exchange.run()
    exchange.rest.ranges("all", 4)
    with_it = [each for each in tenant.requests if EXTENSION & set(each.query)]
    assert with_it == tenant.requests[-1:]
