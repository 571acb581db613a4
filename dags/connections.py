"""One DAG for each connection that is configured in ``include/connections``."""

from __future__ import annotations

from airflow.sdk import DAG  # noqa: F401  (Airflow only parses files that name a DAG)

from profile_exchange.orchestration.dags import configured_dags

globals().update({dag.dag_id: dag for dag in configured_dags()})
