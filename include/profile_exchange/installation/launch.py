"""A whole installation in one folder: PostgreSQL, the profile stores, the exposure API, Airflow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from profile_exchange.config import registry
from profile_exchange.installation import metadata_database, record, services
from profile_exchange.installation.airflow_api import (
    NEEDED_COMPONENTS,
    AirflowApi,
    AirflowUnavailable,
    RunState,
)
from profile_exchange.installation.airflow_environment import (
    ONLY_USER,
    USER,
    Project,
    airflow_environment,
    exchange_environment,
    write_users,
)
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.partners import hosted_pairs, introduce
from profile_exchange.installation.ports import LOOPBACK, keep_or_choose, refuse_one_for_two
from profile_exchange.installation.processes import ManagedProcess, end_sessions
from profile_exchange.installation.secret_files import AIRFLOW_PASSWORD, SecretFiles
from profile_exchange.installation.stores import Fill, fill_nothing, prepare_stores
from profile_exchange.installation.supervision import NotReady, Supervisor

HEALTHY_SECONDS = 180.0
LEFT_OVER_SECONDS = 10.0

#: Told what the installation is doing now.
Phase = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports that somebody asked for; None keeps the last one if it is free, or takes a free one."""

    airflow: int | None = None
    exposure: int | None = None
    postgres: int | None = None


def quietly(phase: str) -> None:
    """Tell nobody."""


@dataclass
class Installation:
    """Everything that `exchange up` runs; also a context manager that starts and stops it.

    ``state`` is the folder that holds all it makes; installations with different folders run
    side by side. ``fill`` loads profiles into a hosted tenant's store before Airflow runs.
    ``users`` are Airflow's, with their roles, `USER` among them; they share one password.
    Once started, ``api`` is Airflow's REST API, ``configuration`` what was sound in the YAML files.
    """

    state: Path
    project: Project = field(default_factory=Project)
    ports: Ports = field(default_factory=Ports)
    fill: Fill = fill_nothing
    phase: Phase = quietly
    users: Mapping[str, str] = field(default_factory=lambda: ONLY_USER)

    def __post_init__(self) -> None:
        self.layout = Layout(self.state.resolve())
        self.secrets = SecretFiles(self.layout.secrets)
        self.configuration = registry.Configuration()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.start()
            self.start_the_rest()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's UI and REST API."""
        return f"http://{LOOPBACK}:{self._chosen.airflow_port}"

    @property
    def exposure_url(self) -> str:
        """The address of the exposure API."""
        return f"http://{LOOPBACK}:{self._chosen.exposure_port}"

    @property
    def user(self) -> str:
        """Airflow's user."""
        return USER

    @property
    def password(self) -> str:
        """The password of Airflow's user."""
        return self.secrets.read(AIRFLOW_PASSWORD) or ""

    def store_url(self, tenant_id: str) -> str:
        """The profile store of a hosted tenant."""
        tenant = registry.tenant(tenant_id, self.project.tenants)
        return self.secrets.read(tenant.store_secret) or ""

    def start(self) -> None:
        """Start everything and return once it can be used. Call `stop` even if this raises."""
        self.layout.make()
        self._running.enter_context(record.held(self.layout))
        self._end_left_overs()
        self._prepare_files()
        self._choose_ports()
        self._start_postgres()
        self._start_processes()
        self.api = AirflowApi(self.airflow_url, self.user, self.password)
        self._running.callback(self.api.close)
        self._wait_until_healthy()
        self._introduce_partners()
        self.supervisor.ready()

    def start_the_rest(self) -> None:
        """Start what a first run can do without, beside it."""
        for service in services.NEEDED_LATER:
            self._start_airflow(service)

    def stop(self) -> None:
        """Stop everything, the last started first, and leave no process behind."""
        self._running.close()

    def check(self) -> None:
        """Raise `ProcessStopped` if a part has ended by itself."""
        self.supervisor.check()
        self.server.check()

    def wait_for_dag(self, dag_id: str, seconds: float = HEALTHY_SECONDS) -> None:
        """Wait until Airflow knows a DAG. Raises `NotReady`, saying what its files' errors are."""
        try:
            self.supervisor.wait_until(
                lambda: self.api.dag_is_known(dag_id), f"Airflow did not find {dag_id}", seconds
            )
        except NotReady as error:
            errors = "; ".join(self.api.import_errors())
            raise NotReady(f"{error} {errors}".strip()) from None

    def switch_on(self, dag_id: str) -> None:
        """Let Airflow run a DAG, as soon as it knows it."""
        self.wait_for_dag(dag_id)
        self.api.switch_on(dag_id)

    def follow(self, dag_id: str, run_id: str) -> Iterator[RunState]:
        """A run's states until it has ended, as long as every part of the installation runs."""
        for state in self.api.follow(dag_id, run_id):
            self.check()
            yield state

    def _end_left_overs(self) -> None:
        last = record.read(self.layout)
        self._last = last or record.Record(launcher=0)
        if last and last.processes:
            end_sessions(last.processes, LEFT_OVER_SECONDS, within=self.layout.state)

    def _prepare_files(self) -> None:
        self.secrets.make_missing()
        write_users(self.layout, self.users)
        self.configuration = registry.read_all(self.project.connections, self.project.tenants)

    def _choose_ports(self) -> None:
        """Nothing listens yet: what one service is to have is not free for the others."""
        wanted, last = self.ports, self._last
        refuse_one_for_two(
            {
                "EXCHANGE_AIRFLOW_PORT": wanted.airflow,
                "EXCHANGE_EXPOSURE_PORT": wanted.exposure,
                "EXCHANGE_POSTGRES_PORT": wanted.postgres,
            }
        )
        taken = {wanted.airflow, wanted.exposure, wanted.postgres}
        airflow = keep_or_choose(wanted.airflow, last.airflow_port, "EXCHANGE_AIRFLOW_PORT", taken)
        exposure = keep_or_choose(
            wanted.exposure, last.exposure_port, "EXCHANGE_EXPOSURE_PORT", taken | {airflow}
        )
        self._chosen = record.Record(
            launcher=os.getpid(), airflow_port=airflow, exposure_port=exposure
        )

    def _start_postgres(self) -> None:
        self.phase("Starting PostgreSQL")
        taken = (self._chosen.airflow_port, self._chosen.exposure_port)
        self.server = EmbeddedPostgres(self.layout.postgres, self.ports.postgres, taken=taken)
        self._running.callback(self.server.stop)
        self.server.start()
        self._chosen = replace(self._chosen, postgres_port=self.server.port)
        self.supervisor = Supervisor(self.layout, self._chosen)
        self._running.callback(self.supervisor.stop_all)

    def _start_processes(self) -> None:
        """Airflow's migration keeps one core busy while the stores are filled on another."""
        self._airflow_environment = airflow_environment(
            self.layout,
            self.project,
            port=self._chosen.airflow_port,
            database_url=self.server.create_database(metadata_database.NAME),
            users=self.users,
        )
        migration = self._start_migration()
        self._prepare_stores()
        self._start_exposure()
        if migration:
            self._finish_migration(migration)
        self.phase("Starting Airflow")
        self._running.callback(self._stop_workers)
        for service in services.NEEDED_AT_ONCE:
            self._start_airflow(service)

    def _start_airflow(self, service: str) -> None:
        self.supervisor.start(services.airflow(self.layout, self._airflow_environment, service))

    def _start_migration(self) -> ManagedProcess | None:
        if metadata_database.is_migrated(self.server.url(metadata_database.NAME)):
            return None
        command = services.airflow_migration(self.layout, self._airflow_environment)
        return self.supervisor.start(command)

    def _finish_migration(self, migration: ManagedProcess) -> None:
        self.phase("Migrating Airflow's database")
        migration.finish()
        self.supervisor.forget(migration)
        metadata_database.remember_migrated(self.server.url(metadata_database.NAME))
        # The databases are new: better on disk while the processors are busy than at the stop.
        self.server.write_out()

    def _prepare_stores(self) -> None:
        self.phase("Preparing the tenants' profile stores")
        prepare_stores(
            self.server,
            self.secrets,
            self.configuration.tenants.values(),
            fill=self.fill,
            now=datetime.now(UTC),
            accepting=self.configuration.accepting_tenants,
        )

    def _start_exposure(self) -> None:
        environment = exchange_environment(self.layout, self.project)
        port = self._chosen.exposure_port
        self.supervisor.start(services.exposure_api(self.layout, environment, port))

    def _stop_workers(self) -> None:
        """What runs tasks goes first: it needs the API server and the stores to end in order.

        The triggerer keeps nothing, and takes ten seconds to end by itself: the time that the
        others take has to do.
        """
        self.phase("Stopping Airflow")
        self.supervisor.ask("triggerer")
        self.supervisor.stop(["scheduler", "dag-processor"])
        self.supervisor.stop(["triggerer"], seconds=0)

    def _wait_until_healthy(self) -> None:
        wait = self.supervisor.wait_until
        wait(self._exposure_answers, "The exposure API did not answer", HEALTHY_SECONDS)
        wait(self._airflow_is_warm, "Airflow's API server did not answer", HEALTHY_SECONDS)
        wait(self._airflow_is_healthy, "Airflow did not become healthy", HEALTHY_SECONDS)

    def _exposure_answers(self) -> bool:
        try:
            httpx.get(self.exposure_url, timeout=2, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def _airflow_is_warm(self) -> bool:
        try:
            self.api.warm_up()
        except AirflowUnavailable:
            return False
        return True

    def _airflow_is_healthy(self) -> bool:
        try:
            health = self.api.health()
        except AirflowUnavailable:
            return False
        return all(health[component] == "healthy" for component in NEEDED_COMPONENTS)

    def _introduce_partners(self) -> None:
        self.phase("Exchanging consumer key and secret")
        for pair in hosted_pairs(self.configuration):
            introduce(pair, self.api, self.layout, self.exposure_url, now=datetime.now(UTC))
