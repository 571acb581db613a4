"""An accepting tenant, and a partner whose credentials may write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from profile_exchange.domain.scopes import Scope
from tests.exposure.conftest import (  # noqa: F401
    Api,
    Installation,
    exposing_store,
    installation,
    portal,
    serve,
    stranger,
)

ACCEPT: dict[str, Any] = {
    "identifiers": ["email", "number"],
    "profile_ids": "any",
    "properties": {
        "city": ["SET", "SET_IF_EMPTY"],
        "section": ["SET", "SET_IF_EMPTY", "ADD", "REMOVE"],
        "articles": ["SET", "SUM"],
        "since": ["SET"],
    },
    "unmatched": "create",
    "segments": ["sports"],
}
Entry = dict[str, Any]


class Writer:
    """The API, asked with credentials that may write."""

    def __init__(self, api: Api, installation: Installation) -> None:  # noqa: F811
        self.api = api
        self.installation = installation

    def accept(self, **changes: Any) -> None:
        """Change the accept goal; ``connection`` changes the connection itself."""
        connection = changes.pop("connection", {})
        self.installation.connect(accept={**ACCEPT, **changes}, **connection)

    def put(self, *entries: Entry, **params: Any) -> httpx.Response:
        return self.api.request("PUT", "/rest/v2/profiles", json=list(entries), params=params)

    def results(self, *entries: Entry, **params: Any) -> list[dict[str, Any]]:
        answer = self.put(*entries, **params)
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()
        return results

    def states(self, *entries: Entry, **params: Any) -> list[str]:
        return [result["state"] for result in self.results(*entries, **params)]

    def one(self, entry: Entry, **params: Any) -> dict[str, Any]:
        [result] = self.results(entry, **params)
        return result


@pytest.fixture
def writer(installation: Installation, serve: Callable[..., Api]) -> Writer:  # noqa: F811
    """Harbor Goods with credentials that may write to Taylor Times."""
    installation.open_to_writing()
    made = Writer(serve(), installation)
    made.accept()
    made.api.log_in(installation.issue(scopes=[Scope.WRITE]))
    return made


def rule(name: str, *values: str, **more: str) -> dict[str, Any]:
    """A rule for a property."""
    return {"id": name, "values": list(values), "strategy": "SET", **more}


def entry(*rules: dict[str, Any], email: str = "jane@example.org", **more: Any) -> Entry:
    """An entry for whoever has a mail address."""
    matching = [[{"id": "email", "value": email}]]
    return {"matching": matching, "properties": list(rules), **more}
