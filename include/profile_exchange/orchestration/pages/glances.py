"""A connection at a glance, as the list of all of them shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial

from sqlalchemy.orm import Session

from profile_exchange.config.registry import Configuration
from profile_exchange.domain.checks import LastCheck
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.orchestration.pages.airflow_runs import AirflowDag, known_dags
from profile_exchange.orchestration.pages.charts import Bar, Measure, last_runs
from profile_exchange.orchestration.pages.configured import store_url
from profile_exchange.orchestration.pages.partner_access import PartnerAccess, partner_access
from profile_exchange.tenants.postgres.overview import Glimpse, Overview, overview

LAST_RUNS = 12
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
class LastRun:
    """The newest run of a connection."""

    state: str
    at: datetime | None
    preview: bool


@dataclass(frozen=True, slots=True)
class Glance:
    """One connection in the list."""

    connection: Connection
    tenant: str
    authentication: Authentication
    missing: tuple[str, ...]
    dag: AirflowDag | None
    bars: list[Bar] = field(default_factory=list)
    newest: str = ""
    last: LastRun | None = None
    access: PartnerAccess | None = None
    away: bool = False

    @property
    def on(self) -> bool:
        """Whether it runs: its file says so, and its DAG is not paused. Its partner is answered
        all the same."""
        return self.connection.enabled and self.dag is not None and self.dag.on


def glances(
    session: Session, read: Configuration, shown: Iterable[Connection], now: datetime
) -> list[Glance]:
    """Some connections at a glance; those that are favorites first, then by title."""
    connections = sorted(shown, key=lambda each: (not each.favorite, each.title.lower(), each.id))
    # Airflow is asked after the stores: what it does not have at work then has ended.
    seen = _seen(connections, read, now)
    dags = known_dags(session, [each.id for each in connections])
    return [_glance(each, read, dags.get(each.id), seen) for each in connections]


def _seen(
    connections: Collection[Connection], read: Configuration, now: datetime
) -> Mapping[str, Overview | ExchangeError]:
    """What the stores say: one statement each. A store that is away says so itself."""
    by_tenant = defaultdict(list)
    for each in connections:
        by_tenant[each.tenant].append(each.id)
    seen: dict[str, Overview | ExchangeError] = {}
    for tenant, ids in by_tenant.items():
        try:
            url = store_url(tenant, read)
            seen.update(overview(url, ids, LAST_RUNS, now) if url else {})
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
        grey, access = Authentication(Arrow.GREY, str(found)), partner_access(connection, None)
        return Glance(connection, name, grey, (), dag, access=access, away=True)
    last = found.runs or found.exposures
    failed = frozenset(each.run_id for each in found.exposures if each.state)
    kind = partial(_kind_of_run, dag, failed) if found.runs else _kind_of_check
    return Glance(
        connection=connection,
        tenant=name,
        authentication=authentication(connection, found),
        missing=found.missing,
        dag=dag,
        bars=last_runs([Measure(each.profiles, kind(each)) for each in last]),
        newest=_told(last[-1], kind(last[-1])) if last else "",
        last=_last_run(dag, last[-1] if last else None, kind),
        access=partner_access(connection, found.keys),
    )


def authentication(connection: Connection, found: Overview) -> Authentication:
    """What the last check of a connection came to.

    One that imports asks the other tenant; one that only exposes looks at its own grant.
    """
    if connection.importing:
        return asked(found.check)
    return _granted(connection, found)


def _granted(connection: Connection, found: Overview) -> Authentication:
    """The arrow is green where the partner can be let in: with a grant, switched on, and a key."""
    if not connection.enabled:
        return Authentication(Arrow.GREY, "Off in its file: the partner is not answered")
    last = found.exposures[-1] if found.exposures else None
    if last and last.state:
        return Authentication(Arrow.RED, last.state, last.started_at)
    if not found.keys:
        told = "No consumer key is in use that was issued for the partner"
        return Authentication(Arrow.GREY, told, last.started_at if last else None)
    if last is None:
        return Authentication(Arrow.GREY, "Never checked")
    return Authentication(Arrow.GREEN, "The grant is in order", last.started_at)


def asked(check: LastCheck | None) -> Authentication:
    """What asking the other tenant came to."""
    if check is None:
        return Authentication(Arrow.GREY, "Never checked")
    if check.authenticated:
        return Authentication(Arrow.GREEN, "Authenticated", check.at)
    return Authentication(Arrow.RED, check.failure, check.at)


def _last_run(
    dag: AirflowDag | None, past: Glimpse | None, kind: Callable[[Glimpse], str]
) -> LastRun | None:
    """Airflow's while one is going; then what the ledger says."""
    if dag and dag.going:
        going = dag.going
        return LastRun(going.state, going.started_at or going.queued_at, preview=going.preview)
    return LastRun(kind(past), past.started_at, preview=past.preview) if past else None


def _kind_of_run(dag: AirflowDag | None, failed_checks: Collection[str], run: Glimpse) -> str:
    """How a run went; it failed, too, if only the check of what is exposed failed in it."""
    if run.run_id in failed_checks and run.state != "running":
        return "failed"
    if run.preview:
        return "preview"
    # A run that was killed has not said so, and may not have been closed on record yet.
    lost = run.state == "running" and not (dag and dag.going)
    return "failed" if lost else run.state


def _kind_of_check(check: Glimpse) -> str:
    return "failed" if check.state else "succeeded"


def _told(last: Glimpse, kind: str) -> str:
    counted = "no counts" if last.profiles is None else f"{last.profiles:,} profiles"
    return f"{last.started_at:%Y-%m-%d %H:%M} {kind}: {counted}"
