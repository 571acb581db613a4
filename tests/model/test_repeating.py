"""Random worlds again: in other parts, interrupted anywhere, and over and over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_exchange.domain.fates import Fate
from profile_exchange.pipeline.upsert import upsert
from tests.model import profiles
from tests.model.interrupting import AGAIN, Interrupted, Interruptions
from tests.model.reality import Reality
from tests.model.state import comparable
from tests.model.story import beginning, by_rule, outcome, sound, told_alike, turned
from tests.model.worlds import World, worlds

#: Hypothesis takes minutes to shrink what it finds.
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(autouse=True, scope="module")
def little_is_much() -> Iterator[None]:
    """Let a pull be interrupted between its commits; what two profiles have is a common
    value, and one entry in a ledger is not few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("profile_exchange.pipeline.pull.PAGES_PER_COMMIT", 1)
        patch.setattr("profile_exchange.pipeline.matching.COMMON", 1)
        patch.setattr("profile_exchange.pipeline.contributions._FEW", 1)
        yield


@profiles.fewer(10)
@given(world=worlds())
def test_any_split_into_id_ranges_comes_to_the_same(reality: Reality, world: World) -> None:
    (chapter,) = world.chapters
    for parts in (1, 2, 3, 4):
        told_alike(replace(world, chapters=[replace(chapter, parts=parts)]), reality, sound)


#: How a step is taken: see `Interruptions`.
ways = st.lists(st.sampled_from([0, 1, *range(2, AGAIN + 12)]), min_size=1, max_size=8)


@profiles.fewer(5)
@given(world=worlds(runs=2), plan=ways)
def test_interrupted_and_repeated_steps_come_to_the_same(
    reality: Reality, world: World, plan: list[int]
) -> None:
    told_alike(world, reality, Interruptions(plan, reality.store_url))


@profiles.fewer(5)
@given(world=worlds(runs=2))
def test_a_run_again_creates_nobody_and_soon_changes_nothing(
    reality: Reality, world: World
) -> None:
    state = told_alike(world, reality, sound)
    skips = world.chapters[-1].goal["unmatched"] == "skip"
    for again in range(3):
        # Who was created last time is one of ours now: what is mapped to those comes once more.
        settled = skips or again > 0
        before = state.copy()
        expected = by_rule(world.chapters[-1], state)
        assert outcome(lambda: reality.run(sound)) == expected
        assert comparable(reality.state()) == comparable(state)
        if isinstance(expected, dict):
            assert Fate.CREATED not in expected.values()
            assert not settled or Fate.MODIFIED not in expected.values()
        assert not settled or comparable(state) == comparable(before)


@profiles.fewer(5)
@given(world=worlds(), packages=st.integers(0, 3))
def test_a_run_that_was_given_up_half_way_is_made_good_by_the_next(
    reality: Reality, world: World, packages: int
) -> None:
    (chapter,) = world.chapters
    state = beginning(world)
    reality.begin(world)
    turned(chapter, state, reality)
    expected = by_rule(chapter, state)
    left = packages

    def give_up(step: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal left
        if step is upsert:
            if left == 0:
                raise Interrupted
            left -= 1
        return sound(step, *arguments)

    try:
        assert outcome(lambda: reality.run(give_up)) == expected
    except Interrupted:
        reality.run(sound)
    if isinstance(expected, dict) and Fate.CREATED in expected.values():
        # Who was created by the half is one of ours to the next run: both have yet to be that.
        by_rule(chapter, state)
        reality.run(sound)
    assert comparable(reality.state()) == comparable(state)
