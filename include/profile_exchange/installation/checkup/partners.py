"""The other tenants: does their clock agree with ours?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from profile_exchange.installation.checkup.finding import (
    Finding,
    Surroundings,
    ok,
    skipped,
    wrong,
)

#: Dates on the wire are in whole seconds, and an answer takes a while.
TOLERANCE = timedelta(seconds=60)
SECONDS = 10.0

#: The address at which a host is asked for the time.
Address = Callable[[str], str]


def _https(host: str) -> str:
    return f"https://{host}/"


def clocks(around: Surroundings, address: Address = _https) -> Iterator[Finding]:
    """Each partner that is not hosted here has the time that we have, by the Date of its answer."""
    hosted = {tenant.host for tenant in around.configuration.tenants.values()}
    partners = {each.partner.host for each in around.configuration.connections.values()}
    for host in sorted(partners):
        if host in hosted:
            yield skipped("partner's clock", f"{host} is hosted here and has this machine's clock.")
        else:
            yield _compared(host, address(host))


def _compared(host: str, address: str) -> Finding:
    check = "partner's clock"
    try:
        date = httpx.head(address, timeout=SECONDS).headers.get("date", "")
    except httpx.HTTPError as error:
        told = f"{host} does not answer ({type(error).__name__})."
        mend = "Check the partner's host name, this machine's network and its certificates."
        return wrong(check, told, mend)
    try:
        apart = abs(datetime.now(UTC) - parsedate_to_datetime(date))
    except (TypeError, ValueError):
        return skipped(check, f"{host} does not say what time it is.")
    if apart > TOLERANCE:
        told = f"The clock of {host} is {apart.total_seconds():,.0f} s from this machine's."
        return wrong(
            check, told, "Let this machine keep time by NTP; if it does, tell the partner."
        )
    return ok(check, f"The clocks of {host} and this machine agree.")
