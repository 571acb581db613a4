"""How many worlds the tests of this folder try.

``EXCHANGE_WORLDS=thorough`` tries many more, for a night; any number tries that many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_ASKED = os.environ.get("EXCHANGE_WORLDS", "100")
WORLDS = 3000 if _ASKED == "thorough" else int(_ASKED)


def fewer(times: int) -> settings:
    """The settings of a test that takes so many times as long as the others for each world."""
    return settings(
        deadline=None,
        max_examples=max(5, WORLDS // times),
        # Explaining a failure takes hundreds of runs more, and tells nothing about SQL.
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


ALL = fewer(1)
