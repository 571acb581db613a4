"""What every process of Airflow's does first: it is given time to start, and tasks a head start.

Starting, a process makes some hundred thousand objects that stay. Python's collector would go over
them again and again, which takes a fifth of the API server's start; it looks less often here.

LocalExecutor forks a process for each task from the scheduler, a Celery worker from itself. What
they have imported, the tasks inherit: the overhead of a task falls from seconds to tenths. Called
from ``airflow_local_settings``.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

from airflow.configuration import conf

from profile_exchange.domain.fates import Step

#: The command whose process forks the tasks, by executor.
FORKING = {"LocalExecutor": ["scheduler"], "CeleryExecutor": ["celery", "worker"]}
_PACKAGE = "profile_exchange"
MODULES = (
    "pandas",
    "great_expectations.validator.validator",
    "great_expectations.execution_engine.sqlalchemy_execution_engine",
    f"{_PACKAGE}.orchestration.import_dag",
    f"{_PACKAGE}.orchestration.partner",
    f"{_PACKAGE}.orchestration.resolving",
    *(f"{_PACKAGE}.pipeline.{step.value}" for step in Step),
)


#: Python's own are 700 (or 2,000), 10 and 10.
_COLLECTOR = (50_000, 20, 20)


def preload() -> None:
    """Have the collector look less often; import what tasks need, if this process forks them."""
    gc.set_threshold(*_COLLECTOR)
    forking = FORKING.get(conf.get("core", "executor"))
    if forking is None or sys.argv[1 : len(forking) + 1] != forking:
        return
    for module in MODULES:
        import_module(module)
