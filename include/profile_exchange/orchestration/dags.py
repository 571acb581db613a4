"""Building the DAG of each configured connection."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from profile_exchange.config import registry
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError, Problem
from profile_exchange.orchestration.closing import with_closing
from profile_exchange.orchestration.expose_dag import add_exposure
from profile_exchange.orchestration.import_dag import add_import, import_params, task_defaults
from profile_exchange.orchestration.notify import add_notices, callbacks

log = logging.getLogger(__name__)

#: Every kind of run but a backfill, whose runs Airflow does not count among those of the DAG: they
#: would go side by side. An import takes what the other tenant has now, so there is nothing to it.
_KINDS_OF_RUN: Any = (
    *("scheduled", "manual", "operator_triggered"),
    *("asset_triggered", "asset_materialization"),
)


def configured_dags() -> Iterator[DAG]:
    """A DAG for each sound connection. Inside a task only its own file is read.

    Files that are not sound, or of which no DAG can be made, are left out here, and raised by
    `raise_problems` from a DAG file of their own, so that they show as an import error and hide
    nothing.
    """
    only = get_parsing_context().dag_id
    if only:
        yield from _just(only)
        return
    for connection in registry.read_all().connections.values():
        try:
            dag = build(connection)
        except Exception:
            log.exception("No DAG can be made of connection %s.", connection.id)
            continue
        yield dag


def _just(dag_id: str) -> Iterator[DAG]:
    try:
        yield build(registry.connection(dag_id))
    except ConfigurationError:
        return


def raise_problems() -> None:
    """Raise `ConfigurationError` if any connection or tenant has a problem, or can have no DAG."""
    if get_parsing_context().dag_id:
        return
    configured = registry.read_all()
    without = _without_a_dag(configured)
    replace(configured, problems=tuple(sorted({*configured.problems, *without}))).check()


def _without_a_dag(configured: registry.Configuration) -> Iterator[Problem]:
    """Connections that are sound by all we know, and of which no DAG can be made all the same.

    What that is, is found out by making it: this is another process than the one that keeps them.
    """
    for connection in configured.connections.values():
        try:
            build(connection)
        except Exception as error:
            message = (
                f"its DAG cannot be made ({type(error).__name__}), so it does not run: undo the "
                "last change to it, and report this with what the log of the DAG processor says."
            )
            yield Problem(configured.files[connection.id], 0, "", message)


def build(connection: Connection) -> DAG:
    """The DAG of one connection, named after it."""
    dag = DAG(
        dag_id=connection.id,
        # Else Airflow would take one that was left half made, and those made to find that out.
        auto_register=False,
        dag_display_name=connection.title,
        description=_description(connection),
        doc_md=_documentation(connection),
        tags=sorted({*connection.labels, *_goals(connection)}),
        schedule=_timetable(connection),
        catchup=False,
        max_active_runs=1,
        allowed_run_types=_KINDS_OF_RUN,
        default_args=task_defaults(),
        params=import_params() if connection.importing else {},
        **with_closing(connection, callbacks(connection.notifications)),
    )
    if connection.importing:
        add_import(dag, connection, connection.importing)
    if connection.answers:
        add_exposure(dag, connection)
    if connection.notifications:
        add_notices(dag, connection)
    return dag


def _timetable(connection: Connection) -> object:
    if connection.schedule is None or not connection.enabled:
        return None
    # Only a connection with a schedule needs what Airflow has for it.
    from profile_exchange.orchestration.timetable import ScheduleTimetable

    return ScheduleTimetable(connection.id, connection.schedule)


def _description(connection: Connection) -> str | None:
    """What the connection is for, and when it runs. The next moments, which would make another
    version of the DAG each time that one has passed, are told by its timetable."""
    schedule = connection.schedule if connection.enabled else None
    told = [connection.description, f"Runs {schedule}." if schedule else ""]
    return " ".join(filter(None, told)) or None


def _goals(connection: Connection) -> list[str]:
    goals = {
        "imports": connection.importing,
        "exposes": connection.expose,
        "accepts": connection.accept,
    }
    return [name for name, goal in goals.items() if goal]


def _documentation(connection: Connection) -> str:
    partner = connection.partner
    answers = "exposes to" if connection.expose else "accepts from"
    arrow = "imports from" if connection.importing else answers
    # The line's end stays: a text that ends in .md Airflow opens as a file, wherever that leads.
    return (
        f"**{connection.tenant}** {arrow} **{partner.name}** ({partner.host}).\n\n"
        f"{connection.description}\n"
    )
