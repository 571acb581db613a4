"""The figures as people read them."""

from __future__ import annotations

from measuring import Spent
from results import SHARED, STAGES, TARGET_MEMORY, TARGET_RATIO, Results
from rich.console import Console
from rich.table import Table

MEGABYTE = 2**20
EXCLUDED = (
    "Great Expectations was imported before the clock started: Airflow's scheduler imports it "
    "once, and the tasks that it forks inherit it."
)


def show(console: Console, results: Results) -> None:
    """Print everything that was measured."""
    console.print(_times(results))
    console.print(_fates(results))
    for line in _figures(results):
        console.print(line, highlight=False)


def _times(results: Results) -> Table:
    rounds = len(results.project)
    table = _table(
        f"Medians of {rounds} alternating rounds; processor time is that of all processes",
        *("step", "project s", "floor s", "ratio", "processor", "floor's", "ratio"),
    )
    for name, (steps, _) in STAGES.items():
        table.add_row(f"[bold]{name}", *_cells(*results.stage(name)))
        for step in steps:
            spent = results.phase(step)
            table.add_row(f"[dim]  {step}", f"{spent.seconds:.2f}", "", "", f"{spent.cpu:.2f}")
        table.add_section()
    table.add_row("[bold]total", *_cells(*results.totals))
    return table


def _cells(ours: Spent, theirs: Spent) -> list[str]:
    figures = [
        *(ours.seconds, theirs.seconds, ours.seconds / theirs.seconds),
        *(ours.cpu, theirs.cpu, ours.cpu / theirs.cpu if theirs.cpu else 0.0),
    ]
    return [f"[bold]{figure:.2f}" for figure in figures]


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _fates(results: Results) -> Table:
    table = _table("How the profiles ended", "fate", "first run", "unchanged run")
    again = results.unchanged_fates.as_dict()
    for fate, number in results.fates.as_dict().items():
        table.add_row(fate, f"{number:,}", f"{again[fate]:,}")
    return table


def _figures(results: Results) -> list[str]:
    ours, theirs = results.totals
    wal, floor_wal = results.wal
    received, unchanged = results.fates.received, results.unchanged
    rows = ", ".join(f"{number:,} of {table}" for table, number in results.repeated.items())
    alike = (
        f"Pull, staging and merge ({', '.join(SHARED)}): "
        f"{_met(results.ratio <= TARGET_RATIO)} {results.ratio:.2f} x the floor's "
        f"(rounds {min(results.ratios):.2f} to {max(results.ratios):.2f}), "
        f"target {TARGET_RATIO} x."
    )
    whole = (
        f"The whole run: {results.whole_ratio:.2f} x the whole floor, which has nothing of the "
        "other steps."
    )
    again = (
        f"Unchanged run: {_met(results.again <= 1)} {results.again:.2f} x one that writes, "
        f"{unchanged.wal / MEGABYTE:,.0f} MB of WAL; "
        f"{_met(not any(results.repeated.values()))} rows written: {rows}."
    )
    pace = f"{received / ours.seconds:,.0f}, the floor {received / theirs.seconds:,.0f}"
    return [
        alike,
        whole,
        f"Profiles a second: {pace}.",
        *_memory(results),
        f"WAL: {wal / MEGABYTE:,.0f} MB, the floor {floor_wal / MEGABYTE:,.0f} MB.",
        again,
        EXCLUDED,
    ]


def _memory(results: Results) -> list[str]:
    return [
        f"Peak memory, {name}: {_met(peak <= TARGET_MEMORY)} {peak / MEGABYTE:,.0f} MB a process, "
        f"of which imports {imported / MEGABYTE:,.0f} MB."
        for name, (peak, imported) in results.peaks.items()
    ]


def _met(target_is_met: bool) -> str:
    return "[green]✓[/green]" if target_is_met else "[red]✗[/red]"
