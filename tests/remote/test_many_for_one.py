"""Many received profiles that are one of the tenant's: a partner that shares one identifier."""

from __future__ import annotations

import pytest

from profile_exchange.domain.fates import FateCounts
from tests.accepting.conftest import Writer
from tests.exposure.conftest import Installation
from tests.remote.over_api import ApiClient, RemoteExchange

MANY = 300
GOAL = {
    "links": [{"theirs": "email", "ours": "email"}],
    "mappings": [
        {"from": "sports", "to": "section"},
        {"from": "visits", "to": "articles", "strategy": "SUM"},
    ],
}
SHARED = "desk@example.org"


@pytest.fixture
def exchange(writer: Writer, store_url: str) -> RemoteExchange:
    writer.accept(read_back=True)
    types = {"email": "EMAIL!", "sports": "SELECT", "visits": "RANGE"}
    made = RemoteExchange(store_url, GOAL, [], types, page_size=1000)
    made.client = ApiClient(writer)
    return made


def received(number: int, *, own: bool) -> dict[str, object]:
    mails = [SHARED, f"p{number}@example.org"] if own else [SHARED]
    told = {"id": number + 1, "email": mails, "sports": f"Sport {number}", "visits": str(number)}
    return {**told, "modified": f"2026-01-{number % 28 + 1:02}"}


def counted(exchange: RemoteExchange) -> tuple[FateCounts, int]:
    """The fates of a run, and its requests to write."""
    before = len(exchange.client.sent)
    return exchange.counts(), len(exchange.client.sent) - before


@pytest.mark.parametrize("own", [False, True], ids=["nothing else", "and have one of their own"])
def test_they_cost_a_handful_of_requests(
    exchange: RemoteExchange, installation: Installation, *, own: bool
) -> None:
    """With the same identifiers they are one entry; with others too, the answers tell."""
    desk = installation.add(email=[SHARED])
    exchange.theirs = [received(number, own=own) for number in range(MANY)]
    counts, requests = counted(exchange)
    assert (counts.superseded, counts.modified) == (MANY - 1, 1)
    assert requests <= 6 + MANY // exchange.profiles_per_part
    # The one modified last: of those of the 28th, the one with the smallest id.
    assert installation.stored(desk)["section"] == ["Sport 27"]
    assert installation.stored(desk)["articles"] == ["27"]
