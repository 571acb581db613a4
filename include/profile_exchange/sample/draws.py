"""Chance that can be asked again: the same answer for the same question, on every machine.

A draw depends on the seed, a topic and a number, and on nothing drawn before. So a sample can be
generated in any order and in blocks of any size, ten thousand profiles are the first of a
million, and both tenants agree about a person without asking each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Choices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_FRACTION_BITS = 53
_SPARE_BITS = np.uint64(64 - _FRACTION_BITS)


class Draws:
    """The draws of one seed and realm, such as a tenant: realms do not know of each other.

    Numbers are those of people or profiles; there is one draw for each.
    """

    def __init__(self, seed: int, realm: str) -> None:
        self._seed = f"{seed}/{realm}"

    def bits(self, topic: str, numbers: Numbers) -> Numbers:
        """64 random bits each: SplitMix64, started at a place of the topic's own."""
        digest = hashlib.sha256(f"{self._seed}/{topic}".encode()).digest()
        mixed = numbers * _STEP + np.uint64(int.from_bytes(digest[:8], "big"))
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))

    def below(self, topic: str, numbers: Numbers, bound: int | Choices) -> Choices:
        """Whole numbers from 0 up to, not including, ``bound``."""
        bounds = np.asarray(bound, dtype=np.uint64)
        return (self.bits(topic, numbers) % bounds).astype(np.int64)

    def happens(self, topic: str, numbers: Numbers, share: float) -> Flags:
        """True for this share of the numbers."""
        limit = np.uint64(round(share * (1 << _FRACTION_BITS)))
        return np.asarray(self.bits(topic, numbers) >> _SPARE_BITS < limit)

    def among(self, topic: str, numbers: Numbers, shares: Sequence[float]) -> Choices:
        """Places in ``shares``, each as often as it says; one place more for what is left of 1."""
        limits = np.cumsum([round(share * (1 << _FRACTION_BITS)) for share in shares])
        drawn = (self.bits(topic, numbers) >> _SPARE_BITS).astype(np.int64)
        return np.searchsorted(limits, drawn, side="right")
