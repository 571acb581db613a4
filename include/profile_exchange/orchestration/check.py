"""``python -m profile_exchange.orchestration.check CONNECTION``: what the green arrow says.

Run by the command line in a process of its own, so that the consumer secret stays inside the
one that reads it from Airflow. Prints a JSON object a line and nothing secret: whom it asks, so
that it can be told who did not answer, and at the end what came of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from profile_exchange.config import registry
from profile_exchange.domain.checks import Asked
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError

if TYPE_CHECKING:
    from profile_exchange.orchestration.partner import Lookup
    from profile_exchange.pipeline.authenticate import Exposed
    from profile_exchange.pipeline.remote.properties import Lacking
    from profile_exchange.tenants.rest.credentials import TenantCredentials

#: Is told whom a check asks now; None is nobody.
Asking = Callable[[Asked | None], None]


def check(connection_id: str, asking: Asking = lambda _: None) -> dict[str, Any]:
    """Whether we are let in, what is exposed to us, and what the import goal misses.

    What came of it is kept, for the pages. Raises the error that says why we are not let in;
    ``asking`` was last told by whom.
    """
    # Outside of a task Airflow's own model finds a connection, wherever it is kept.
    from airflow.models.connection import Connection as StoredConnection

    from profile_exchange.orchestration.checking import found_of, noting
    from profile_exchange.orchestration.mail_server import missing_server
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.pipeline.authenticate import changes_of_segments

    connection = registry.connection(connection_id)
    lookup = StoredConnection.get_connection_from_secrets
    url = store_url_of(connection)
    with noting(url, connection) as let_in:
        exposed = _asked_partner(connection, lookup, asking)
        let_in(exposed)
    lacking = _asked_ours(connection, lookup, asking)
    changes = changes_of_segments(url, connection, exposed)
    found = found_of(exposed).as_json()
    ours = [f"{name} at tenant {connection.tenant}" for name in lacking.missing]
    return {
        "authenticated": True,
        "host": connection.partner.host,
        **found,
        "missing": [*found["missing"], *ours],
        "doubtful": list(lacking.doubtful),
        "new_segments": list(changes.new),
        "gone_segments": list(changes.gone),
        "mail": missing_server(connection.notifications, lookup),
        "error": None,
    }


def _asked_partner(connection: Connection, lookup: Lookup, asking: Asking) -> Exposed:
    from profile_exchange.orchestration.partner import credentials_for, partner_of
    from profile_exchange.pipeline.authenticate import look

    name, credentials = connection.partner.name, credentials_for(connection, lookup)
    with _telling(asking, name, credentials), partner_of(connection, lookup) as source:
        return look(source, connection)


def _asked_ours(connection: Connection, lookup: Lookup, asking: Asking) -> Lacking:
    """What our own tenant lacks; nothing where it is hosted here, and not to be asked."""
    from profile_exchange.orchestration.target import own_credentials, target_tenant_of
    from profile_exchange.pipeline.remote.properties import Lacking

    tenant = registry.tenant(connection.tenant)
    if not tenant.is_remote:
        return Lacking()
    credentials = own_credentials(tenant, lookup)
    with (
        _telling(asking, tenant.name, credentials),
        target_tenant_of(connection, lookup) as found,
    ):
        if found is None:
            return Lacking()
        found.target.authenticate()
        return found.lacking(connection)


@contextmanager
def _telling(asking: Asking, name: str, credentials: TenantCredentials) -> Iterator[None]:
    """Tell who is asked, and when that has been answered; whoever fails stays told."""
    asking(Asked(name, credentials.host, credentials.base_url))
    yield
    asking(None)


def main(connection_id: str) -> int:
    """Print whom we ask, and the answer; 0 when authenticated and nothing is missing, else 3."""
    asked: Asked | None = None

    def asking(whom: Asked | None) -> None:
        nonlocal asked
        asked = whom
        _print({"asking": whom and asdict(whom)})

    try:
        answer = check(connection_id, asking)
    except ExchangeError as error:
        whom = asked and asdict(asked)
        answer = {"authenticated": False, "missing": [], "asked": whom, "error": str(error)}
    _print(answer)
    return 0 if answer["authenticated"] and not answer["missing"] else 3


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
