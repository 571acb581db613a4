"""A past for connections: runs, checks and a quarantine as our ledger and Airflow's have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from profile_exchange.domain.checks import Found, FoundProperty, FoundSegment
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap, PropertyForecast
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import (
    adopted_property,
    exposure_check,
    quarantine,
    replay,
    run,
    run_property,
)
from profile_exchange.tenants.postgres.credentials import issue
from profile_exchange.tenants.postgres.last_checks import note_let_in

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
COUNTS = FateCounts(
    received=4390,
    superseded=49,
    unmatched=1722,
    ambiguous=43,
    withheld=767,
    rejected=38,
    modified=1730,
    unchanged=41,
)
FOUND = Found(
    segments=(
        FoundSegment("subscribers", "Subscribers", 4102),
        FoundSegment("sports-readers", "Sports readers", 812),
    ),
    properties=(
        FoundProperty("email", "Email address", "EMAIL"),
        FoundProperty("favourite_section", "Favourite section", "SELECT"),
        FoundProperty("articles_read", "Articles read", "RANGE"),
    ),
    identifiers=("email",),
)
FORECAST = Forecast(
    counts=COUNTS,
    reasons={"no_match": 1722},
    segments={"subscribers": COUNTS},
    properties={"TaylorTimes_Section": PropertyForecast(filled=1500, changed=230, same=41)},
    overlap=Overlap(received=4390, ours=6000, matched=1815),
    sample={},
)
PROFILE = UUID("00000000-0000-4000-8000-000000000001")


def past_run(number: int, **said: Any) -> dict[str, Any]:
    """A run that succeeded ``number`` days after the first, unless it is said otherwise."""
    started = NOON + timedelta(days=number)
    return {
        "connection": "taylor-times",
        "run_id": f"manual__{number}",
        "state": "succeeded",
        "started_at": started,
        "finished_at": started + timedelta(seconds=42),
        "failure": "",
        "unique_received": 4000 + 90 * number,
        "decided_by": "",
        "forecast": None,
        "preview": False,
        **COUNTS.as_dict(),
        **said,
    }


def pending(number: int, **said: Any) -> dict[str, Any]:
    """A run that has come to no counts."""
    nothing = dict.fromkeys([*COUNTS.as_dict(), "unique_received"])
    return past_run(number, **{**nothing, "finished_at": None, "state": "running", **said})


def remember(url: str, runs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Enter runs into the ledger. Returns their numbers."""
    with engine_for(url).begin() as database:
        database.execute(insert(run), list(runs))
        return list(database.execute(select(run.c.seq).order_by(run.c.seq)).scalars())


def full_past(url: str) -> None:
    """A connection with runs of every kind, a check, and profiles in quarantine."""
    failure = "taylor-times.localhost does not accept the consumer key: correct it in Airflow."
    runs = [
        past_run(number, received=4390 + 70 * number, unmatched=1722 + 70 * number)
        for number in range(9)
    ]
    runs += [pending(9, state="failed", failure=failure, finished_at=NOON + timedelta(days=9))]
    runs += [past_run(10, preview=True, state="previewed", forecast=FORECAST.as_json())]
    runs += [past_run(11)]
    seqs = remember(url, runs)
    note_let_in(url, "taylor-times", FOUND, now=NOON + timedelta(days=11))
    with engine_for(url).begin() as database:
        database.execute(
            insert(run_property).values(
                run_seq=seqs[-1],
                property_id="TaylorTimes_Section",
                written=1730,
                unchanged=41,
                refused=9,
                taken_back=6,
            )
        )
        database.execute(
            insert(adopted_property).values(
                connection="taylor-times", property_id="TaylorTimes_Section", adopted_at=NOON
            )
        )
        database.execute(insert(quarantine), [held(seqs[-1], number) for number in range(3)])
        database.execute(
            insert(replay).values(
                connection="taylor-times", profile_id=UUID(int=PROFILE.int + 1), asked_at=NOON
            )
        )


def held(seq: int, number: int) -> dict[str, Any]:
    """A profile in quarantine."""
    return {
        "run_seq": seq,
        "profile_id": UUID(int=PROFILE.int + number),
        "property_id": "articles_read",
        "rule": "expect_column_values_to_be_between",
        "reason": "expectation",
        "fingerprint": f"f1{number:04}",
        "quarantined_at": NOON,
    }


def checked(url: str) -> None:
    """An exposing connection whose grant was checked a few times, and whose partner has a key."""
    issue(url, "harbor-goods", now=NOON)
    rows = [
        {
            "connection": "harbor-goods",
            "run_id": f"manual__{number}",
            "at": NOON + timedelta(days=number),
            "exposed": {"subscribers": 4102 + number, "sports-readers": 812},
            "unique_sent": 3800 + 50 * number,
            "failure": "",
        }
        for number in range(5)
    ]
    with engine_for(url).begin() as database:
        database.execute(insert(exposure_check), rows)
