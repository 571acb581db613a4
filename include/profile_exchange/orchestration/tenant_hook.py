"""Airflow's hook for the other tenant, behind its connection type and its **Test** button."""

from __future__ import annotations

from airflow.sdk import BaseHook

from profile_exchange.domain.errors import ExchangeError
from profile_exchange.orchestration.partner import credentials_in
from profile_exchange.orchestration.provider import NAME
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE, TenantCredentials
from profile_exchange.tenants.rest.network import Patience
from profile_exchange.tenants.rest.source import RestSource

#: Somebody waits in front of a screen: ask once, and not for long.
A_MOMENT = Patience(connect=5.0, read=10.0, total=15.0, attempts=1)


class TenantHook(BaseHook):
    """The other tenant, as an Airflow connection of type `CONNECTION_TYPE` says how to reach it."""

    conn_name_attr = "tenant_conn_id"
    default_conn_name = "profile_exchange_tenant_default"
    conn_type = CONNECTION_TYPE
    hook_name = NAME

    def __init__(self, tenant_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self._connection_id = tenant_conn_id

    def get_conn(self, patience: Patience | None = None) -> RestClient:
        """A session with the tenant, which the caller closes.

        Raises `ConfigurationError` when the connection cannot lead to a tenant.
        """
        return RestClient(self._credentials(), patience)

    def test_connection(self) -> tuple[bool, str]:
        """Whether we are let in, and one sentence about it that holds no secret."""
        try:
            return True, self._let_in()
        except ExchangeError as error:
            return False, str(error)
        except Exception as error:
            # Airflow would show its text, whatever is in it.
            return False, f"The test did not come to an answer ({type(error).__name__})."

    def _let_in(self) -> str:
        with self.get_conn(A_MOMENT) as client:
            source = RestSource(client)
            source.authenticate()
            segments = _counted(len(source.segments()), "segment", "segments")
            properties = _counted(
                len(source.properties()), "profile property", "profile properties"
            )
            return (
                f"Authenticated at {client.host}, which exposes {segments} and {properties} to us."
            )

    def _credentials(self) -> TenantCredentials:
        # The test gives the connection a name that nobody knows; so no sentence says it.
        return credentials_in(self.get_connection(self._connection_id), "This connection")


def _counted(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
