"""What a run did to each target property, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from profile_exchange.domain.fates import PropertyCounts


def properties_table(properties: Iterable[PropertyCounts]) -> Table:
    """One row for each property; numbers of profiles."""
    table = Table()
    table.add_column("Property")
    for heading in ("written", "unchanged", "refused"):
        table.add_column(heading, justify="right")
    for each in properties:
        numbers = (each.written, each.unchanged, each.refused)
        table.add_row(each.property_id, *(f"{number:,}" for number in numbers))
    return table
