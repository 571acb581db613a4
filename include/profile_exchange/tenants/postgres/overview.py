"""Many connections of one store at a glance, in one statement however many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    String,
    Table,
    Text,
    cast,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from profile_exchange.domain.checks import LastCheck
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import credential, exposure_check, last_check, run


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One of a connection's last runs: how many profiles it received, or counted as exposed.

    ``profiles`` is None for a run that came to no count.
    """

    run_id: str
    state: str
    preview: bool
    started_at: datetime
    profiles: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One connection at a glance: its last check, what its import goal misses, its last runs.

    Of a connection that exposes, the last run's count of what may leave is its check. ``runs``
    and ``exposures`` are in the order of time. ``keys`` is how many consumer keys its partner may
    use now.
    """

    check: LastCheck | None
    missing: tuple[str, ...]
    runs: tuple[Glimpse, ...]
    exposures: tuple[Glimpse, ...]
    keys: int = 0


def overview(
    url: str, connection_ids: Collection[str], number: int, now: datetime
) -> Mapping[str, Overview]:
    """Connections at a glance, by id, with as many of their last runs."""
    statement = _statement(sorted(connection_ids), number, now)
    with store_errors(url), engine_for(url).connect() as database:
        return {row.id: _overview(row) for row in database.execute(statement)}


def _statement(connection_ids: list[str], number: int, now: datetime) -> Select[Any]:
    ids = cast(literal(connection_ids, ARRAY(Text)), ARRAY(Text))
    wanted = func.unnest(ids).table_valued("id").render_derived()
    runs = _last(run, run.c.connection == wanted.c.id, run.c.seq, _of_run(), number).lateral("runs")
    checks = exposure_check
    exposures = _last(
        checks, checks.c.connection == wanted.c.id, checks.c.at, _of_exposure(), number
    ).lateral("exposures")
    missing = last_check.c.found["missing"].label("missing")
    checked = (last_check.c.at, last_check.c.authenticated, last_check.c.failure, missing)
    keys = _usable_keys(wanted.c.id, now).label("keys")
    return (
        select(wanted.c.id, *checked, runs.c.found.label("runs"), exposures.c.found, keys)
        .select_from(wanted)
        .outerjoin(last_check, last_check.c.connection == wanted.c.id)
        .outerjoin(runs, true())
        .outerjoin(exposures, true())
    )


def _usable_keys(connection_id: ColumnElement[str], now: datetime) -> ScalarSelect[int]:
    """How many consumer keys of a connection neither have ended nor were revoked."""
    known = credential.c
    lasting = or_(known.expires_at.is_(None), known.expires_at > now)
    query = select(func.count()).where(known.connection == connection_id)
    return query.where(known.revoked_at.is_(None), lasting).scalar_subquery()


def _last(
    table: Table,
    chosen: ColumnElement[bool],
    order: ColumnElement[Any],
    shown: Mapping[str, ColumnElement[Any]],
    number: int,
) -> Select[Any]:
    """A JSON list of a table's newest rows, in the order of time."""
    columns = [column.label(name) for name, column in shown.items()]
    newest = select(order.label("ordered"), *columns).where(chosen)
    found = newest.order_by(order.desc()).limit(number).correlate_except(table).subquery()
    pairs = [part for name in shown for part in (literal(name, String), found.c[name])]
    one = aggregate_order_by(func.jsonb_build_object(*pairs), found.c.ordered)
    return select(func.jsonb_agg(one).label("found"))


def _of_run() -> dict[str, ColumnElement[Any]]:
    return {
        "run_id": run.c.run_id,
        "state": run.c.state,
        "preview": run.c.preview,
        "started_at": run.c.started_at,
        "profiles": run.c.received,
    }


def _of_exposure() -> dict[str, ColumnElement[Any]]:
    checks = exposure_check.c
    return {
        "run_id": checks.run_id,
        "state": checks.failure,
        "started_at": checks.at,
        "profiles": checks.exposed,
    }


def _overview(row: Row[Any]) -> Overview:
    check = LastCheck(row.at, row.authenticated, row.failure) if row.at else None
    return Overview(
        check=check,
        missing=tuple(row.missing or ()),
        runs=tuple(_run(each) for each in row.runs or ()),
        exposures=tuple(_exposure(each) for each in row.found or ()),
        keys=row.keys,
    )


def _run(found: Mapping[str, Any]) -> Glimpse:
    return Glimpse(**{**found, "started_at": datetime.fromisoformat(found["started_at"])})


def _exposure(found: Mapping[str, Any]) -> Glimpse:
    """``state`` is the failure's sentence, or empty."""
    exposed = found["profiles"]
    return Glimpse(
        run_id=found["run_id"],
        state=found["state"],
        preview=False,
        started_at=datetime.fromisoformat(found["started_at"]),
        profiles=None if exposed is None else sum(exposed.values()),
    )
