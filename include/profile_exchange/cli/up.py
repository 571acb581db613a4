"""``exchange up``: everything on this machine, and the sample exchange."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from profile_exchange.cli import tables
from profile_exchange.cli.phases import Phases

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

    from profile_exchange.installation.launch import Installation, Ports

SAMPLE_CONNECTION = "taylor-times"
RUN_FAILED = 1
_WATCH_SECONDS = 0.5
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    once: Annotated[
        bool, typer.Option("--once", help="Stop after the first run: 0 if it succeeded, else 1.")
    ] = False,
    profiles: Annotated[int, typer.Option(min=1, help="Profiles in each sample tenant.")] = 10_000,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, envvar="EXCHANGE_AIRFLOW_PORT", help="Airflow's port."),
    ] = None,
    exposure_port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, envvar="EXCHANGE_EXPOSURE_PORT", help="The exposure API's port."
        ),
    ] = None,
    postgres_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, envvar="EXCHANGE_POSTGRES_PORT", help="PostgreSQL's port."),
    ] = None,
) -> None:
    """Start everything on this machine, and run the sample exchange.

    Starts PostgreSQL, the exposure API and Airflow, loads the sample tenants, and runs the
    connection taylor-times. Stays up until Ctrl-C. Without a port, the last one is taken if it
    is free, else any free one. All it makes is in one folder: var, or EXCHANGE_STATE_DIR.
    """
    from profile_exchange.installation.launch import Ports

    console = tables.console()
    phases = Phases(console)
    ports = Ports(airflow=port, exposure=exposure_port, postgres=postgres_port)
    installation = _installation(ports, profiles, phases)
    with _signals_interrupt(), _stopped_at_the_end(installation, phases):
        installation.start()
        if not once:
            installation.start_the_rest()
        phases.end()
        _tell_problems(installation, console)
        succeeded = _run_sample(installation, console)
        _tell_addresses(installation, console)
        if once:
            raise typer.Exit(0 if succeeded else RUN_FAILED)
        _stay(installation, console)


def _installation(ports: Ports, profiles: int, phases: Phases) -> Installation:
    from profile_exchange.config.settings import settings
    from profile_exchange.installation.airflow_environment import Project
    from profile_exchange.installation.launch import Installation
    from profile_exchange.sample.loading import SAMPLE_TENANTS, load

    def fill(tenant_id: str, url: str) -> None:
        def told(doing: str, share: float) -> None:
            phases.tell(f"{doing} {profiles:,} profiles of {tenant_id}", share)

        if tenant_id in SAMPLE_TENANTS:
            load(tenant_id, url, profiles, now=datetime.now(UTC), progress=told)

    project = Project(connections=settings().connections_dir, tenants=settings().tenants_dir)
    return Installation(settings().state_dir, project, ports, fill, phases.begin)


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """A service manager's stop and a closed terminal do what Ctrl-C does.

    A script's background command starts with Ctrl-C ignored; it is to be stopped all the same.
    A hang-up that was to be ignored, as by nohup, still is.
    """
    before = {number: signal.getsignal(number) for number in _STOPPING}
    for number, handler in before.items():
        if number != signal.SIGHUP or handler != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _stopped_at_the_end(installation: Installation, phases: Phases) -> Iterator[None]:
    """Stop the installation whatever happens; stopping is bounded in time and not interrupted."""
    try:
        yield
    finally:
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        phases.leave()
        installation.stop()
        phases.end()


def _tell_problems(installation: Installation, console: Console) -> None:
    for problem in installation.configuration.problems:
        console.print(str(problem), style="yellow", markup=False)
    for name in sorted(_mail_servers(installation)):
        if not installation.api.has_connection(name):
            console.print(
                f"Mails go through the Airflow connection {name}, which does not exist: add it "
                "under Admin > Connections.",
                style="yellow",
                markup=False,
            )


def _mail_servers(installation: Installation) -> set[str]:
    """The Airflow connections through which somebody wants mails."""
    connections = installation.configuration.connections.values()
    told = (connection.notifications for connection in connections)
    return {each.smtp for each in told if each and each.emails}


def _run_sample(installation: Installation, console: Console) -> bool:
    """Run the sample connection, and tell what became of the profiles; True if it succeeded."""
    from profile_exchange.cli.following import follow
    from profile_exchange.cli.outcome import tell_outcome

    connection = installation.configuration.connections.get(SAMPLE_CONNECTION)
    if connection is None:
        _tell_nothing_was_run(installation, console)
        return False
    installation.wait_for_dag(connection.id)
    for known in installation.configuration.connections:
        installation.switch_on(known)
    run_id = installation.api.trigger(connection.id)
    console.print(f"Run {run_id} of {connection.title}", markup=False)
    began = time.monotonic()
    state = follow(installation.follow(connection.id, run_id), console)
    tell_outcome(installation.store_url(connection.tenant), connection, state, console)
    console.print(f"The run took {time.monotonic() - began:.1f} s.")
    return state.succeeded


def _tell_nothing_was_run(installation: Installation, console: Console) -> None:
    told = (
        f"The sample connection {SAMPLE_CONNECTION} has no sound file in "
        f"{installation.project.connections}, so nothing was run."
    )
    console.print(told, style="red", markup=False, soft_wrap=True)


def _tell_addresses(installation: Installation, console: Console) -> None:
    lines = {
        "Airflow": installation.airflow_url,
        "user": installation.user,
        "password": installation.password,
        "Exposure API": installation.exposure_url,
    }
    for name, value in lines.items():
        console.print(f"  {name:<14}{value}", markup=False, soft_wrap=True)


def _stay(installation: Installation, console: Console) -> None:
    """Stay up until somebody asks to stop. Raises `ProcessStopped` if a part ends by itself."""
    console.print("Running. Ctrl-C stops everything.")
    try:
        while True:
            installation.check()
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        console.print()
