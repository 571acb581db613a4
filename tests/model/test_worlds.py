"""Random tenants and connections: the pipeline does what the model of the rules says."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.model import profiles
from tests.model.reality import Reality
from tests.model.story import sound, told_alike
from tests.model.worlds import World, worlds
from tests.pipeline.exchange import at_once

#: Hypothesis takes minutes to shrink what it finds.
pytestmark = pytest.mark.timeout(3600)


@profiles.ALL
@given(world=worlds())
def test_a_run_is_what_the_rules_say(reality: Reality, world: World) -> None:
    told_alike(world, reality, sound)


@profiles.fewer(5)
@given(world=worlds(runs=4))
def test_runs_in_a_row_are_what_the_rules_say(reality: Reality, world: World) -> None:
    told_alike(world, reality, sound)


@profiles.fewer(5)
@given(world=worlds(malformed=True))
def test_malformed_values_reject_their_profile_and_no_other(reality: Reality, world: World) -> None:
    told_alike(world, reality, at_once)
