"""A partner on loopback, and an exchange with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource
from tests.pipeline.exchange import furnish
from tests.tenants.over_http import GOAL, HOST, PATIENCE, OverHttp, Tenant
from tests.tenants.scripted_partner import KEY, SECRET


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with (served := Tenant()).running():
        yield served


@pytest.fixture
def exchange(store_url: str, tenant: Tenant) -> Iterator[OverHttp]:
    furnish(store_url, {"email": "EMAIL!"}, [])
    made = OverHttp(store_url, GOAL, [], {})
    credentials = TenantCredentials(HOST, KEY, SECRET, tenant.base_url)
    with RestClient(credentials, PATIENCE) as client:
        made.rest = RestSource(client, page_size=2)
        yield made
