"""Tables that are read whole: what a terminal is too narrow for is folded, and never cut off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

#: As wide as no table is.
_UNLIMITED = 10_000


def console() -> Console:
    """Where tables are printed. A pipe or a file has no width, so it gets all of every line."""
    made = Console(highlight=False)
    if not made.is_terminal:
        made.width = _UNLIMITED
    return made


def table(title: str, *, compact: bool = False) -> Table:
    """A table without columns; a compact one spends no room on lines between them."""
    if not compact:
        return Table(title=title, title_justify="left")
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)


def add_texts(
    to: Table, heading: str, *, least: int | None = None, exactly: int | None = None
) -> None:
    """A column of texts, folded where there is no room; it can have a width that it keeps."""
    to.add_column(Text(heading), overflow="fold", min_width=least, width=exactly)


def add_numerals(to: Table, heading: str, numerals: Sequence[str]) -> None:
    """A column of numerals, which are kept whole; its heading is folded when it is longer."""
    least = max(map(len, numerals), default=0)
    to.add_column(Text(heading), justify="right", overflow="fold", min_width=least)


def add_rows(to: Table, rows: Iterable[Sequence[str]]) -> None:
    """Rows of plain text: what looks like markup is none, as ``[a-z]`` in a rule."""
    for row in rows:
        to.add_row(*map(Text, row))


def tell(on: Console, wide: Table, narrow: Table) -> None:
    """Print a table as it is where it fits, else the one that was made for less room."""
    unlimited = on.options.update(width=_UNLIMITED)
    fits = Measurement.get(on, unlimited, wide).maximum <= on.width
    on.print(wide if fits else narrow, crop=False)
