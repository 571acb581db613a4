"""The record of an exposing connection's checks: what is exposed now, against last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Row, func, select, true, update
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import CredentialsEnding, ExchangeError
from profile_exchange.domain.scopes import Scope, scopes_of
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import exchanged_profile, exposure_check
from profile_exchange.tenants.postgres.credentials import Credential, list_credentials
from profile_exchange.tenants.postgres.granting import granted_profiles

#: How long before the last consumer key ends somebody should be told.
NOTICE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ExposureCheck:
    """What one run found. ``exposed`` is the profiles that may leave by segment, None if the
    run failed before; ``before`` the same of the last run that counted, None if there is none.
    ``unique_sent`` is how many different profiles had left by then."""

    run_id: str
    at: datetime
    exposed: Mapping[str, int] | None
    failure: str = ""
    before: Mapping[str, int] | None = None
    unique_sent: int | None = None

    def sentence(self) -> str:
        """How many profiles may leave, and how many more or fewer than last time."""
        told = [self._told(segment, count) for segment, count in (self.exposed or {}).items()]
        return f"May leave: {', '.join(told) or 'nothing'}."

    def _told(self, segment: str, count: int) -> str:
        if self.before is None:
            return f"{segment} {count:,}"
        last = self.before.get(segment)
        change = "new" if last is None else f"{count - last:+,}"
        return f"{segment} {count:,} ({change})"


def check_exposure(
    url: str, connection: Connection, run_id: str, *, now: datetime
) -> ExposureCheck:
    """Hold a grant against its tenant, count what may leave, and note it for this run.

    Safe to repeat. Raises `GrantOutdated`, which is noted too, with everything in the grant that
    the tenant does not have.
    """
    try:
        exposed = granted_profiles(url, connection, now=now)
    except ExchangeError as error:
        note_failed_check(url, connection.id, run_id, str(error), now=now)
        raise
    with store_errors(url), engine_for(url).begin() as database:
        before = _last_counted(database, connection.id, run_id)
        sent = _unique_sent(database, connection.id)
        found = {"at": now, "exposed": exposed, "unique_sent": sent, "failure": ""}
        _note(database, connection.id, run_id, found)
    return ExposureCheck(run_id, now, exposed, before=before, unique_sent=sent)


def check_credentials(url: str, connection: Connection, *, now: datetime) -> datetime | None:
    """When the partner can no longer do all that it can now, because the last consumer key for it
    ends; None if one for each thing has no end, or none was ever made.

    Raises `CredentialsEnding` when that is less than `NOTICE` away, or has come already.
    """
    known = list_credentials(url, connection.id)
    ends = [_last_end(connection, scope, known, now) for scope in scopes_of(connection)]
    return min((end for end in ends if end is not None), default=None)


def _last_end(
    connection: Connection, scope: Scope, known: Sequence[Credential], now: datetime
) -> datetime | None:
    """When the last key with a scope ends. Raises `CredentialsEnding`."""
    keys = [key for key in known if scope in key.scopes]
    usable = [key for key in keys if key.usable(now)]
    mend = (
        f"make another with `exchange credentials rotate {connection.id} --scope {scope.value}`, "
        f"and hand it to {connection.partner.name}."
    )
    if keys and not usable:
        raise CredentialsEnding(
            f"No consumer key of {connection.id} can {scope.value} any more: {mend}"
        )
    ends = [key.expires_at for key in usable if key.expires_at is not None]
    if not usable or len(ends) < len(usable):
        return None
    last = max(ends)
    if last - now < NOTICE:
        raise CredentialsEnding(
            f"The last consumer key of {connection.id} that can {scope.value} ends on "
            f"{last.astimezone(UTC):%Y-%m-%d}: {mend}"
        )
    return last


def note_failed_check(
    url: str,
    connection_id: str,
    run_id: str,
    failure: str,
    *,
    now: datetime,
    unless_noted: bool = False,
) -> None:
    """Note that a run failed, and why; what it counted stays, and what it noted where that is
    asked for."""
    with store_errors(url), engine_for(url).begin() as database:
        if not (unless_noted and _failure(database, connection_id, run_id)):
            _note(database, connection_id, run_id, {"at": now, "failure": failure})


def _failure(database: Database, connection_id: str, run_id: str) -> str | None:
    check = exposure_check.c
    query = select(check.failure).where(check.connection == connection_id, check.run_id == run_id)
    return database.execute(query).scalar_one_or_none()


def note_sound_credentials(url: str, connection_id: str, run_id: str) -> None:
    """Note that what a run failed of before is mended: its grant was checked before its keys."""
    check = exposure_check.c
    mended = update(exposure_check).where(check.connection == connection_id, check.run_id == run_id)
    with store_errors(url), engine_for(url).begin() as database:
        database.execute(mended.values(failure=""))


def exposure_checks(
    url: str, connection_id: str, limit: int = 20, before: datetime | None = None
) -> Sequence[ExposureCheck]:
    """The last checks of a connection that answers, the newest first; only those before a moment,
    if one is named."""
    query = (
        select(exposure_check)
        .where(exposure_check.c.connection == connection_id)
        .where(true() if before is None else exposure_check.c.at < before)
        .order_by(exposure_check.c.at.desc(), exposure_check.c.run_id.desc())
        .limit(limit)
    )
    with store_errors(url), engine_for(url).connect() as database:
        return [_check(row) for row in database.execute(query)]


def _note(database: Database, connection_id: str, run_id: str, found: dict[str, Any]) -> None:
    row = insert(exposure_check).values(connection=connection_id, run_id=run_id, **found)
    database.execute(row.on_conflict_do_update(index_elements=["connection", "run_id"], set_=found))


def _unique_sent(database: Database, connection_id: str) -> int:
    ledger = exchanged_profile.c
    query = select(func.count()).where(ledger.connection == connection_id)
    return int(database.execute(query.where(ledger.direction == "sent")).scalar_one())


def _last_counted(database: Database, connection_id: str, run_id: str) -> Mapping[str, int] | None:
    query = (
        select(exposure_check.c.exposed)
        .where(exposure_check.c.connection == connection_id)
        .where(exposure_check.c.run_id != run_id, exposure_check.c.exposed.is_not(None))
        .order_by(exposure_check.c.at.desc())
        .limit(1)
    )
    found: Mapping[str, int] | None = database.execute(query).scalar_one_or_none()
    return found


def _check(row: Row[tuple[object, ...]]) -> ExposureCheck:
    sent = row.unique_sent
    return ExposureCheck(row.run_id, row.at, row.exposed, row.failure, unique_sent=sent)
