"""When profiles were made and changed, where people live, and what they said about consent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import product

import numpy as np

from profile_exchange.sample.draws import Draws, Numbers
from profile_exchange.sample.fragments import Texts, texts

#: The sample's present. Fixed, so that the sample is the same whenever it is made.
LAST_DAY = date(2025, 6, 30)

#: The days up to the last one as they are written, the latest first.
DAYS = texts(str(LAST_DAY - timedelta(days=ago)) for ago in range(2200))

_ZONES = texts(("GDPR", "CCPA", "NONE"))
_ZONE_SHARES = (0.6, 0.25)
_HALF_DAY = 12 * 60 * 60

#: What people can say about an objective; the third answer is none.
_CONSENTED, _REFUSED, _ANSWERS = 0, 1, 3


def _times(first_hour: int) -> Texts:
    seconds = range(first_hour * 3600, first_hour * 3600 + _HALF_DAY)
    return texts(f" {s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}+00" for s in seconds)


#: Profiles are made before noon and change after it: never the other way about in one day.
_MORNING = _times(0)
_AFTERNOON = _times(12)


def timestamps(draws: Draws, profiles: Numbers) -> tuple[Texts, Texts]:
    """When profiles were created, and when they were last modified."""
    created = draws.below("created, days ago", profiles, len(DAYS))
    modified = draws.below("modified, days ago", profiles, created + 1)
    morning = draws.below("created, second", profiles, _HALF_DAY)
    afternoon = draws.below("modified, second", profiles, _HALF_DAY)
    return (
        DAYS[created] + _MORNING[morning],
        DAYS[modified] + _AFTERNOON[afternoon],
    )


def zones(draws: Draws, profiles: Numbers) -> Texts:
    """Privacy legislation zones."""
    return _ZONES[draws.among("zone", profiles, _ZONE_SHARES)]


def objectives(
    draws: Draws, profiles: Numbers, answers: Mapping[str, tuple[float, float]]
) -> tuple[Texts, Texts]:
    """Consented and refused objectives, as PostgreSQL arrays.

    ``answers`` holds for each objective the shares that consented and that refused; what these
    leave of 1 never said anything.
    """
    said = np.zeros(len(profiles), dtype=np.int64)
    for objective, shares in answers.items():
        said = said * _ANSWERS + draws.among(f"consent to {objective}", profiles, shares)
    combinations = list(product(range(_ANSWERS), repeat=len(answers)))
    consented, refused = (
        texts(_array(tuple(answers), combination, answer) for combination in combinations)
        for answer in (_CONSENTED, _REFUSED)
    )
    return consented[said], refused[said]


def _array(objectives: tuple[str, ...], answers: tuple[int, ...], wanted: int) -> str:
    named = [one for one, answer in zip(objectives, answers, strict=True) if answer == wanted]
    return f"{{{','.join(named)}}}"
