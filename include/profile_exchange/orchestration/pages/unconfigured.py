"""Connections that a file describes no more, or not soundly: what they did stays readable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import HTTPException, Request
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from profile_exchange.config.registry import Configuration
from profile_exchange.domain.errors import ConfigurationError, ExchangeError, Problem
from profile_exchange.orchestration.pages import airflow_runs, past_runs
from profile_exchange.orchestration.pages.access import may_edit
from profile_exchange.orchestration.pages.configured import (
    STATEMENT_SECONDS,
    configuration,
    store_url,
)
from profile_exchange.orchestration.pages.remains import RUNS, Asked, Remains
from profile_exchange.orchestration.pages.rendering import page
from profile_exchange.store.database import bounded
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks
from profile_exchange.tenants.postgres.remembered import Remembered, remembered
from profile_exchange.tenants.postgres.run_history import history, known_connections

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Unconfigured:
    """A connection without a sound file; ``broken`` where there is a file all the same."""

    id: str
    broken: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a file, and the connection whose it is, if it is one's."""

    problem: Problem
    connection: str | None


def mistakes(read: Configuration) -> list[Mistake]:
    """Every mistake in the configuration, with the connection that is to be edited."""
    owners = {file: key for key, file in read.files.items()}
    return [Mistake(each, owners.get(each.file)) for each in read.problems]


def broken(read: Configuration) -> set[str]:
    """The connections that have a file, and not a sound one."""
    return read.files.keys() - read.connections.keys()


def gone(read: Configuration, away: frozenset[str]) -> set[str]:
    """The connections that a store remembers and no file describes; the stores of tenants that
    are ``away`` are not asked."""
    asked = (key for key in read.tenants if key not in away)
    return {known for key in asked for known in _known(key, read)} - read.files.keys()


def _known(tenant_id: str, read: Configuration) -> frozenset[str]:
    try:
        url = store_url(tenant_id, read)
        return known_connections(url) if url else frozenset()
    except ExchangeError:
        return frozenset()


def without_file(
    request: Request, dag_id: str, user: BaseUser, session: Session, asked: Asked
) -> HTMLResponse:
    """The page of such a connection; of a DAG that is none, a word about that."""
    read = configuration()
    has_file, past = dag_id in read.files, _past(dag_id)
    if past is None and not has_file:
        return _no_connection(request, dag_id, session)
    remains = _remains(past, asked) if past else Remains()
    runs = past_runs.newest(session, dag_id, remains, asked.before, RUNS + 1)
    edits = has_file and may_edit(user)
    return page(
        request,
        "remembered.html",
        id=dag_id,
        title=past.title if past else dag_id,
        has_file=has_file,
        edits=edits,
        problems=list(_problems_of(dag_id, read)) if edits else [],
        runs=runs[:RUNS],
        more_runs=len(runs) > RUNS,
        asked=asked,
    )


def _past(dag_id: str) -> Remembered | None:
    try:
        return remembered(dag_id)
    except ConfigurationError:
        return None


def _remains(past: Remembered, asked: Asked) -> Remains:
    url = bounded(past.url, STATEMENT_SECONDS)
    if past.imports:
        return Remains(runs=history(url, past.id, RUNS + 1, asked.before))
    return Remains(checks=exposure_checks(url, past.id, RUNS + 1, asked.before))


def _problems_of(dag_id: str, read: Configuration) -> Iterator[Problem]:
    file = read.files.get(dag_id)
    return (each for each in read.problems if each.file == file)


def _no_connection(request: Request, dag_id: str, session: Session) -> HTMLResponse:
    """Airflow shows our tab beside every DAG, also those that have nothing to do with us."""
    if dag_id not in airflow_runs.known_dags(session, [dag_id]):
        raise HTTPException(NOT_FOUND, "There is no connection of this name.")
    return page(request, "no_connection.html", status=NOT_FOUND, dag_id=dag_id)


def unconfigured(ids: Iterable[str], read: Configuration) -> list[Unconfigured]:
    """Some of them as the list shows them, in the order of their ids."""
    return [Unconfigured(key, broken=key in read.files) for key in sorted(ids)]
