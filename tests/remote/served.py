"""A tenant of ours behind `exchange serve`: the real service, in a process of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from profile_exchange.domain.scopes import Scope
from profile_exchange.tenants.postgres.credentials import IssuedCredential, issue
from tests.accepting.conftest import ACCEPT
from tests.exposure.conftest import HOST, Installation
from tests.exposure.test_serving import serving
from tests.remote.over_api import RemoteExchange

GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "unmatched": "create",
    "mappings": [
        {"from": "sports", "to": "section"},
        {"from": "visits", "to": "articles", "strategy": "SUM"},
    ],
}
TYPES = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
THEIRS = [
    {"id": 1, "email": "a@example.org", "sports": "Rowing", "visits": "3"},
    {"id": 2, "email": "b@example.org", "sports": "Chess", "visits": "4"},
    {"id": 3, "email": "new@example.org", "sports": "Golf", "visits": "5"},
]


@dataclass(frozen=True)
class Served:
    """Where the service is, who may write to it, and the profiles that were there before."""

    installation: Installation
    address: str
    issued: IssuedCredential
    a: str
    b: str
    host: str = HOST

    def articles(self) -> list[list[str]]:
        """What the sums hold."""
        return [self.installation.stored(each)["articles"] for each in (self.a, self.b)]


@contextmanager
def served_tenant(installation: Installation) -> Iterator[Served]:
    """The service, which a partner may write to and read back from."""
    installation.open_to_writing()
    installation.connect(accept={**ACCEPT, "read_back": True})
    ids = [installation.add(email=[f"{name}@example.org"]) for name in ("a", "b")]
    # The service goes by the real time of day.
    now = dt.datetime.now(dt.UTC)
    issued = issue(installation.store, "harbor-goods", now=now, scopes=[Scope.WRITE])
    with serving(installation, ()) as (address, _):
        yield Served(installation, address, issued, *ids)


def imports_twice(exchange: RemoteExchange, served: Served) -> None:
    """What comes is written, sums included; the same again changes nothing; more adds more."""
    counts = exchange.counts()
    assert (counts.created, counts.modified) == (1, 2)
    assert served.articles() == [["3"], ["4"]]
    again = exchange.counts()
    assert (again.unchanged, again.settled) == (3, 3)
    exchange.theirs = [{**THEIRS[0], "visits": "9"}, *THEIRS[1:]]
    grown = exchange.counts()
    assert (grown.modified, grown.unchanged) == (1, 2)
    assert served.articles() == [["9"], ["4"]]
    assert served.installation.stored(served.a)["section"] == ["Rowing"]
