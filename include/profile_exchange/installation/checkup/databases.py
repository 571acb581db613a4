"""The databases: do they answer, are they migrated, and what may the exposure API do there?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from profile_exchange.config.settings import find_secret
from profile_exchange.domain.errors import ExchangeError, StoreKeepsOut
from profile_exchange.domain.tenant import Tenant
from profile_exchange.installation.checkup.finding import (
    Finding,
    Surroundings,
    ok,
    skipped,
    wrong,
)
from profile_exchange.store.database import address, connect, schema_version, store_errors
from profile_exchange.tenants.postgres.exposure_role import RIGHTS
from profile_exchange.tenants.postgres.role_rights import TOO_POWERFUL, missing_rights

OLDEST_SERVER = 150_000
#: PostgreSQL's clock decides when tokens end; more than this between it and ours is noticed.
CLOCK_TOLERANCE = timedelta(seconds=5)
START = "Start it; `exchange up` does on this machine."
CORRECT = "Correct it there; `exchange migrate --administrator` makes a user that is missing."
MIGRATE = "Run `exchange migrate`."
#: The user may be missing, or the server it is one of.
START_OR_MIGRATE = "Start the database where it does not run; else run `exchange migrate`."


def stores(around: Surroundings) -> Iterator[Finding]:
    """Each tenant's store answers, in a version that serves, with our schema and our time."""
    for tenant in around.configuration.tenants.values():
        url = _url(around, tenant.store_secret)
        if url is None:
            yield skipped("database", f"Where {tenant.id}'s profile store is, no secret says.")
            continue
        try:
            yield from _store(tenant, url)
        except ExchangeError as error:
            kept_out = isinstance(error, StoreKeepsOut)
            yield wrong("database", str(error), CORRECT if kept_out else START)


def _store(tenant: Tenant, url: str) -> Iterator[Finding]:
    with store_errors(url), connect(url, connect_timeout=5) as database:
        number = database.info.server_version
        row = database.execute("select clock_timestamp()").fetchone()
        apart = abs(datetime.now(UTC) - row[0]) if row else timedelta()
    where = address(url)
    if number < OLDEST_SERVER:
        told = f"{where} is PostgreSQL {number // 10_000}, and 15 is the oldest that serves."
        yield wrong("database", told, "Upgrade the server.")
    else:
        yield ok("database", f"{tenant.id}: PostgreSQL {number // 10_000} answers at {where}.")
    yield _clock(where, apart)
    yield _schema(tenant, url)


def _clock(where: str, apart: timedelta) -> Finding:
    if apart > CLOCK_TOLERANCE:
        told = f"The clock of {where} is {apart.total_seconds():.0f} s from this machine's."
        return wrong("clock", told, "Let both machines keep time by NTP.")
    return ok("clock", f"The clocks of {where} and this machine agree.")


def _schema(tenant: Tenant, url: str) -> Finding:
    current, newest = schema_version(url)
    if current == newest:
        return ok("migrations", f"{tenant.id}'s database is at version {newest}.")
    told = f"{tenant.id}'s database is at version {current or 'none'}, this program at {newest}."
    return wrong("migrations", told, MIGRATE)


def exposure_rights(around: Surroundings) -> Iterator[Finding]:
    """The exposure API's user may do what it needs, and is not the owner or as mighty."""
    for tenant in around.configuration.tenants.values():
        url = _url(around, tenant.exposure_secret)
        if url is None:
            yield skipped("API's rights", f"{tenant.id} has no user for the exposure API yet.")
            continue
        try:
            yield _rights(tenant, url)
        except ExchangeError as error:
            yield wrong("API's rights", str(error), START_OR_MIGRATE)


def _rights(tenant: Tenant, url: str) -> Finding:
    check = "API's rights"
    with store_errors(url), connect(url, connect_timeout=5) as database:
        row = database.execute(TOO_POWERFUL).fetchone()
        if row is None or row[0]:
            told = f"The exposure API's user of {tenant.id} may do more than it should."
            mend = "Write a user of its own into its secret, then run `exchange migrate`."
            return wrong(check, told, mend)
        missing = missing_rights(database, RIGHTS)
    if missing:
        told = f"The exposure API's user of {tenant.id} may not {'; '.join(missing[:3])}."
        return wrong(check, told, MIGRATE)
    return ok(check, f"The exposure API's user of {tenant.id} may do what it needs.")


def _url(around: Surroundings, secret: str) -> str | None:
    try:
        return find_secret(secret, around.settings.secrets_dir)
    except ExchangeError:
        return None
