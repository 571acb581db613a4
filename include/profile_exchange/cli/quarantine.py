"""``exchange quarantine``: profiles that were rejected, and taking them again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.cli.configured import importing, store_url_of
from profile_exchange.cli.remembered import remembered_import
from profile_exchange.config.messages import nearest
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.plurals import plural
from profile_exchange.domain.quarantine import REASONS
from profile_exchange.tenants.postgres import quarantined
from profile_exchange.tenants.postgres.quarantined import Entry, ReasonCount, Wanted
from profile_exchange.tenants.postgres.run_history import history, past_run

app = typer.Typer(
    help="Profiles that were rejected, and taking them again.",
    no_args_is_help=True,
    add_completion=False,
)

ConnectionId = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="Id of a connection with an import goal.")
]
RunId = Annotated[
    str | None, typer.Option("--run", help="All that this run rejected, repaired since or not.")
]
ReasonName = Annotated[
    str | None, typer.Option("--reason", help=f"One of {', '.join(REASONS)}.", metavar="REASON")
]
PropertyId = Annotated[
    str | None, typer.Option("--property", help="Id of the property that broke a rule.")
]
RuleName = Annotated[
    str | None, typer.Option("--rule", help="The rule, as `list` shows it.", metavar="RULE")
]


@app.command("list")
def list_(
    connection: ConnectionId,
    *,
    run: RunId = None,
    reason: ReasonName = None,
    property_id: PropertyId = None,
    rule: RuleName = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Entries to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show why profiles are in quarantine, and the newest of them.

    A fingerprint tells which values are the same, not what they are.
    """
    found, wanted = remembered_import(connection), _wanted(run, reason, property_id, rule)
    _refuse_unknown_run(found.url, found.id, run)
    counts = quarantined.reasons(found.url, found.id, wanted)
    entries = quarantined.newest(found.url, found.id, wanted, limit)
    if as_json:
        shown = {"reasons": [asdict(count) for count in counts], "entries": _objects(entries)}
        typer.echo(json.dumps(shown))
        return
    console = tables.console()
    if not entries:
        console.print(f"{_nothing(wanted)}.", markup=False)
        return
    console.print(_reasons_table(counts), crop=False)
    tables.tell(console, _wide_table(entries), _narrow_table(entries))


@app.command()
def export(
    connection: ConnectionId,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A .csv, .jsonl or .parquet file to write; - for standard output.",
        ),
    ],
    *,
    run: RunId = None,
    reason: ReasonName = None,
    property_id: PropertyId = None,
    rule: RuleName = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl or parquet; else the file's ending.")
    ] = None,
) -> None:
    """Write the quarantine to a file: everything that `list` shows, and no values."""
    from profile_exchange.cli.quarantine_export import STANDARD_OUTPUT, write

    found = remembered_import(connection)
    wanted = _wanted(run, reason, property_id, rule)
    _refuse_unknown_run(found.url, found.id, run)
    blocks = quarantined.in_blocks(found.url, found.id, wanted)
    number = write((_objects(block) for block in blocks), file, form)
    told = "standard output" if file == STANDARD_OUTPUT else file
    # Where the entries may have gone to standard output, a sentence must not stand among them.
    apart = file == STANDARD_OUTPUT or not file.is_file()
    why = "" if number else f": {_nothing(wanted).lower()}"
    typer.echo(f"{plural(number, 'entry', 'entries')} written to {told}{why}.", err=apart)


@app.command()
def replay(
    connection: ConnectionId,
    profile: Annotated[
        list[UUID] | None, typer.Option("--profile", help="A profile's id; may be repeated.")
    ] = None,
    *,
    run: Annotated[str | None, typer.Option("--run", help="Those that this run rejected.")] = None,
    reason: ReasonName = None,
    property_id: PropertyId = None,
    rule: RuleName = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that is in quarantine.")
    ] = False,
) -> None:
    """Have the next run take profiles again, once they or the expectations are repaired.

    A run that pulls everything takes them anyway; one that pulls what changed receives them
    too then. Those that are not rejected again leave the quarantine.
    """
    wanted = _wanted(run, reason, property_id, rule, tuple(profile or ()))
    _refuse_unclear(wanted, everything=everything)
    found = importing(connection)
    url = store_url_of(found)
    _refuse_unknown_run(url, found.id, run)
    number = quarantined.ask_replay(url, found.id, wanted, datetime.now(UTC))
    why = "" if number else f": {_nothing(wanted).lower()}"
    profiles = plural(number, "profile")
    typer.echo(f"{profiles} of the quarantine will be taken again at the next run{why}.")


def _refuse_unclear(wanted: Wanted, *, everything: bool) -> None:
    narrowed = wanted != Wanted()
    if everything and narrowed:
        raise ConfigurationError(
            "--all is everything, which --reason, --property, --rule, --run or --profile would "
            "narrow: leave out one or the other."
        )
    if not (everything or narrowed):
        raise ConfigurationError(
            "Say which: --all, or --reason, --property, --rule, --run or --profile."
        )


def _refuse_unknown_run(url: str, connection_id: str, run: str | None) -> None:
    if run is None or past_run(url, connection_id, run):
        return
    near = nearest(run, [past.run_id for past in history(url, connection_id)])
    raise ConfigurationError(
        f"Connection {connection_id} has no run {run!r}.{near} "
        f"`exchange history {connection_id} --json` lists its runs."
    )


def _nothing(wanted: Wanted) -> str:
    """That there is nothing, not to be taken for an empty quarantine where something was asked."""
    if wanted == Wanted():
        return "Nothing is in quarantine"
    return "Nothing in quarantine fits what was asked"


def _wanted(
    run: str | None,
    reason: str | None,
    property_id: str | None,
    rule: str | None,
    profiles: tuple[UUID, ...] = (),
) -> Wanted:
    return Wanted(run, _reason(reason), profiles, property_id, rule)


def _reason(name: str | None) -> Reason | None:
    if name is None:
        return None
    if name in REASONS:
        return Reason(name)
    near = nearest(name, [reason.value for reason in REASONS])
    raise ConfigurationError(f"No profile is rejected for {name!r}.{near}")


def _objects(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {**asdict(entry), "quarantined_at": entry.quarantined_at.isoformat()} for entry in entries
    ]


def _reasons_table(counts: Sequence[ReasonCount]) -> Table:
    table = tables.table("Why")
    tables.add_texts(table, "Reason", exactly=max(map(len, REASONS)))
    for heading in ("Property", "Rule"):
        tables.add_texts(table, heading)
    profiles = [f"{count.profiles:,}" for count in counts]
    tables.add_numerals(table, "Profiles", profiles)
    names = [(count.reason, count.property_id, count.rule) for count in counts]
    tables.add_rows(table, [(*each, profiles[i]) for i, each in enumerate(names)])
    return table


def _wide_table(entries: Sequence[Entry]) -> Table:
    table = tables.table("Newest")
    for heading in ("Profile", "Run", "Property", "Rule", "Fingerprint", "State"):
        tables.add_texts(table, heading)
    for entry in entries:
        what = entry.property_id, entry.rule, entry.fingerprint
        tables.add_rows(table, [(entry.profile_id, entry.run_id, *what, _state(entry))])
    return table


def _narrow_table(entries: Sequence[Entry]) -> Table:
    """Two lines an entry, so that eighty columns take a profile's id and a fingerprint."""
    table = tables.table("Newest", compact=True)
    tables.add_texts(table, "Profile, run", exactly=len(str(UUID(int=0))))
    tables.add_texts(table, "Property, rule")
    tables.add_texts(table, "Fingerprint, state", exactly=len("Fingerprint, state"))
    for entry in entries:
        pairs = (
            (entry.profile_id, entry.run_id),
            (entry.property_id, entry.rule),
            (entry.fingerprint, _state(entry)),
        )
        tables.add_rows(table, [["\n".join(pair) for pair in pairs]])
    return table


def _state(entry: Entry) -> str:
    return entry.outcome or ("taken again next" if entry.replay else "in quarantine")
