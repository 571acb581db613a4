"""Counts by fate as the columns of a table: every fate, so that each row adds up."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from profile_exchange.cli import tables
from profile_exchange.domain.fates import FateCounts

#: What one looks for first stands first.
_SINGLE = (
    *("received", "created", "modified", "unchanged", "rejected"),
    *("withheld", "unmatched", "ambiguous", "superseded"),
)
#: Two fates in a column, one below the other: eighty columns take counts of millions.
_PAIRED = (
    *("received", "created\nmodified", "unchanged\nrejected"),
    *("withheld\nunmatched", "ambiguous\nsuperseded"),
)


def add_fates(
    to: Table, counted: Sequence[FateCounts | None], *, paired: bool = False
) -> list[list[str]]:
    """Columns for what was received and each fate. Returns what each row has in them."""
    headings = _PAIRED if paired else _SINGLE
    rows = [[_numerals(heading, counts) for heading in headings] for counts in counted]
    for number, heading in enumerate(headings):
        numerals = [numeral for row in rows for numeral in row[number].splitlines()]
        tables.add_numerals(to, heading, numerals)
    return rows


def _numerals(heading: str, counts: FateCounts | None) -> str:
    if counts is None:
        return ""
    numbers = counts.as_dict()
    return "\n".join(f"{numbers[name]:,}" for name in heading.splitlines())
