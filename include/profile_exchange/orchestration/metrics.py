"""A run's counts as metrics, where Airflow sends metrics at all (StatsD, OpenTelemetry)."""

from __future__ import annotations

from airflow.sdk.observability import stats

from profile_exchange.domain.fates import FateCounts

#: Counters: this with each fate, and ``received``, behind it.
PROFILES = "profile_exchange.profiles"
#: Gauge: unique profiles received over a connection's life.
UNIQUE = "profile_exchange.unique_received"


def count_profiles(connection_id: str, counts: FateCounts, unique_received: int) -> None:
    """Add a reported run to the metrics, tagged with its connection and each fate."""
    for fate, number in counts.as_dict().items():
        tags = {"connection": connection_id, "fate": fate}
        stats.incr(f"{PROFILES}.{fate}", number, tags=tags)
    stats.gauge(UNIQUE, unique_received, tags={"connection": connection_id})
