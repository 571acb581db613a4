"""A run's forecast as people read it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.cli.fates_table import fates_table
from profile_exchange.domain.forecast import Forecast

_FATES = ("received", "created", "modified", "unchanged", "rejected", "withheld", "unmatched")
_EFFECTS = ("filled", "changed", "emptied", "same")


def tell_forecast(title: str, forecast: Forecast, console: Console) -> None:
    """Print what a run would do, and what would stop it."""
    fates = fates_table(f"{title}: what a run would do; nothing was written", forecast.counts)
    for table in (fates, segments_table(forecast), properties_table(forecast)):
        console.print(table, crop=False)
    console.print(f"{forecast.overlap.sentence()}.", markup=False)
    for fate, ids in forecast.sample.items():
        console.print(f"Some that would be {fate}: {', '.join(ids)}", markup=False, soft_wrap=True)
    if forecast.stopped_by:
        told = f"A run would be stopped at the gate: {forecast.stopped_by}"
        console.print(told, style="red", markup=False)


def segments_table(forecast: Forecast) -> Table:
    """One row for each segment; a profile counts in every segment that it is in."""
    numbers = {name: counts.as_dict() for name, counts in forecast.segments.items()}
    numerals = {name: [f"{told[fate]:,}" for fate in _FATES] for name, told in numbers.items()}
    return tables.counted("By segment", "Segment", _FATES, numerals)


def properties_table(forecast: Forecast) -> Table:
    """One row for each target property: in how many profiles what would happen to it."""
    numerals = {
        name: [f"{getattr(counts, effect):,}" for effect in _EFFECTS]
        for name, counts in forecast.properties.items()
    }
    return tables.counted("By property", "Property", _EFFECTS, numerals)
