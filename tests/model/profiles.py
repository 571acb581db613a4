"""How many worlds the tests of this folder try.

As many as Hypothesis' profile says (`tests.examples`). ``EXCHANGE_WORLDS=thorough`` tries many
more, for a night; any number tries that many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.examples import examples

_ASKED = os.environ.get("EXCHANGE_WORLDS", examples(100))
WORLDS = 3000 if _ASKED == "thorough" else int(_ASKED)


def fewer(times: int) -> settings:
    """The settings of a test that takes so many times as long as the others for each world."""
    return settings(
        max_examples=max(5, WORLDS // times),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


ALL = fewer(1)
