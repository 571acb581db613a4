"""What the store of its tenant holds of one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypedDict
from uuid import UUID

from profile_exchange.domain.checks import LastCheck
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.orchestration.pages.configured import store_url
from profile_exchange.orchestration.pages.data_exchange import ByDay, exchanged, so_far
from profile_exchange.orchestration.pages.guarded import Guarded
from profile_exchange.orchestration.pages.partner_access import ShownKey
from profile_exchange.tenants.postgres import quarantined
from profile_exchange.tenants.postgres.consents import ConsentCount, kept_consents
from profile_exchange.tenants.postgres.credentials import last_sign_ins, list_credentials
from profile_exchange.tenants.postgres.exposure_checks import ExposureCheck, exposure_checks
from profile_exchange.tenants.postgres.last_checks import last_check
from profile_exchange.tenants.postgres.mapped_targets import Target, existing_targets
from profile_exchange.tenants.postgres.overview import Overview, overview
from profile_exchange.tenants.postgres.quarantined import Entry, ReasonCount, Wanted
from profile_exchange.tenants.postgres.run_history import (
    PastRun,
    data_exchange,
    history,
    received_by_day,
    sent_by_day,
)

#: One more run is asked for than is shown, and one more entry, to tell whether there are others.
RUNS, ENTRIES, DAYS = 25, 20, 366
NOTHING = Overview(None, (), (), ())


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked to see: runs from before a moment, a profile in quarantine, or the
    entries after so many; and what was ``done`` just before."""

    before: datetime | None = None
    profile: UUID | None = None
    after: int = 0
    done: str = ""

    @property
    def held(self) -> Wanted:
        """The entries of the quarantine that are asked for."""
        return Wanted(profile_ids=(self.profile,) if self.profile else ())


@dataclass(frozen=True, slots=True)
class Remains:
    """What a tenant's store holds of one connection; ``failures`` say what cannot be shown.

    ``glance`` is None where it is not known. ``unique`` says how many profiles were received and
    sent so far.
    """

    check: LastCheck | None = None
    glance: Overview | None = None
    runs: Sequence[PastRun] = ()
    checks: Sequence[ExposureCheck] = ()
    targets: Mapping[str, Target] = field(default_factory=dict)
    reasons: Sequence[ReasonCount] = ()
    entries: Sequence[Entry] = ()
    consents: Sequence[ConsentCount] = ()
    keys: Sequence[ShownKey] = ()
    exchange: ByDay | None = None
    unique: Mapping[str, int] = field(default_factory=dict)
    failures: Sequence[str] = ()

    @property
    def exposed(self) -> Mapping[str, int]:
        """The profiles in each segment that may leave, as they were last counted."""
        return next((each.exposed for each in self.checks if each.exposed is not None), {})


def remains_of(found: Connection, asked: Asked, now: datetime) -> Remains:
    """What the store holds. A store that is away leaves the rest of the page as it is."""
    try:
        url = store_url(found.tenant)
    except ExchangeError as error:
        return Remains(failures=(str(error),))
    if url is None:
        return Remains(failures=("The store has no secret yet.",))
    return _Reading(url, found, asked, now).remains()


class _Exchange(TypedDict):
    exchange: ByDay | None
    unique: Mapping[str, int]


class _Reading:
    """Asks a store for all that is shown of a connection, part by part."""

    def __init__(self, url: str, found: Connection, asked: Asked, now: datetime) -> None:
        self._url, self._found, self._asked, self._now = url, found, asked, now
        self._guarded = Guarded()

    def remains(self) -> Remains:
        glance = self._guarded.part("The state", self._glance, None)
        if self._found.importing:
            return self._importing(glance)
        return Remains(
            glance=glance,
            checks=self._checks(),
            consents=self._consents(),
            keys=self._keys(),
            **self._exchange(),
            failures=self._guarded.failures,
        )

    def _importing(self, glance: Overview | None) -> Remains:
        part, url, key = self._guarded.part, self._url, self._found.id
        held, goal = self._asked.held, self._found.importing
        past = partial(history, url, key, RUNS + 1, self._asked.before)
        entries = partial(quarantined.newest, url, key, held, ENTRIES + 1, after=self._asked.after)
        targets = goal.targets if goal else ()
        return Remains(
            check=part("The last check", partial(last_check, url, key), None),
            glance=glance,
            runs=part("The run history", past, ()),
            checks=self._checks(),
            consents=self._consents(),
            keys=self._keys(),
            targets=part("Our properties", partial(existing_targets, url, targets), {}),
            reasons=part("The quarantine", partial(quarantined.reasons, url, key, Wanted()), ()),
            entries=part("The profiles in quarantine", entries, ()),
            **self._exchange(),
            failures=self._guarded.failures,
        )

    def _glance(self) -> Overview | None:
        return overview(self._url, [self._found.id], 1, self._now)[self._found.id]

    def _checks(self) -> Sequence[ExposureCheck]:
        if not self._found.answers:
            return ()
        read = partial(exposure_checks, self._url, self._found.id, RUNS + 1, self._asked.before)
        return self._guarded.part("The checks", read, ())

    def _consents(self) -> Sequence[ConsentCount]:
        read = partial(kept_consents, self._url, self._found.objectives)
        return self._guarded.part("The consents", read, ())

    def _keys(self) -> Sequence[ShownKey]:
        if not self._found.answers:
            return ()
        return self._guarded.part("The consumer keys", self._known_keys, ())

    def _known_keys(self) -> Sequence[ShownKey]:
        used = last_sign_ins(self._url, self._found.id)
        known = list_credentials(self._url, self._found.id)
        return [ShownKey(each, used.get(each.key)) for each in known]

    def _exchange(self) -> _Exchange:
        """Unique profiles: how many there are now, as the ledger has them, and day by day."""
        part, counted = self._guarded.part, partial(data_exchange, self._url, self._found.id)
        by_day = part("The data exchange", self._by_day, None)
        now = part("The unique profiles", counted, None)
        return {"exchange": by_day, "unique": so_far(by_day, now)}

    def _by_day(self) -> ByDay | None:
        key, found = self._found.id, self._found
        received = received_by_day(self._url, key, DAYS) if found.importing else {}
        sent = sent_by_day(self._url, key, DAYS) if found.expose else {}
        return exchanged(received, sent)
