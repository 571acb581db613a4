"""A connection at a glance, as the list of all of them shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from profile_exchange.config.registry import Configuration
from profile_exchange.domain.checks import LastCheck
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.orchestration.pages.airflow_runs import AirflowDag, known_dags
from profile_exchange.orchestration.pages.charts import Bar, Measure, last_runs
from profile_exchange.orchestration.pages.configured import store_url
from profile_exchange.tenants.postgres.overview import Glimpse, Overview, overview

LAST_RUNS = 14
EMPTY = Overview(None, (), (), ())


class Arrow(StrEnum):
    """The arrow between two tenants: whether one lets the other in."""

    GREEN = "green"
    GREY = "grey"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Authentication:
    """What the last check came to, and what is to be said about it."""

    arrow: Arrow
    told: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """One connection in the list."""

    connection: Connection
    tenant: str
    authentication: Authentication
    missing: tuple[str, ...]
    dag: AirflowDag | None
    bars: list[Bar] = field(default_factory=list)

    @property
    def on(self) -> bool:
        """Whether it runs: its file says so, and its DAG is not paused."""
        return self.connection.enabled and self.dag is not None and self.dag.on


def glances(session: Session, read: Configuration, shown: Iterable[Connection]) -> list[Glance]:
    """Some connections at a glance; those that are favorites first, then by title."""
    connections = sorted(shown, key=lambda each: (not each.favorite, each.title.lower(), each.id))
    dags = known_dags(session, [each.id for each in connections])
    seen = _seen(connections)
    return [_glance(each, read, dags.get(each.id), seen) for each in connections]


def _seen(connections: Collection[Connection]) -> Mapping[str, Overview | ExchangeError]:
    """What the stores say: one statement each. A store that is away says so itself."""
    by_tenant = defaultdict(list)
    for each in connections:
        by_tenant[each.tenant].append(each.id)
    seen: dict[str, Overview | ExchangeError] = {}
    for tenant, ids in by_tenant.items():
        try:
            url = store_url(tenant)
            seen.update(overview(url, ids, LAST_RUNS) if url else {})
        except ExchangeError as error:
            seen.update(dict.fromkeys(ids, error))
    return seen


def _glance(
    connection: Connection,
    read: Configuration,
    dag: AirflowDag | None,
    seen: Mapping[str, Overview | ExchangeError],
) -> Glance:
    found = seen.get(connection.id, EMPTY)
    tenant = read.tenants.get(connection.tenant)
    name = tenant.name if tenant else connection.tenant
    if isinstance(found, ExchangeError):
        return Glance(connection, name, Authentication(Arrow.GREY, str(found)), (), dag)
    return Glance(
        connection=connection,
        tenant=name,
        authentication=authentication(connection, found),
        missing=found.missing,
        dag=dag,
        bars=last_runs([*map(_measured, found.runs)] or [*map(_counted, found.exposures)]),
    )


def authentication(connection: Connection, found: Overview) -> Authentication:
    """What the last check of a connection came to.

    One that imports asks the other tenant; one that only exposes looks at its own grant.
    """
    if connection.importing:
        return asked(found.check)
    if not found.exposures:
        return Authentication(Arrow.GREY, "Never checked")
    last = found.exposures[-1]
    if last.state:
        return Authentication(Arrow.RED, last.state, last.started_at)
    return Authentication(Arrow.GREEN, "The grant is in order", last.started_at)


def asked(check: LastCheck | None) -> Authentication:
    """What asking the other tenant came to."""
    if check is None:
        return Authentication(Arrow.GREY, "Never checked")
    if check.authenticated:
        return Authentication(Arrow.GREEN, "Authenticated", check.at)
    return Authentication(Arrow.RED, check.failure, check.at)


def _measured(run: Glimpse) -> Measure:
    kind = "preview" if run.preview else run.state
    received = "no counts" if run.profiles is None else f"{run.profiles:,} profiles received"
    return Measure(run.profiles, kind, f"{run.started_at:%Y-%m-%d %H:%M} {kind}: {received}")


def _counted(check: Glimpse) -> Measure:
    kind = "failed" if check.state else "succeeded"
    exposed = "no counts" if check.profiles is None else f"{check.profiles:,} may leave"
    return Measure(check.profiles, kind, f"{check.started_at:%Y-%m-%d %H:%M} {kind}: {exposed}")
