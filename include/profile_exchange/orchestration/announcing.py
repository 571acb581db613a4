"""What the rest of a company's Airflow learns of a finished import: asset, lineage, metrics."""

from __future__ import annotations

from airflow.sdk import Context

from profile_exchange.orchestration.assets import tell_written
from profile_exchange.orchestration.lineage import emit_lineage
from profile_exchange.orchestration.metrics import count_profiles
from profile_exchange.pipeline.report import Report
from profile_exchange.pipeline.runs import Run, import_goal


def announce(context: Context, run: Run, done: Report) -> None:
    """Tell of a reported run, as far as anybody listens.

    ``run`` as it was found before the report: one that a former attempt of the task has
    reported is not counted twice in the metrics.
    """
    tell_written(context, run.connection, done.counts)
    emit_lineage(run.connection, import_goal(run.connection))
    if not run.finished:
        count_profiles(run.connection.id, done.counts, done.unique_received)
