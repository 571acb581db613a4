"""The project's own steps, each as its task runs it: from the run's id alone, in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from measuring import Measurement, Workers
from world import IMPORTS

from profile_exchange.config import registry
from profile_exchange.config.settings import settings
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline import (
    authenticate,
    filter_by_consent,
    gate,
    join,
    map_properties,
    pull,
    report,
    upsert,
    validate,
)
from profile_exchange.pipeline.runs import Run, find_run
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.source import RestSource

PARTS = 2


@dataclass(frozen=True, slots=True)
class Task:
    """What a task is told: which run, in which store, with which credentials, at what time."""

    store_url: str
    run_id: str
    credentials: TenantCredentials
    now: datetime

    @property
    def run(self) -> Run:
        """The run, as every task finds it again."""
        return find_run(self.store_url, registry.connection(IMPORTS), self.run_id)

    @contextmanager
    def source(self) -> Iterator[RestSource]:
        """The other tenant."""
        with RestClient(self.credentials) as client:
            yield RestSource(client, page_size=settings().page_size)


def import_once(
    task: Task, workers: Workers, validators: Workers, measured: Measurement
) -> FateCounts:
    """All steps of one run, in the order of the DAG; ``validators`` know Great Expectations."""
    phase = measured.phase
    with phase("authenticate"):
        requests = workers.do(_authenticate, task)
    with phase("pull"):
        workers.do_all(_pull, [(task, request) for request in requests])
    with phase("join"):
        workers.do(_join, task)
    with phase("filter_by_consent"):
        workers.do(_filter_by_consent, task)
    with phase("validate"):
        validators.do(_validate, task)
    with phase("map_properties"):
        workers.do(_map_properties, task)
    with phase("gate"):
        packages = workers.do(_gate, task)
    with phase("upsert"):
        workers.do_all(_upsert, [(task, package) for package in packages])
    with phase("report"):
        counts: FateCounts = workers.do(_report, task)
    return counts


def _authenticate(task: Task) -> list[pull.PullRequest]:
    with task.source() as source:
        connection = registry.connection(IMPORTS)
        run = authenticate.authenticate(
            source,
            connection,
            task.store_url,
            run_id=task.run_id,
            now=task.now,
            profiles_per_part=1,
            max_parts=PARTS,
        )
    return pull.requests_for(run, run.plan.segments)


def _pull(task: Task, request: pull.PullRequest) -> int:
    with task.source() as source:
        return pull.pull(task.run, source, request)


def _join(task: Task) -> None:
    join.join(task.run, task.now)


def _filter_by_consent(task: Task) -> None:
    filter_by_consent.filter_by_consent(task.run)


def _validate(task: Task) -> None:
    validate.validate(task.run, task.now)


def _map_properties(task: Task) -> None:
    map_properties.map_properties(task.run, task.now)


def _gate(task: Task) -> tuple[IdRange, ...]:
    return gate.gate(task.run, profiles_per_part=1, max_parts=PARTS).packages


def _upsert(task: Task, package: IdRange) -> None:
    upsert.upsert(task.run, package, task.now)


def _report(task: Task) -> FateCounts:
    return report.report(task.run, task.now).counts


def import_great_expectations() -> None:
    """What Airflow's scheduler imports once, and every task that it forks inherits."""
    import great_expectations.validator.validator  # noqa: F401
