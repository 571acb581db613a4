"""What a run did to each target property, as a table for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.domain.fates import PropertyCounts


def properties_table(properties: Iterable[PropertyCounts]) -> Table:
    """One row for each property; what was taken back only where something was."""
    rows = list(properties)
    headings = ["written", "unchanged", "refused"]
    if any(each.taken_back for each in rows):
        headings.append("taken_back")
    numbers = {each.property_id: each.as_dict() for each in rows}
    numerals = {name: [f"{told[key]:,}" for key in headings] for name, told in numbers.items()}
    return tables.counted("", "Property", [key.replace("_", " ") for key in headings], numerals)
