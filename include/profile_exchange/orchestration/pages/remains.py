"""What the store of its tenant holds of one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from profile_exchange.domain.checks import LastCheck
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.orchestration.pages.configured import store_url
from profile_exchange.orchestration.pages.data_exchange import ByDay, exchanged
from profile_exchange.tenants.postgres import quarantined
from profile_exchange.tenants.postgres.consents import ConsentCount, kept_consents
from profile_exchange.tenants.postgres.exposure_checks import ExposureCheck, exposure_checks
from profile_exchange.tenants.postgres.last_checks import last_check
from profile_exchange.tenants.postgres.mapped_targets import Target, existing_targets
from profile_exchange.tenants.postgres.overview import Overview, overview
from profile_exchange.tenants.postgres.quarantined import Entry, ReasonCount, Wanted
from profile_exchange.tenants.postgres.run_history import (
    PastRun,
    history,
    received_by_day,
    sent_by_day,
)

RUNS, ENTRIES, DAYS = 25, 20, 366
NOTHING = Overview(None, (), (), ())


@dataclass(frozen=True, slots=True)
class Remains:
    """What a tenant's store holds of one connection; ``failure`` is why it cannot be asked."""

    check: LastCheck | None = None
    glance: Overview = NOTHING
    runs: Sequence[PastRun] = ()
    checks: Sequence[ExposureCheck] = ()
    targets: Mapping[str, Target] = field(default_factory=dict)
    reasons: Sequence[ReasonCount] = ()
    entries: Sequence[Entry] = ()
    consents: Sequence[ConsentCount] = ()
    exchange: ByDay | None = None
    failure: str = ""

    @property
    def exposed(self) -> Mapping[str, int]:
        """The profiles in each segment that may leave, as they were last counted."""
        return next((each.exposed for each in self.checks if each.exposed is not None), {})


def remains_of(found: Connection) -> Remains:
    """What the store holds. A store that is away leaves the rest of the page as it is."""
    try:
        url = store_url(found.tenant)
        return _read(url, found) if url else Remains(failure="The store has no secret yet.")
    except ExchangeError as error:
        return Remains(failure=str(error))


def _read(url: str, found: Connection) -> Remains:
    checks = exposure_checks(url, found.id, RUNS) if found.expose else ()
    glance = overview(url, [found.id], 1)[found.id]
    consents = kept_consents(url, found.objectives)
    goal = found.importing
    if goal is None:
        data = exchanged({}, sent_by_day(url, found.id, DAYS))
        return Remains(glance=glance, checks=checks, consents=consents, exchange=data)
    sent = sent_by_day(url, found.id, DAYS) if found.expose else {}
    return Remains(
        check=last_check(url, found.id),
        glance=glance,
        runs=history(url, found.id, RUNS),
        checks=checks,
        consents=consents,
        targets=existing_targets(url, goal.targets),
        reasons=quarantined.reasons(url, found.id, Wanted()),
        entries=quarantined.newest(url, found.id, Wanted(), ENTRIES),
        exchange=exchanged(received_by_day(url, found.id, DAYS), sent),
    )
