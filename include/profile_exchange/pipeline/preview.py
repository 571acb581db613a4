"""Preview: a run that ends at the gate, having counted what it would write and written nothing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from profile_exchange.domain.forecast import Forecast
from profile_exchange.pipeline.runs import PREVIEWED, Run, at_work, forget_previews
from profile_exchange.store import tables


def close_preview(run: Run, forecast: Forecast, now: datetime) -> None:
    """End a preview: the figures stay with the run, all that it staged goes.

    Its counts are those that would be. Repeating it changes nothing.
    """
    with at_work(run) as database:
        close = update(tables.run).where(tables.run.c.seq == run.seq)
        counts = forecast.counts.as_dict()
        segments = {name: each.received for name, each in forecast.segments.items()}
        database.execute(
            close.values(state=PREVIEWED, finished_at=now, failure="", segments=segments, **counts)
        )
        forget_previews(database, tables.run.c.seq == run.seq)
        run.staging.drop(database)
