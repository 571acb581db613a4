"""Airflow's metadata database: which version of Airflow has already migrated it.

The answer is a comment on the database itself, so that it goes where the database goes.
"""

from __future__ import annotations

from importlib.metadata import version

import psycopg
from psycopg import sql

NAME = "airflow"


def airflow_version() -> str:
    """What decides the schema: the versions of Airflow's core and of nothing else."""
    return f"migrated by apache-airflow-core {version('apache-airflow-core')}"


def is_migrated(url: str) -> bool:
    """Whether this version of Airflow has migrated the database before."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') from pg_database "
            "where datname = current_database()"
        ).fetchone()
    return row is not None and row[0] == airflow_version()


def remember_migrated(url: str) -> None:
    """Note that this version of Airflow has migrated the database."""
    with psycopg.connect(url) as connection:
        database = sql.Identifier(connection.info.dbname)
        statement = sql.SQL("comment on database {} is {}")
        connection.execute(statement.format(database, sql.Literal(airflow_version())))
