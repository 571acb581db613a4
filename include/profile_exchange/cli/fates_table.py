"""A run's fates as a table for people."""

from __future__ import annotations

from rich.table import Table

from profile_exchange.domain.fates import MEANINGS, FateCounts


def fates_table(title: str, counts: FateCounts) -> Table:
    """One row for each fate, and the sum that always has to hold."""
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("Fate", footer="received")
    table.add_column("Profiles", footer=f"{counts.received:,}", justify="right")
    table.add_column("What that says")
    numbers = counts.as_dict()
    for fate, meaning in MEANINGS.items():
        table.add_row(fate.value, f"{numbers[fate.value]:,}", meaning)
    return table
