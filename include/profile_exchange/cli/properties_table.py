"""What a run did to each target property, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from profile_exchange.domain.fates import PropertyCounts


def properties_table(properties: Iterable[PropertyCounts]) -> Table:
    """One row for each property; what was taken back only where something was."""
    rows = list(properties)
    headings = ["written", "unchanged", "refused"]
    if any(each.taken_back for each in rows):
        headings.append("taken_back")
    table = Table()
    table.add_column("Property")
    for heading in headings:
        table.add_column(heading.replace("_", " "), justify="right")
    for each in rows:
        numbers = each.as_dict()
        table.add_row(each.property_id, *(f"{numbers[heading]:,}" for heading in headings))
    return table
