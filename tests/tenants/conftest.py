"""A partner on loopback, and an exchange with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource
from tests.pipeline.exchange import furnish
from tests.tenants.over_http import GOAL, HOST, PATIENCE, OverHttp, Tenant
from tests.tenants.scripted_partner import KEY, SECRET

if TYPE_CHECKING:
    from tests.tenants.authority import Authority


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


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    from tests.tenants.authority import Authority

    return Authority(tmp_path)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, as one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority
