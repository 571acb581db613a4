"""What a run did to each target property, for people."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from profile_exchange.cli.properties_table import properties_table
from profile_exchange.domain.fates import PropertyCounts

PLAIN = PropertyCounts("Sports", written=1200, unchanged=3, refused=1)
LEFT = PropertyCounts("Visits", written=2, taken_back=7)


def shown(*properties: PropertyCounts) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(properties_table(properties))
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_table_has_the_numbers_of_each_property() -> None:
    text = shown(PLAIN)
    assert "┃ Property ┃ written ┃ unchanged ┃ refused ┃" in text
    assert "│ Sports │ 1,200 │ 3 │ 1 │" in text


def test_what_was_taken_back_is_a_column_where_something_was() -> None:
    text = shown(PLAIN, LEFT)
    assert "│ Sports │ 1,200 │ 3 │ 1 │ 0 │" in text
    assert "│ Visits │ 2 │ 0 │ 0 │ 7 │" in text


@pytest.mark.parametrize(
    ("counts", "told"), [(PLAIN, "refused 1"), (LEFT, "refused 0, taken back 7")]
)
def test_a_log_says_it_in_one_line(counts: PropertyCounts, told: str) -> None:
    assert counts.sentence().endswith(told)
