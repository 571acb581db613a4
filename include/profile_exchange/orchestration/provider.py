"""What the project tells Airflow about itself as a provider: a connection type for tenants.

Read in every process of Airflow, through the entry point ``apache_airflow_provider``; so nothing
of Airflow is imported here.
"""

from __future__ import annotations

from typing import Any

from profile_exchange import __version__
from profile_exchange.tenants.rest.credentials import CONNECTION_TYPE

#: What the connection type is called where somebody chooses one.
NAME = "Profile Exchange: other tenant"


def provider_info() -> dict[str, Any]:
    """The project in the form of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "profile-exchange",
        "name": "Profile Exchange",
        "description": "Two customer data platform tenants share profile data.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "profile_exchange.orchestration.tenant_hook.TenantHook",
                "hook-name": NAME,
                "ui-field-behaviour": _form(),
                "conn-fields": {"base_url": _address()},
            }
        ],
    }


def _form() -> dict[str, Any]:
    """Airflow's own fields: what they are called, and those that a tenant has no use for."""
    return {
        "hidden-fields": ["port", "schema", "extra"],
        "relabeling": {
            "host": "Host name",
            "login": "Consumer key",
            "password": "Consumer secret",
        },
        "placeholders": {"host": "tenant.example.com"},
    }


def _address() -> dict[str, Any]:
    return {
        "label": "Address",
        "description": "Only where the tenant is not reached at https:// and its host name.",
        "schema": {"type": ["string", "null"]},
    }
