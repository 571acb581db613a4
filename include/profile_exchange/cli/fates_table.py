"""A run's fates as a table for people."""

from __future__ import annotations

from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.domain.fates import FORESEEN, MEANINGS, Fate, FateCounts


def fates_table(title: str, counts: FateCounts, *, foreseen: bool = False) -> Table:
    """One row for each fate, of a run or foreseen, and the sum that always has to hold."""
    meanings = FORESEEN if foreseen else MEANINGS
    numbers = counts.as_dict()
    numerals = {fate: f"{numbers[fate.value]:,}" for fate in meanings}
    table = tables.table(title, footer=True)
    tables.add_texts(table, "Fate", exactly=max(map(len, Fate)), footer="received")
    tables.add_numerals(table, "Profiles", [*numerals.values()], footer=f"{counts.received:,}")
    tables.add_texts(table, "What that says")
    rows = [(fate.value, numerals[fate], meaning) for fate, meaning in meanings.items()]
    tables.add_rows(table, rows)
    return table
