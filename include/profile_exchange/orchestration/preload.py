"""Importing once, in the scheduler, what every task would import again.

LocalExecutor forks a process for each task. What the scheduler has imported, its tasks inherit:
the overhead of a task falls from seconds to tenths. Called from ``airflow_local_settings``.
"""

from __future__ import annotations

import sys

SCHEDULER = "scheduler"


def preload() -> None:
    """Import what tasks need, if this process is the scheduler."""
    if SCHEDULER not in sys.argv[1:2]:
        return
    import great_expectations.validator.validator
    import pandas as pd

    from profile_exchange.orchestration import import_dag, partner, resolving
    from profile_exchange.pipeline import (
        authenticate,
        filter_by_consent,
        gate,
        join,
        map_properties,
        pull,
        report,
        upsert,
        validate,
    )
    from profile_exchange.tenants.rest import source

    used = (authenticate, filter_by_consent, gate, join, map_properties, pull, report, upsert)
    assert all((*used, validate, source, import_dag, partner, resolving, pd, great_expectations))
