"""The commands of an installation: the exposure API, and Airflow's processes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from profile_exchange.installation.layout import Layout
from profile_exchange.installation.ports import LOOPBACK
from profile_exchange.installation.processes import Command

#: Every process takes seconds of the processor to start. No task of ours waits for a trigger, so
#: the triggerer, which tells of runs that take too long, starts when the others are ready, beside
#: the first run, and not at all where everything stops after that.
NEEDED_AT_ONCE = ("api-server", "scheduler", "dag-processor")
NEEDED_LATER = ("triggerer",)

#: On one machine the API server reads task logs from
#: the same folder, so the log servers, which listen on every address, stay off.
AIRFLOW_SERVICES: Mapping[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}


def program(name: str) -> str:
    """A command of the environment that this process runs in."""
    return str(Path(sys.executable).with_name(name))


def airflow(layout: Layout, environment: Mapping[str, str], service: str) -> Command:
    """One of `AIRFLOW_SERVICES`."""
    arguments = [program("airflow"), service, *AIRFLOW_SERVICES[service]]
    return Command(service, arguments, environment, layout.airflow)


def airflow_migration(layout: Layout, environment: Mapping[str, str]) -> Command:
    """Bringing Airflow's metadata database to this version's schema; ends by itself."""
    arguments = [program("airflow"), "db", "migrate"]
    return Command("airflow-db-migrate", arguments, environment, layout.airflow)


def exposure_api(layout: Layout, environment: Mapping[str, str], port: int) -> Command:
    """The exposure API on loopback."""
    arguments = [program("exchange"), "serve", "--host", LOOPBACK, "--port", str(port)]
    return Command("exposure-api", arguments, environment, layout.airflow)
