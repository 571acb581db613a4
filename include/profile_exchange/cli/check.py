"""``exchange check``: what the other tenant exposes, and what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.domain.checks import Asked
from profile_exchange.domain.errors import FatalError, SourceUnavailable, TransientError
from profile_exchange.domain.plurals import plural

if TYPE_CHECKING:
    from rich.console import Console

    from profile_exchange.config.settings import Settings
    from profile_exchange.domain.connection import Connection

REFUSED = 3
#: How long the tenants that are asked have to answer.
SECONDS: float = 120


def check(
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="Id of a connection with an import goal.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what the other tenant exposes, and what is missing for the import.

    Logs in at the other tenant with the consumer key and secret that Airflow keeps. Exit code
    0 when everything that the import goal names is exposed, 3 when not.
    """
    from profile_exchange.cli.configured import importing, store_url_of
    from profile_exchange.config.settings import settings

    found = importing(connection)
    # A mistake of our own is told as one: nobody has been asked who could have refused us.
    store_url_of(found)
    answer = _ask(found, settings())
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        _tell(found.title, answer, tables.console())
    raise typer.Exit(0 if answer["authenticated"] and not answer["missing"] else REFUSED)


def _ask(connection: Connection, told: Settings) -> dict[str, Any]:
    """The answer of a process of its own: the secret never leaves it."""
    try:
        done = _done(connection.id, told)
    except subprocess.TimeoutExpired as late:
        raise _late(connection, late) from None
    for line in _last_first(done.stdout):
        if "authenticated" in line:
            return line
    reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    raise FatalError(f"The check of {connection.id} did not come to an answer: {reason}")


def _late(connection: Connection, late: subprocess.TimeoutExpired) -> TransientError:
    """Who has not answered: the tenant that the process was asking when its time was up."""
    # It is in bytes here, even where all else is text.
    said = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else ""
    whom = next((line["asking"] for line in _last_first(said) if "asking" in line), None)
    if whom is None:
        return TransientError(
            f"The check of {connection.id} took longer than {SECONDS} s, and no tenant was being "
            "asked: see how busy this machine and its databases are."
        )
    asked = Asked(**whom)
    return SourceUnavailable(
        f"{asked} did not answer at {asked.address} within {SECONDS} s: try again later."
    )


def _last_first(said: str) -> Iterator[dict[str, Any]]:
    """What the process has printed for us, whatever else Airflow had it print.

    A line that its end has cut off is none.
    """
    for line in reversed(said.splitlines()):
        if line.startswith("{"):
            with suppress(ValueError):
                yield json.loads(line)


def _command(connection_id: str) -> list[str]:
    module = "profile_exchange.orchestration.check"
    return [sys.executable, "-m", module, connection_id, "--json"]


def _done(connection_id: str, told: Settings) -> subprocess.CompletedProcess[str]:
    from profile_exchange.cli.running_airflow import environment

    return subprocess.run(
        _command(connection_id),
        check=False,
        env=environment(told),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def _tell(title: str, answer: dict[str, Any], console: Console) -> None:
    if not answer["authenticated"]:
        refusing = Asked(**answer["asked"]) if answer["asked"] else title
        console.print(f"{refusing}: not authenticated.", style="red", markup=False)
        console.print(answer["error"] or "", markup=False)
        return
    console.print(f"{title}: authenticated at {answer['host']}.", style="green", markup=False)
    console.print(_exposed(answer), crop=False)
    for word, key in (("New", "new_segments"), ("Gone", "gone_segments")):
        for name in answer[key]:
            console.print(f"{word} since the last run: segment {name}", markup=False)
    if answer["mail"]:
        console.print(answer["mail"], style="yellow", markup=False)
    for doubtful in answer["doubtful"]:
        console.print(doubtful, style="yellow", markup=False)
    for missing in answer["missing"]:
        console.print(f"Missing: {missing}", style="red", markup=False)


def _exposed(answer: dict[str, Any]) -> Table:
    table = tables.table()
    for heading in ("Exposed", "Id", "Name", ""):
        tables.add_texts(table, heading)
    for segment in answer["segments"]:
        profiles = segment.get("profiles")
        size = "" if profiles is None else plural(profiles, "profile")
        tables.add_rows(table, [("segment", segment["id"], segment["name"], size)])
    identifiers = set(answer["identifiers"])
    for known in answer["properties"]:
        kind = "identifier" if known["id"] in identifiers else "property"
        tables.add_rows(table, [(kind, known["id"], known["name"], str(known["type"]))])
    return table
