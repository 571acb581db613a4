"""``exchange credentials``: with what a partner reads one of our tenants."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from profile_exchange.cli.configured import store_url_of
from profile_exchange.config import registry
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.plurals import plural
from profile_exchange.domain.scopes import Scope, scopes_of
from profile_exchange.tenants.postgres import credentials as store

if TYPE_CHECKING:
    from profile_exchange.domain.connection import Connection

app = typer.Typer(
    help="Consumer keys and secrets of those that read our tenants, or write to them.",
    no_args_is_help=True,
    add_completion=False,
)

ConnectionId = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="Id of a connection that exposes or accepts.")
]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option(
        "--scope",
        help="What the key is for: read, write, or both if repeated. Read unless given, where "
        "the connection exposes.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def issue(connection: ConnectionId, scope: Scopes = None, *, as_json: Json = False) -> None:
    """Make a consumer key and secret, and show the secret this once."""
    found = _answering(connection)
    scopes = _scopes(found, scope)
    issued = store.issue(store_url_of(found), found.id, now=_now(), scopes=scopes)
    _show(found, issued, as_json=as_json)


@app.command("list")
def list_(connection: ConnectionId) -> None:
    """List a connection's consumer keys, the newest first, and from where they were refused."""
    found = _answering(connection)
    now = _now()
    url = store_url_of(found)
    known = store.list_credentials(url, found.id)
    if not known:
        typer.echo(f"None yet: make one with `exchange credentials issue {found.id}`.", err=True)
    for each in known:
        ends = f", until {_minute(each.expires_at)}" if each.expires_at else ""
        scopes = " and ".join(each.scopes)
        issued = f"issued {_minute(each.issued_at)}{ends}"
        typer.echo(f"{each.key}  {each.state(now)}  {scopes}  {issued}")
    for where in store.used_elsewhere(url, found.id):
        typer.echo(
            f"Refused from {where.address}, where {found.partner.host} is not: "
            f"{plural(where.times, 'time')}, last {_minute(where.last_at)}. If it is the partner, "
            "list its network under expose.",
            err=True,
        )


@app.command()
def rotate(
    connection: ConnectionId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="Hours that the old keys still work.")
    ] = 24.0,
    scope: Scopes = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a new consumer key and secret, and let the old keys end after a while.

    Old keys are those with the same scopes. One that would end sooner anyway still does.
    """
    found = _answering(connection)
    scopes = _scopes(found, scope)
    overlap = timedelta(hours=overlap_hours)
    url = store_url_of(found)
    rotated = store.rotate(url, found.id, now=_now(), overlap=overlap, scopes=scopes)
    _show(found, rotated, as_json=as_json)
    _tell_others(found, rotated)


@app.command()
def revoke(
    connection: ConnectionId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The consumer key to end.")],
) -> None:
    """End a consumer key and every token got with it, at once."""
    found = _answering(connection)
    store.revoke(store_url_of(found), found.id, key, now=_now())
    typer.echo(f"Consumer key {key} and its tokens have ended.")


def _answering(connection_id: str) -> Connection:
    found = registry.connection(connection_id)
    if not found.answers:
        raise ConfigurationError(
            f"Connection {connection_id} only imports, so nobody reads with it: name a "
            "connection with an expose goal, or an accept goal."
        )
    return found


def _scopes(connection: Connection, wanted: list[Scope] | None) -> list[Scope]:
    """What a key is for. Refuses what the connection has no goal for."""
    possible = scopes_of(connection)
    for scope in wanted or ():
        if scope not in possible:
            goal = {Scope.READ: "expose", Scope.WRITE: "accept"}[scope]
            raise ConfigurationError(
                f"Connection {connection.id} has no {goal} goal, so nobody can {scope.value} with "
                f"its keys: give it one, or leave --scope {scope.value} out."
            )
    return wanted or [possible[0]]


def _show(connection: Connection, issued: store.IssuedCredential, *, as_json: bool) -> None:
    host = registry.tenant(connection.tenant).host
    if as_json:
        shown = {"host": host, "consumer_key": issued.key, "consumer_secret": issued.secret}
        typer.echo(json.dumps(shown))
        return
    typer.echo(f"Host name:       {host}")
    typer.echo(f"Consumer key:    {issued.key}")
    typer.echo(f"Consumer secret: {issued.secret}")
    typer.echo(
        f"The secret is not kept and not shown again: hand it to {connection.partner.name} "
        "in a safe way.",
        err=True,
    )


def _tell_others(connection: Connection, rotated: store.RotatedCredential) -> None:
    """What became of the other keys, which is easily taken for more than it is."""
    for key in rotated.ending:
        typer.echo(f"Ends {_minute(rotated.ends_at or _now())}: {key}", err=True)
    if not rotated.ending:
        typer.echo("No other key ends because of this one.", err=True)
    for stays in rotated.staying:
        typer.echo(
            f"Stays as it is, because it is for {' and '.join(stays.scopes)}: {stays.key}. Name "
            "the same scopes to rotate it, or end it with "
            f"`exchange credentials revoke {connection.id} {stays.key}`.",
            err=True,
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _minute(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
