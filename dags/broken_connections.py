"""Shows what is wrong with configuration files as an import error in Airflow's UI.

A DAG file that raises registers none of its DAGs; this one has none to lose.
"""

from __future__ import annotations

from airflow.sdk import DAG  # noqa: F401  (Airflow only parses files that name a DAG)

from profile_exchange.orchestration.dags import raise_problems

raise_problems()
