"""Every received profile has one fate, and the counts add up."""

from __future__ import annotations

import pytest

from profile_exchange.domain.errors import CountsDisagree
from profile_exchange.domain.fates import Fate, FateCounts


def test_counts_come_from_a_mapping_and_missing_fates_are_zero() -> None:
    counts = FateCounts.of(5, {"created": 2, "unchanged": 3})
    assert (counts.received, counts.settled) == (5, 5)
    assert (counts.created, counts.unchanged, counts.withheld) == (2, 3, 0)
    assert counts.check() is counts


def test_the_sum_is_written_in_the_order_of_the_fates() -> None:
    assert list(FateCounts().as_dict()) == ["received", *(fate.value for fate in Fate)]


@pytest.mark.parametrize("unchanged", [2, 4])
def test_counts_that_do_not_add_up_are_an_error(unchanged: int) -> None:
    with pytest.raises(CountsDisagree, match="5 profiles were received but"):
        FateCounts.of(5, {"created": 2, "unchanged": unchanged}).check()
