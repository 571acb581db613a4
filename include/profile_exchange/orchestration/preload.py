"""What every process of Airflow's does first: it is given time to start, and tasks a head start.

LocalExecutor forks a process for each task from the scheduler, a Celery worker from itself. What
they have imported, the tasks inherit: the overhead of a task falls from seconds to tenths. Called
from ``airflow_local_settings``.
"""

from __future__ import annotations

import sys
from importlib import import_module

from airflow.configuration import conf

from profile_exchange.collector import expect_objects_to_stay
from profile_exchange.domain.fates import Step

#: The command whose process forks the tasks, by executor.
FORKING = {"LocalExecutor": ["scheduler"], "CeleryExecutor": ["celery", "worker"]}
_PACKAGE = "profile_exchange"
MODULES = (
    "airflow.sdk.execution_time.supervisor",
    "pandas",
    "great_expectations.validator.validator",
    "great_expectations.execution_engine.sqlalchemy_execution_engine",
    f"{_PACKAGE}.orchestration.dags",
    f"{_PACKAGE}.orchestration.partner",
    f"{_PACKAGE}.orchestration.resolving",
    *(f"{_PACKAGE}.pipeline.{step.value}" for step in Step),
)


def preload() -> None:
    """Keep the collector quiet; import what tasks need, if this process forks them."""
    expect_objects_to_stay()
    forking = FORKING.get(conf.get("core", "executor"))
    if forking is None or sys.argv[1 : len(forking) + 1] != forking:
        return
    for module in MODULES:
        import_module(module)
