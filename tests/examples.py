"""How many examples Hypothesis tries.

Each run of the tests tries others, so that a few of them do in everyday use. Before a release, and
after changes to what they are about, `pytest --hypothesis-profile=thorough` tries several times as
many, and `EXCHANGE_WORLDS` (`tests.model.profiles`) any number of worlds.
"""

from __future__ import annotations

from hypothesis import settings


def examples(thorough: int) -> int:
    """How many examples the profile tries of a test that tries so many when it is thorough."""
    share = settings.default.max_examples / settings.get_profile("thorough").max_examples
    return max(5, round(thorough * share))
