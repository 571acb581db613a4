"""Every answer is what the published description of REST API v2 says it is.

The description is not part of the project: the environment variable BLUECONIC_OPENAPI names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from profile_exchange.tenants.postgres.credentials import IssuedCredential
from tests.exposure.conftest import Api, Installation

DESCRIPTION = os.environ.get("BLUECONIC_OPENAPI", "")

pytestmark = pytest.mark.skipif(
    not DESCRIPTION, reason="BLUECONIC_OPENAPI does not name the published description"
)


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    """The published description."""
    found: dict[str, Any] = json.loads(Path(DESCRIPTION).read_text())
    return found


def check(published: dict[str, Any], method: str, path: str, answer: httpx.Response) -> None:
    """The status is described for the path, and the body fits and has nothing that is not."""
    described = published["paths"][path][method]["responses"]
    assert str(answer.status_code) in described
    content = described[str(answer.status_code)].get("content")
    if content is None:
        return
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    schema = content["application/json"]["schema"]
    rules = {**schema, "components": published["components"]}
    validator = Draft202012Validator(rules, format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(answer.json())] == []
    assert list(undescribed(answer.json(), schema, published)) == []


def undescribed(data: Any, schema: dict[str, Any], published: dict[str, Any]) -> Iterator[str]:
    """Names in an answer that its schema does not have.

    Links are left out: the description's own examples spell them in lower case, its schema in
    upper case.
    """
    reference = schema.get("$ref")
    if reference is not None:
        schema = published["components"]["schemas"][reference.rpartition("/")[2]]
    if isinstance(data, dict) and "additionalProperties" not in schema:
        for name, value in data.items():
            if name not in schema["properties"]:
                yield name
            elif name != "links":
                yield from undescribed(value, schema["properties"][name], published)
    elif isinstance(data, list):
        for each in data:
            yield from undescribed(each, schema["items"], published)


@pytest.fixture
def _people(installation: Installation) -> None:
    properties = ["section", "since", "creationdate", "lastmodifieddate", "privacy_legislation"]
    installation.connect(objectives=["sharing"], expose={"properties": properties})
    for zone in ("GDPR", "CCPA", "NONE", None):
        installation.add(
            consented=("sharing",), refused=("mailing",), zone=zone, section=["Sports", "é"]
        )


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"count": 1},
        {"count": 0},
        {"expand": ["profiles.profile.segments", "ranges"], "ranges": 3},
        {"profileProperty": "section"},
        {"refinement": '{"property": "section", "operator": "NOT_IS_EMPTY"}'},
        {"refinement": "nonsense"},
        {"cursor": "forged"},
    ],
    ids=str,
)
def test_profiles_of_a_segment(published: dict[str, Any], api: Api, asked: dict[str, Any]) -> None:
    path = "/segments/{segment}/profiles"
    check(published, "get", path, api.get("/segments/sports/profiles", **asked))


@pytest.mark.usefixtures("_people")
def test_the_refinements_of_the_description_are_understood(
    published: dict[str, Any], installation: Installation, api: Api
) -> None:
    operation = published["paths"]["/segments/{segment}/profiles"]["get"]
    [parameter] = [each for each in operation["parameters"] if each["name"] == "refinement"]
    examples = [
        json.loads(each["value"]) for each in parameter["examples"].values() if "{" in each["value"]
    ]
    assert examples
    for example in examples:
        names = {"email": "section", "variant": "since", "visits": "creationdate"}
        written = json.dumps(example)
        for theirs, ours in names.items():
            written = written.replace(f'"{theirs}"', f'"{ours}"')
        written = written.replace("objective1", "sharing").replace("objective2", "sharing")
        answer = api.get("/segments/sports/profiles", refinement=written)
        assert answer.status_code == 200, written


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("path", ["/segments", "/profileProperties", "/objectives"])
def test_listings(published: dict[str, Any], api: Api, path: str) -> None:
    check(published, "get", path, api.get(path))
    check(published, "get", path, api.get(path, count=1, startIndex=1))
    api.token = "unknown"
    check(published, "get", path, api.get(path))


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("path", ["/profileProperties", "/objectives"])
@pytest.mark.parametrize("name", ["count", "startIndex"])
def test_what_has_64_bits_may_be_large(
    published: dict[str, Any], api: Api, path: str, name: str
) -> None:
    answer = api.get(path, **{name: 3_000_000_000})
    assert answer.status_code == 200
    check(published, "get", path, answer)
    assert api.get(path, **{name: 2**63}).status_code == 400


def test_a_segment_that_is_not_there(published: dict[str, Any], api: Api) -> None:
    path = "/segments/{segment}/profiles"
    check(published, "get", path, api.get("/segments/secret/profiles"))
    api.token = "unknown"
    check(published, "get", path, api.get("/segments/sports/profiles"))


def test_tokens(published: dict[str, Any], stranger: Api, issued: IssuedCredential) -> None:
    path = "/oauth/token"
    for changes in ({}, {"grant_type": "password"}, {"client_secret": "wrong"}, {"client_id": ""}):
        check(published, "post", path, stranger.ask_for_token(issued, **changes))


def test_revoking(published: dict[str, Any], api: Api, issued: IssuedCredential) -> None:
    form = {"client_id": issued.key, "client_secret": issued.secret, "token": str(api.token)}
    for changes in ({}, {"token": ""}, {"client_secret": "wrong"}):
        check(published, "post", "/oauth/revoke", api.post("/oauth/revoke", {**form, **changes}))
