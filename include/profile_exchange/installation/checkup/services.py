"""What runs: Airflow's processes, the exposure API, and the ports that they listen on."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from profile_exchange.installation import record
from profile_exchange.installation.airflow_api import NEEDED_COMPONENTS
from profile_exchange.installation.checkup.finding import (
    Finding,
    Surroundings,
    ok,
    skipped,
    wrong,
)
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.ports import LOOPBACK, is_free

SECONDS = 10.0
START = "Start the installation with `exchange up`."


def services(around: Surroundings) -> Iterator[Finding]:
    """Airflow and the exposure API answer: those started here, or the Airflow of the settings."""
    if around.has_airflow_elsewhere:
        yield from airflow(around.settings.airflow_url)
        yield skipped("exposure API", "It runs elsewhere: ask its /healthz there.")
        return
    layout = Layout(around.settings.state_dir.resolve())
    known = record.read(layout)
    if known is None or not record.is_held(layout):
        yield wrong("services", f"No installation runs in {layout.state}.", START)
        return
    yield from airflow(f"http://{LOOPBACK}:{known.airflow_port}")
    yield exposure_api(f"http://{LOOPBACK}:{known.exposure_port}")


def airflow(url: str) -> Iterator[Finding]:
    """Each part of Airflow that a run needs says that it is healthy."""
    try:
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=SECONDS, trust_env=False)
        parts = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        told = f"Airflow does not answer at {url} ({type(error).__name__})."
        yield wrong("services", told, "Look into the API server's log, and start it again.")
        return
    for name in NEEDED_COMPONENTS:
        state = (parts.get(name) or {}).get("status") or "unknown"
        if state == "healthy":
            yield ok("services", f"Airflow's {name} is healthy.")
        else:
            mend = f"Look into the log of the {name}, and start it again."
            yield wrong("services", f"Airflow's {name} is {state}.", mend)


def exposure_api(url: str) -> Finding:
    """The exposure API answers."""
    try:
        httpx.get(f"{url}/healthz", timeout=SECONDS, trust_env=False).raise_for_status()
    except httpx.HTTPError as error:
        told = f"The exposure API does not answer at {url} ({type(error).__name__})."
        return wrong(
            "exposure API", told, "Look into its log, exposure-api.log, and start it again."
        )
    return ok("exposure API", f"The exposure API answers at {url}.")


def ports(around: Surroundings) -> Iterator[Finding]:
    """The ports of a running installation are taken, those of one that is down are free."""
    layout = Layout(around.settings.state_dir.resolve())
    known = record.read(layout)
    if known is None:
        yield skipped("ports", "No installation has chosen its ports yet.")
        return
    up = record.is_held(layout)
    told = {"Airflow": known.airflow_port, "The exposure API": known.exposure_port}
    for name, port in {**told, "PostgreSQL": known.postgres_port}.items():
        yield from _port(name, port, up=up)


def _port(name: str, port: int, *, up: bool) -> Iterator[Finding]:
    if not port:
        return
    if is_free(port) != up:
        yield ok("ports", f"{name} has port {port}.")
    elif up:
        yield wrong("ports", f"{name} should listen on port {port}, and nothing does.", START)
    else:
        # The next start takes another one, unless somebody asks for this.
        yield ok("ports", f"{name} had port {port}, which another program has taken.")
