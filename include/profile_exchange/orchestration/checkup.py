"""``python -m profile_exchange.orchestration.checkup``: what Airflow keeps for the connections.

Run by ``exchange doctor`` in a process of its own, so that no secret leaves the one that reads
it. Prints one JSON array: whether Airflow's database is at its version, and whether the Airflow
connections that the files name are there and lead to where they should.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from profile_exchange.config import registry
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.installation.checkup.finding import Finding, ok, skipped, wrong
from profile_exchange.orchestration.mail_server import missing_server, reach
from profile_exchange.orchestration.partner import credentials_for, find_connection

SCHEMA, CREDENTIALS, MAIL = "migrations", "credentials", "mail"
STORED_IN = "kept by Airflow"
STORED = "Correct it in Airflow under Admin > Connections."


def _lookup(name: str) -> Any:
    # Outside of a task Airflow's own model finds a connection, wherever it is kept.
    from airflow.models.connection import Connection as StoredConnection

    return StoredConnection.get_connection_from_secrets(name)


def checkup() -> Iterator[Finding]:
    """The credentials of every import, and the mail server of every connection that sends mails."""
    if not _database_answers():
        yield skipped(STORED_IN, "Airflow's database cannot be reached from here: look beside it.")
        return
    yield _schema()
    mailing: dict[str, Connection] = {}
    for connection in registry.read_all().connections.values():
        if connection.importing:
            yield _credentials(connection)
        if connection.notifications and connection.notifications.emails:
            mailing[connection.notifications.smtp] = connection
    for connection in mailing.values():
        yield _mail(connection)


def _database_answers() -> bool:
    """Airflow itself takes a database that is away for a connection that nobody has made."""
    from airflow.models.connection import Connection as StoredConnection
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            session.execute(select(StoredConnection.id).limit(1))
    except SQLAlchemyError:
        return False
    return True


def _schema() -> Finding:
    from airflow.utils.db import check_migrations

    try:
        check_migrations(0)  # type: ignore[no-untyped-call]
    except TimeoutError:
        told = "Airflow's database is not at the version of this Airflow."
        return wrong(SCHEMA, told, "Run `airflow db migrate`; on this machine `exchange up` does.")
    return ok(SCHEMA, "Airflow's database is at the version of this Airflow.")


def _credentials(connection: Connection) -> Finding:
    try:
        credentials_for(connection, _lookup)
    except ExchangeError as error:
        return wrong(CREDENTIALS, str(error), STORED)
    return ok(CREDENTIALS, f"{connection.id} has a consumer key and secret of its partner's.")


def _mail(connection: Connection) -> Finding:
    told = connection.notifications
    if told is None or (missing := missing_server(told, _lookup)):
        return wrong(MAIL, missing or "There is no mail server.", STORED)
    # The hook looks where a task would; what is kept in the metadata database it gets here.
    os.environ[f"AIRFLOW_CONN_{told.smtp.upper()}"] = find_connection(told.smtp, _lookup).get_uri()
    try:
        reach(told)
    except ExchangeError as error:
        return wrong(MAIL, str(error), STORED)
    return ok(MAIL, f"The mail server of {told.smtp} takes mails.")


def main() -> int:
    """Print the findings."""
    sys.stdout.write(json.dumps([finding.as_dict() for finding in checkup()]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
