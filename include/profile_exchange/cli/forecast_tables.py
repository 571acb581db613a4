"""A run's forecast as people read it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.cli.fate_columns import add_fates
from profile_exchange.cli.fates_table import fates_table
from profile_exchange.domain.forecast import Forecast

_EFFECTS = ("filled", "changed", "emptied", "same")


def tell_forecast(title: str, forecast: Forecast, console: Console) -> None:
    """Print what a run would do, and what would stop it."""
    heading = f"{title}: what a run would do; nothing was written"
    console.print(fates_table(heading, forecast.counts, foreseen=True), crop=False)
    tables.tell(console, segments_table(forecast), segments_table(forecast, narrow=True))
    console.print(properties_table(forecast), crop=False)
    console.print(_still_open(forecast) or f"{forecast.overlap.sentence()}.", markup=False)
    if rejected_for := forecast.rejected_for():
        console.print(f"{rejected_for}.", markup=False)
    for fate, ids in forecast.sample.items():
        console.print(f"Some that would be {fate}: {', '.join(ids)}", markup=False, soft_wrap=True)
    if forecast.stopped_by:
        told = f"A run would be stopped at the gate: {forecast.stopped_by}"
        console.print(told, style="red", markup=False)


def _still_open(forecast: Forecast) -> str:
    """Who has no fate yet, so that the counts add up all the same."""
    if not forecast.undecided:
        return ""
    return (
        f"{forecast.undecided:,} more would be sent to our tenant, which alone knows who they are."
    )


def segments_table(forecast: Forecast, *, narrow: bool = False) -> Table:
    """One row for each segment; a profile counts in every segment that it is in."""
    table = tables.table("By segment", compact=narrow)
    tables.add_texts(table, "Segment")
    numerals = add_fates(table, [*forecast.segments.values()], paired=narrow)
    rows = [(name, *numerals[i]) for i, name in enumerate(forecast.segments)]
    tables.add_rows(table, rows)
    return table


def properties_table(forecast: Forecast) -> Table:
    """One row for each target property: in how many profiles what would happen to it."""
    numerals = {
        name: [f"{getattr(counts, effect):,}" for effect in _EFFECTS]
        for name, counts in forecast.properties.items()
    }
    return tables.counted("By property", "Property", _EFFECTS, numerals)
