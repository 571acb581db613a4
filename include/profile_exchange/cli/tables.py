"""What is printed for people: tables that are read whole, and names that are what they are.

What a terminal is too narrow for is folded, and never cut off. Names come from files and from
partners: ``[nl]`` or ``:city:`` in one is neither markup nor an emoji.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

#: As wide as no table is.
_UNLIMITED = 10_000


def console(*, stderr: bool = False) -> Console:
    """Where all is printed. A pipe or a file has no width, so it gets all of every line."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _UNLIMITED
    return made


def table(title: str = "", *, compact: bool = False, footer: bool = False) -> Table:
    """A table without columns; a compact one spends no room on lines between them."""
    shown = Text(title, style="table.title")
    if not compact:
        return Table(title=shown, title_justify="left", show_footer=footer)
    return Table(title=shown, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)


def names_and_texts(pairs: Iterable[tuple[str, str]]) -> Table:
    """A name and a text on each line, and no lines between them."""
    made = Table(show_header=False, box=None, pad_edge=False)
    made.add_column(style="dim", overflow="fold")
    made.add_column(overflow="fold")
    add_rows(made, pairs)
    return made


def add_texts(
    to: Table,
    heading: str,
    *,
    least: int | None = None,
    exactly: int | None = None,
    footer: str = "",
) -> None:
    """A column of texts, folded where there is no room; it can have a width that it keeps."""
    to.add_column(Text(heading), Text(footer), overflow="fold", min_width=least, width=exactly)


def add_numerals(to: Table, heading: str, numerals: Sequence[str], *, footer: str = "") -> None:
    """A column of numerals, which are kept whole; its heading is folded when it is longer."""
    least = max(map(len, (*numerals, footer)))
    to.add_column(Text(heading), Text(footer), justify="right", overflow="fold", min_width=least)


def add_rows(to: Table, rows: Iterable[Sequence[str]]) -> None:
    """Rows of plain text: what looks like markup is none, as ``[a-z]`` in a rule."""
    for row in rows:
        to.add_row(*map(Text, row))


def counted(
    title: str, names: str, headings: Sequence[str], numerals: Mapping[str, Sequence[str]]
) -> Table:
    """A table with a row of numerals for each name."""
    made = table(title)
    add_texts(made, names)
    for number, heading in enumerate(headings):
        add_numerals(made, heading, [row[number] for row in numerals.values()])
    add_rows(made, [(name, *row) for name, row in numerals.items()])
    return made


def tell(on: Console, wide: Table, narrow: Table) -> None:
    """Print a table as it is where it fits, else the one that was made for less room."""
    unlimited = on.options.update(width=_UNLIMITED)
    fits = Measurement.get(on, unlimited, wide).maximum <= on.width
    on.print(wide if fits else narrow, crop=False)
