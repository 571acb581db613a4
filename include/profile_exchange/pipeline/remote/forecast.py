"""What can be known before a tenant behind REST API v2 is asked to write: who is not sent to it."""

from __future__ import annotations

from sqlalchemy import Connection as Database

from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, Overlap
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.settling import counts_by_fate, counts_by_reason


def known_before(database: Database, run: Run, received: int) -> Forecast:
    """The fates that are settled, and how many profiles the tenant is going to decide on."""
    counts = FateCounts.of(received, counts_by_fate(database, run.staging))
    return Forecast(
        counts=counts,
        reasons=counts_by_reason(database, run.staging),
        segments={},
        properties={},
        overlap=Overlap(received=received, ours=0, matched=0),
        sample={},
        undecided=received - counts.settled,
    )
