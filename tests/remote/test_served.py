"""Our own client against our own service, over real sockets: an import from end to end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from tests.exposure.conftest import Installation
from tests.remote.over_api import RemoteExchange
from tests.remote.served import GOAL, THEIRS, TYPES, Served, imports_twice, served_tenant


@pytest.fixture
def served(installation: Installation) -> Iterator[Served]:
    with served_tenant(installation) as made:
        yield made


def test_an_import_run_twice_adds_nothing_twice(served: Served, store_url: str) -> None:
    exchange = RemoteExchange(store_url, GOAL, THEIRS, TYPES)
    issued = served.issued
    credentials = TenantCredentials(served.host, issued.key, issued.secret, served.address)
    with RestClient(credentials) as exchange.client:
        imports_twice(exchange, served)
