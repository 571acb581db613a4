"""``exchange doctor``: whether the installation is sound, and how to mend what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from profile_exchange.cli import tables
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.domain.plurals import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from profile_exchange.config.settings import Settings
    from profile_exchange.installation.checkup.finding import Check, Finding

WRONG = 1
SECONDS = 120
_STYLES = {"ok": "green", "wrong": "red", "skipped": "dim"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the installation, and say how to mend what is wrong.

    Python and packages, folders, disk, secrets, the YAML files, databases and their versions,
    the exposure API's rights, services and ports, clocks, and what Airflow keeps: partners'
    credentials and the mail server. Nothing is changed. Where no installation runs, that is
    one of the things to mend, and the rest is checked as far as it can be. Exit code 1 when
    something is wrong.
    """
    from profile_exchange.config.settings import settings

    findings = list(_findings(settings()))
    sound = all(finding.state != "wrong" for finding in findings)
    if as_json:
        told = [finding.as_dict() for finding in findings]
        typer.echo(json.dumps({"sound": sound, "findings": told}))
    else:
        _tell(findings, tables.console())
    raise typer.Exit(0 if sound else WRONG)


def _findings(told: Settings) -> Iterator[Finding]:
    from profile_exchange.installation.checkup.finding import Surroundings

    around = Surroundings.of(told)
    for check in checks():
        yield from check(around)
    yield from _kept_by_airflow(told)


def checks() -> list[Check]:
    """Every check of what is not in Airflow, in the order in which one mends."""
    from profile_exchange.installation.checkup import (
        configured,
        databases,
        machine,
        partners,
        services,
    )

    return [
        *(machine.python, machine.packages, machine.connection_type),
        *(machine.disk, machine.folders, machine.secret_files),
        *(configured.yaml_files, configured.store_secrets),
        *(databases.stores, databases.exposure_rights),
        *(services.services, services.ports, partners.clocks),
    ]


def _kept_by_airflow(told: Settings) -> Iterator[Finding]:
    """The answer of a process of its own, as far as there is an Airflow: no secret leaves it."""
    from profile_exchange.cli.running_airflow import environment
    from profile_exchange.installation.checkup.finding import Finding, State, skipped, wrong

    check = "kept by Airflow"
    try:
        variables = environment(told)
    except ExchangeError:
        yield skipped(check, "Credentials and mail server are in Airflow, which does not run.")
        return
    done = subprocess.run(
        [sys.executable, "-m", "profile_exchange.orchestration.checkup"],
        check=False,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("[{") or line == "[]"]
    if not answers:
        told_by = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        mend = "Start Airflow's database, or correct what its settings say of it."
        yield wrong(check, f"Airflow's connections cannot be read: {told_by}", mend)
        return
    for found in json.loads(answers[-1]):
        yield Finding(**{**found, "state": State(found["state"])})


def _tell(findings: list[Finding], console: Console) -> None:
    for finding in findings:
        console.print(Text(f"{finding.state:<7}", style=_STYLES[finding.state]), end="  ")
        console.print(f"{finding.check}: {finding.told}", markup=False, soft_wrap=True)
        if finding.mend:
            console.print(f"         {finding.mend}", markup=False, soft_wrap=True)
    number = sum(finding.state == "wrong" for finding in findings)
    console.print(f"{plural(number, 'thing')} to mend." if number else "Nothing to mend.")
