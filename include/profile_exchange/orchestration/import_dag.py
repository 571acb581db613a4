"""The DAG of an importing connection. Every task resolves, calls a step, returns counts."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param, get_current_context, task

from profile_exchange.config.settings import settings
from profile_exchange.domain.connection import Approval, Connection, ImportGoal
from profile_exchange.orchestration.assets import written_by
from profile_exchange.orchestration.consents import renew_consents_of
from profile_exchange.orchestration.failures import note_failure, told
from profile_exchange.orchestration.notes import tell_note

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from profile_exchange.domain.forecast import Forecast
    from profile_exchange.pipeline.runs import Run

log = logging.getLogger(__name__)

#: The boolean in a run's configuration that makes it a preview.
PREVIEW = "preview"

#: A request for one mapped pull, and a package for one mapped upsert, as XComs carry them.
Reference = dict[str, Any]


def _part_of(argument: str) -> str:
    """What Airflow's UI calls a mapped task, "2 of 4", as the Jinja template for it."""
    reference = f"task.op_kwargs['{argument}']"
    return "{{ " + f"{reference}['part'] + 1" + " }} of {{ " + f"{reference}['parts']" + " }}"


def import_params() -> dict[str, Param]:
    """What Airflow's trigger form asks for when an import is started by hand."""
    told = "Count what the import would write, and write nothing."
    return {PREVIEW: Param(default=False, type="boolean", title="Only a preview", description=told)}


def add_import(dag: DAG, connection: Connection, goal: ImportGoal) -> None:
    """Add the steps of an import to a connection's DAG."""
    name = connection.id
    with dag:
        pulled = pull.partial(connection_id=name).expand(request=authenticate(name))
        admitted = gate(name)
        (
            pulled
            >> join(name)
            >> filter_by_consent(name)
            >> validate(name)
            >> map_properties(name)
            >> admitted
        )
        written = upsert.partial(connection_id=name).expand(package=admitted)
        if goal.approval:
            admitted >> _approve(name, goal.approval) >> written
        written >> report.override(outlets=[written_by(name)])(name)


def _approve(connection_id: str, approval: Approval) -> BaseOperator:
    # Only a connection that asks a person needs the operator.
    from profile_exchange.orchestration.approval import Approve

    return Approve(connection_id=connection_id, approval=approval)


def task_defaults() -> dict[str, Any]:
    """How tasks are retried: a few times, further and further apart."""
    return {
        "retries": 3,
        "retry_delay": timedelta(seconds=settings().retry_seconds),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(seconds=settings().pull_deadline),
        "on_failure_callback": note_failure,
    }


@task
@told
def authenticate(connection_id: str) -> list[Reference]:
    """Check credentials, host and grant; open the run. Returns what is to be pulled."""
    from profile_exchange.config import registry
    from profile_exchange.domain.errors import ConfigurationError
    from profile_exchange.orchestration.checking import noting
    from profile_exchange.orchestration.partner import partner_of
    from profile_exchange.orchestration.resolving import (
        current_run_id,
        is_preview,
        store_url_of,
    )
    from profile_exchange.orchestration.slots import skip_if_missed
    from profile_exchange.orchestration.target import target_tenant_of
    from profile_exchange.pipeline import authenticate as step
    from profile_exchange.pipeline.pull import requests_for

    connection = registry.connection(connection_id)
    if not connection.enabled:
        raise ConfigurationError(
            f"Connection {connection_id} is switched off: set enabled: true in its file."
        )
    preview = is_preview()
    skip_if_missed(connection)
    url = store_url_of(connection)
    with (
        noting(url, connection) as let_in,
        partner_of(connection) as source,
        target_tenant_of(connection) as target,
    ):
        run = step.authenticate(
            source,
            connection,
            url,
            run_id=current_run_id(),
            now=datetime.now(UTC),
            profiles_per_part=settings().profiles_per_part,
            max_parts=settings().max_parts,
            preview=preview,
            let_in=let_in,
            target=target,
        )
    requests = requests_for(run, run.plan.segments)
    log.info("Segments %s, in %d parts", ", ".join(run.plan.segments), len(requests))
    for sentence in run.plan.told():
        log.info("%s", sentence)
    return [
        {"segments": list(r.segments), "part": r.id_range.part, "parts": r.id_range.parts}
        for r in requests
    ]


@task(map_index_template=_part_of("request"))
@told
def pull(connection_id: str, request: Reference) -> int:
    """Bring one id range of the exposed profiles into staging. Returns the rows staged."""
    from profile_exchange.domain.packages import IdRange
    from profile_exchange.orchestration.partner import partner_of
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import pull as step

    run = current_run(connection_id)
    wanted = step.PullRequest(
        segments=tuple(request["segments"]),
        id_range=IdRange(request["part"], request["parts"]),
        properties=tuple(sorted(run.plan.sources)),
    )
    with partner_of(run.connection) as source:
        return step.pull(run, source, wanted)


@task
@told
def join(connection_id: str) -> dict[str, int]:
    """Match what was pulled with our profiles."""
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import join as step

    return _logged(step.join(current_run(connection_id), datetime.now(UTC)))


@task
@told
def filter_by_consent(connection_id: str) -> int:
    """Withhold profiles without consent. Returns how many."""
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import filter_by_consent as step

    return step.filter_by_consent(current_run(connection_id))


@task
@told
def validate(connection_id: str) -> dict[str, int]:
    """Reject profiles that break an expectation."""
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import validate as step

    done = step.validate(current_run(connection_id), datetime.now(UTC))
    return _logged(
        {"expectations": done.expectations, "failed": done.failed, "rejected": done.rejected}
    )


@task
@told
def map_properties(connection_id: str) -> dict[str, int]:
    """Gather what would be written, by strategy."""
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import map_properties as step

    return _logged(step.map_properties(current_run(connection_id), datetime.now(UTC)))


@task.short_circuit
@told
def gate(connection_id: str) -> list[Reference]:
    """Compare with limits and the last run. Returns the packages to write.

    A preview has none: it ends here, and Airflow skips what would follow.
    """
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import gate as step

    limits = settings()
    run = current_run(connection_id)
    if run.preview and run.finished:
        return []
    admitted = step.gate(run, limits.profiles_per_part, limits.max_parts)
    log.info(
        "Received %d, rejected %d, to write %d",
        admitted.received,
        admitted.rejected,
        admitted.mapped,
    )
    if run.preview and admitted.forecast:
        _end_preview(run, admitted.forecast)
        return []
    return [{"part": p.part, "parts": p.parts} for p in admitted.packages]


def _end_preview(run: Run, forecast: Forecast) -> None:
    from profile_exchange.pipeline.preview import close_preview

    close_preview(run, forecast, datetime.now(UTC))
    log.info("%s", forecast.sentence())
    for name, counted in forecast.properties.items():
        log.info(
            "%s would be filled in %d profiles, changed in %d, emptied in %d; the same in %d",
            name,
            counted.filled,
            counted.changed,
            counted.emptied,
            counted.same,
        )
    tell_note(get_current_context(), forecast.sentence())


@task(map_index_template=_part_of("package"))
@told
def upsert(connection_id: str, package: Reference) -> dict[str, int]:
    """Write one package with its ledger entry, in one transaction."""
    from dataclasses import asdict

    from profile_exchange.domain.packages import IdRange
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.orchestration.target import target_tenant_of
    from profile_exchange.pipeline import upsert as step

    part = IdRange(package["part"], package["parts"])
    run = current_run(connection_id)
    with target_tenant_of(run.connection) as tenant:
        target = tenant.target if tenant else None
        return _logged(asdict(step.upsert(run, part, datetime.now(UTC), target)))


@task
@told
def report(connection_id: str) -> dict[str, Any]:
    """Write the run's counts, which must add up. The run's note says the same sentence."""
    from profile_exchange.orchestration.announcing import announce
    from profile_exchange.orchestration.resolving import current_run
    from profile_exchange.pipeline import report as step

    run = current_run(connection_id)
    done = step.report(run, datetime.now(UTC))
    log.info("%s", done.sentence())
    for each in done.properties:
        log.info("%s", each.sentence())
    context = get_current_context()
    tell_note(context, done.sentence())
    announce(context, run, done)
    renew_consents_of(run.connection, run.store_url, datetime.now(UTC))
    return {
        "counts": done.counts.as_dict(),
        "unique_received": done.unique_received,
    }


def _logged(counts: dict[str, int]) -> dict[str, int]:
    log.info("%s", ", ".join(_words(counts.items())))
    return counts


def _words(counts: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{name} {number}" for name, number in counts]
