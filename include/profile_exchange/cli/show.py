"""``exchange show``: a connection as it is configured, and when it runs next."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from profile_exchange.cli import tables
from profile_exchange.domain.notifications import Occasion

if TYPE_CHECKING:
    from profile_exchange.domain.connection import AcceptGoal, Connection, ExposeGoal, ImportGoal
    from profile_exchange.domain.notifications import Notifications

NEXT_SLOTS = 5


def show(
    connection: Annotated[str, typer.Argument(metavar="CONNECTION", help="Id of a connection.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a connection as it is configured, and when it runs next.

    Reads the YAML files alone; `exchange check` asks the other tenant.
    """
    from profile_exchange.config import registry

    found = registry.connection(connection)
    slots = _next_slots(found, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(_as_object(found, slots), default=str))
        return
    console = tables.console()
    console.print(found.title, style="bold", markup=False)
    arrow = "->" if console.options.ascii_only else "→"
    lines = [(name, text.replace("→", arrow)) for name, text in _lines(found, slots)]
    console.print(tables.names_and_texts(lines), crop=False)


def _next_slots(connection: Connection, now: datetime) -> list[datetime]:
    from profile_exchange.config.schedules import next_slots

    if connection.schedule is None or not connection.enabled:
        return []
    return next_slots(connection.schedule, now, NEXT_SLOTS)


def _as_object(connection: Connection, slots: list[datetime]) -> dict[str, Any]:
    from dataclasses import asdict

    told = asdict(connection)
    # The word of the YAML, and of `connections list`; the other one is for who reads it already.
    imports = {"import": told["importing"]}
    return {**told, **imports, "next_slots": [slot.isoformat() for slot in slots]}


def _lines(connection: Connection, slots: list[datetime]) -> list[tuple[str, str]]:
    """What there is to say, a name and a text for each line."""
    partner = connection.partner
    goals = {
        "imports from": connection.importing,
        "exposes to": connection.expose,
        "accepts from": connection.accept,
    }
    arrows = [arrow for arrow, goal in goals.items() if goal]
    lines = [
        ("exchange", f"{connection.tenant} {' and '.join(arrows)} {partner.name} ({partner.host})"),
        ("description", connection.description),
        ("labels", ", ".join(connection.labels)),
        ("switched", "on" if connection.enabled else "off"),
        ("objectives", ", ".join(connection.objectives) or "none: every profile is processed"),
        *(_expose_lines(connection.expose) if connection.expose else []),
        *(_accept_lines(connection.accept) if connection.accept else []),
        *(_import_lines(connection.importing) if connection.importing else []),
        ("notifies", _told(connection.notifications) if connection.notifications else ""),
        ("schedule", str(connection.schedule or "none: runs when somebody triggers it")),
        *(
            ("next run" if not number else "", f"{s:%a %Y-%m-%d %H:%M %Z}")
            for number, s in enumerate(slots)
        ),
    ]
    return [(name, text) for name, text in lines if text]


def _told(notifications: Notifications) -> str:
    """Who is told about runs, and about which."""
    whom = [*notifications.emails, *(each.type for each in notifications.notifiers)]
    runs = "every run" if notifications.when is Occasion.ALWAYS else "runs that fail"
    late = notifications.overdue_after
    return f"{', '.join(whom)} of {runs}{f', and of one not over after {late}' if late else ''}"


def _expose_lines(goal: ExposeGoal) -> list[tuple[str, str]]:
    return [
        ("exposes", f"segments {', '.join(goal.segments)}"),
        ("", f"properties {', '.join(goal.properties)}"),
        ("", f"identifiers {', '.join(goal.identifiers) or 'none'}"),
    ]


def _accept_lines(goal: AcceptGoal) -> list[tuple[str, str]]:
    properties = (f"{name} ({', '.join(sorted(how))})" for name, how in goal.properties.items())
    return [
        ("accepts", f"properties {', '.join(properties)}"),
        ("", f"identifiers {', '.join(goal.identifiers) or 'none'}"),
        ("", f"profile ids: {goal.profile_ids}; unmatched: {goal.unmatched}"),
    ]


def _import_lines(goal: ImportGoal) -> list[tuple[str, str]]:
    links = " or ".join(
        " and ".join(f"{pair.theirs} = {pair.ours}" for pair in link) for link in goal.links
    )
    mappings = [f"{m.source} → {m.target}  {m.strategy}" for m in goal.mappings]
    return [
        ("imports", f"segments {', '.join(goal.segments) if goal.segments else 'all'}"),
        ("", f"profiles with {links}" if links else "profiles with the same id"),
        *(("" if number else "mappings", mapping) for number, mapping in enumerate(mappings)),
    ]
