"""``python -m profile_exchange.orchestration.check CONNECTION``: what the green arrow says.

Run by the command line in a process of its own, so that the consumer secret stays inside the
one that reads it from Airflow. Prints one JSON object and nothing secret.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from profile_exchange.config import registry
from profile_exchange.domain.errors import ExchangeError


def check(connection_id: str) -> dict[str, Any]:
    """Whether we are let in, what is exposed to us, and what the import goal misses.

    What came of it is kept, for the pages. Raises the error that says why we are not let in.
    """
    # Outside of a task Airflow's own model finds a connection, wherever it is kept.
    from airflow.models.connection import Connection as StoredConnection

    from profile_exchange.orchestration.checking import found_of, noting
    from profile_exchange.orchestration.mail_server import missing_server
    from profile_exchange.orchestration.partner import partner_of
    from profile_exchange.orchestration.resolving import store_url_of
    from profile_exchange.orchestration.target import target_tenant_of
    from profile_exchange.pipeline.authenticate import changes_of_segments, look
    from profile_exchange.pipeline.remote.properties import Lacking

    connection = registry.connection(connection_id)
    lookup = StoredConnection.get_connection_from_secrets
    url = store_url_of(connection)
    with noting(url, connection) as let_in, partner_of(connection, lookup) as source:
        exposed = look(source, connection)
        let_in(exposed)
    lacking = Lacking()
    with target_tenant_of(connection, lookup) as tenant:
        if tenant:
            tenant.target.authenticate()
            lacking = tenant.lacking(connection)
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


def main(connection_id: str) -> int:
    """Print the answer; 0 when authenticated and nothing is missing, else 3."""
    try:
        answer = check(connection_id)
    except ExchangeError as error:
        answer = {"authenticated": False, "missing": [], "error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if answer["authenticated"] and not answer["missing"] else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
