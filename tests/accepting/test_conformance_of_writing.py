"""What the routes that write answer is what the published description of REST API v2 says."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from profile_exchange.domain.scopes import Scope
from profile_exchange.pipeline.runs import SUCCEEDED
from tests.accepting.conftest import Writer, entry, rule
from tests.accepting.test_runs_for_partners import imported
from tests.exposure.conftest import Installation
from tests.exposure.test_conformance import check, published, pytestmark  # noqa: F401

CITY = rule("city", "Delft")


@pytest.fixture
def jane(writer: Writer, installation: Installation) -> str:
    writer.accept(read_back=True, connection={"objectives": ["sharing"]})
    properties = {"city": ["Delft"], "section": ["Sports", "é"]}
    return installation.add(email=["jane@example.org"], consented=("sharing",), **properties)


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [entry(CITY, identifier="mine"), entry(rule("x", "y")), entry(rule("articles", "x"))],
        [entry(CITY, strategy="UPSERT", email="new@example.org", privacyLegislation="GDPR")],
        [entry(CITY, timeline=[{"id": "1", "eventTypeId": "order"}], restriction={})],
        [entry(CITY, restriction={"isMemberOfSegment": "sports"})] * 2,
        [{"profileId": "00000000-0000-4000-8000-000000000001", "strategy": "DELETE"}],
        [{}] * 1001,
        ["nonsense"],
        [{"strategy": "nonsense"}],
    ],
    ids=lambda asked: str(asked)[:60],
)
@pytest.mark.usefixtures("jane")
def test_writing(published: dict[str, Any], writer: Writer, asked: list[Any]) -> None:  # noqa: F811
    check(published, "put", "/profiles", writer.put(*asked))


@pytest.mark.usefixtures("jane")
def test_writing_that_is_refused(
    published: dict[str, Any],  # noqa: F811
    writer: Writer,
    installation: Installation,
) -> None:
    check(published, "put", "/profiles", writer.put(entry(CITY), objectiveIds="unheard_of"))
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    check(published, "put", "/profiles", writer.put(entry(CITY)))
    writer.api.token = "unknown"
    check(published, "put", "/profiles", writer.put(entry(CITY)))


def test_one_profile(
    published: dict[str, Any],  # noqa: F811
    writer: Writer,
    installation: Installation,
    jane: str,
) -> None:
    path = "/profiles/{profileId}"
    for scopes in ([Scope.WRITE], [Scope.READ], [Scope.READ, Scope.WRITE]):
        writer.api.log_in(installation.issue(scopes=scopes))
        for params in ({}, {"expand": ["profile.segments", "profile.timeline"]}):
            answer = writer.api.get(f"/profiles/{jane}", **params)
            assert answer.status_code == 200
            check(published, "get", path, answer)
    check(published, "get", path, writer.api.get(f"/profiles/{uuid4()}"))
    writer.api.token = "unknown"
    check(published, "get", path, writer.api.get(f"/profiles/{jane}"))


@pytest.mark.usefixtures("jane")
def test_finding(published: dict[str, Any], writer: Writer) -> None:  # noqa: F811
    for params in (
        {"property": "email", "value": "jane@example.org"},
        {"property": "email", "value": "nobody@example.org"},
        {"property": "city", "value": "Delft"},
        {"property": "email"},
    ):
        check(published, "get", "/profiles", writer.api.get("/profiles", **params))


def test_the_examples_of_the_description_are_understood(
    published: dict[str, Any],  # noqa: F811
    writer: Writer,
) -> None:
    """Each is answered entry by entry, whatever may not be asked of this tenant."""
    examples = published["paths"]["/profiles"]["put"]["requestBody"]["content"]["application/json"][
        "examples"
    ]
    bodies = [json.loads(each["value"]) for each in examples.values()]
    lists = [body for body in bodies if isinstance(body, list)]
    assert len(lists) > 3
    for body in lists:
        answer = writer.put(*body)
        assert len(answer.json()) == len(body)
        check(published, "put", "/profiles", answer)


def test_making_a_property(
    published: dict[str, Any],  # noqa: F811
    writer: Writer,
    installation: Installation,
) -> None:
    writer.accept(properties={"HarborGoods_Orders": ["SET"]})
    path, address = "/profileProperties/{propertyId}", "/rest/v2/profileProperties/"
    for name, body in (
        ("HarborGoods_Orders", {"filterType": "RANGE", "name": "Orders", "mergeStrategy": "SUM"}),
        ("HarborGoods_Orders", {"filterType": "SELECT"}),
        ("Unheard_Of", {}),
        ("HarborGoods_Orders", []),
    ):
        check(published, "put", path, writer.api.request("PUT", f"{address}{name}", json=body))
        check(published, "get", path, writer.api.get(f"/profileProperties/{name}"))
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    check(published, "put", path, writer.api.request("PUT", f"{address}x", json={}))
    writer.api.token = "unknown"
    check(published, "get", path, writer.api.get("/profileProperties/x"))


def test_making_the_examples_of_the_description(
    published: dict[str, Any],  # noqa: F811
    writer: Writer,
) -> None:
    path = "/profileProperties/{propertyId}"
    examples = published["paths"][path]["put"]["requestBody"]["content"]["application/json"]
    bodies = [json.loads(each["value"]) for each in examples["examples"].values()]
    writer.accept(properties={body["id"]: ["SET"] for body in bodies})
    answers = [
        writer.api.request("PUT", f"/rest/v2/profileProperties/{body['id']}", json=body)
        for body in bodies
    ]
    # There are no groups here, nor properties of theirs.
    assert [answer.status_code for answer in answers] == [
        400 if "groupTypeId" in body else 200 for body in bodies
    ]
    for answer in answers:
        check(published, "put", path, answer)


def test_connections_and_runs(
    published: dict[str, Any],  # noqa: F811
    writer: Writer,
    installation: Installation,
) -> None:
    """The description's schemas are of one item, and its examples show the lists around them."""
    imported(installation, "one", SUCCEEDED, 0)
    for path, key in (("/connections", "connections"), ("/connections/{connection}/runs", "runs")):
        described = published["paths"][path]["get"]["responses"]["200"]["content"]
        example = described["application/json"]["examples"]["Response body"]["value"]
        answer = writer.api.get(path.format(connection="harbor-goods"))
        # One of the examples is no JSON: its quotes are escaped twice.
        assert [name for name in answer.json() if f'"{name}":' not in example] == []
        [item] = answer.json()[key]
        check(published, "get", path, httpx.Response(200, json=item))
    check(published, "get", path, writer.api.get("/connections/another/runs"))
    writer.api.log_in(installation.issue(scopes=[Scope.READ]))
    check(published, "get", "/connections", writer.api.get("/connections"))
