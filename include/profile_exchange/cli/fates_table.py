"""A run's fates as a table for people."""

from __future__ import annotations

from rich.table import Table

from profile_exchange.domain.fates import Fate, FateCounts

MEANINGS: dict[Fate, str] = {
    Fate.SUPERSEDED: "another profile for the same one of ours was newer",
    Fate.UNMATCHED: "is none of ours",
    Fate.AMBIGUOUS: "could be several of ours",
    Fate.WITHHELD: "no consent, or no visited channel",
    Fate.REJECTED: "broke an expectation or a type; in quarantine",
    Fate.CREATED: "new in our store",
    Fate.MODIFIED: "changed in our store",
    Fate.UNCHANGED: "was already so in our store",
}


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
