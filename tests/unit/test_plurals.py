"""A number stands beside the right noun."""

from __future__ import annotations

import pytest

from profile_exchange.domain.plurals import plural


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0 profiles"), (1, "1 profile"), (1200, "1,200 profiles")]
)
def test_a_noun_is_of_one_or_of_several(count: int, told: str) -> None:
    assert plural(count, "profile") == told


def test_a_noun_can_say_how_several_are_called() -> None:
    assert plural(1, "entry", "entries") == "1 entry"
    assert plural(2, "entry", "entries") == "2 entries"
