"""Tenants of ours behind REST API v2: our own API, which remembers what is written to it, and one
over real sockets that answers as a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from tests.accepting.conftest import writer  # noqa: F401
from tests.exposure.conftest import (  # noqa: F401
    exposing_store,
    installation,
    portal,
    serve,
)
from tests.remote.scripted_tenant import ScriptedTenant
from tests.remote.summing import GOAL, TYPES, SummingExchange
from tests.tenants.over_http import HOST, PATIENCE
from tests.tenants.scripted_partner import KEY, SECRET


@pytest.fixture
def summed() -> Iterator[ScriptedTenant]:
    """A tenant with three profiles, a, b and c, that `summing` adds articles to."""
    with (served := ScriptedTenant()).running():
        for name in ("a", "b", "c"):
            served.add(f"{name}@example.org")
        yield served


@pytest.fixture
def summing(store_url: str, summed: ScriptedTenant) -> Iterator[SummingExchange]:
    """An import that adds up what its source profiles have read."""
    made = SummingExchange(store_url, GOAL, [], TYPES)
    credentials = TenantCredentials(HOST, KEY, SECRET, summed.base_url)
    with RestClient(credentials, PATIENCE) as made.client:
        made.served = summed
        yield made
