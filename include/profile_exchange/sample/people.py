"""Who the sample's people are, about which both tenants have to agree.

A profile's number is its place in its tenant. Profile ``i`` of Taylor Times is person ``2 i``,
or, as a second device, the person before. Profile ``i`` of Harbor Goods is the same person
``2 i`` where the tenants share one, otherwise person ``2 i + 1``, whom nobody else knows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from profile_exchange.sample.draws import Choices, Draws, Flags, Numbers
from profile_exchange.sample.fragments import Texts, texts
from profile_exchange.sample.vocabulary import FIRST_NAMES

SHARED_PEOPLE = 0.7
SAME_IDS = 0.1
SECOND_DEVICES = 0.05
BORROWED_MAILS = 0.02

_TWO = np.uint64(2)


class People:
    """What follows from the seed and a number alone, whichever tenant asks."""

    def __init__(self, seed: int) -> None:
        self._draws = Draws(seed, "people")

    def readers(self, profiles: Numbers) -> Numbers:
        """The people behind profiles of Taylor Times."""
        return np.asarray((profiles - self._second_devices(profiles).astype(np.uint64)) * _TWO)

    def customers(self, profiles: Numbers) -> Numbers:
        """The people behind profiles of Harbor Goods."""
        strangers = ~self._draws.happens("shared", profiles, SHARED_PEOPLE)
        return np.asarray(profiles * _TWO + strangers.astype(np.uint64))

    def mail_owners(self, profiles: Numbers) -> Numbers:
        """Whose mail address a profile of Harbor Goods has; some have that of the one before."""
        borrowed = self._draws.happens("borrowed mail", profiles, BORROWED_MAILS) & (profiles > 0)
        return self.customers(profiles - borrowed.astype(np.uint64))

    def reader_ids(self, profiles: Numbers) -> Texts:
        """The profile ids of Taylor Times."""
        return _written(self._ids("reader", profiles))

    def customer_ids(self, profiles: Numbers) -> Texts:
        """The profile ids of Harbor Goods; some shared people have the same id in both."""
        same = self._draws.happens("same id", profiles, SAME_IDS)
        same &= self.readers(profiles) == self.customers(profiles)
        ids = np.where(same, self._ids("reader", profiles), self._ids("customer", profiles))
        return _written(ids)

    def first_names(self, people: Numbers) -> Choices:
        """Places in `vocabulary.FIRST_NAMES`."""
        return self._draws.below("first name", people, len(FIRST_NAMES))

    def below(self, topic: str, people: Numbers, bound: int) -> Choices:
        """Anything else that belongs to a person."""
        return self._draws.below(topic, people, bound)

    def _second_devices(self, profiles: Numbers) -> Flags:
        return self._draws.happens("second device", profiles, SECOND_DEVICES) & (profiles > 0)

    def _ids(self, whose: str, profiles: Numbers) -> npt.NDArray[np.uint64]:
        """UUIDs of version 4, as two rows of 64 bits: spread evenly, as if random."""
        high = self._draws.bits(f"{whose} id, first half", profiles)
        low = self._draws.bits(f"{whose} id, second half", profiles)
        high = (high & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000)
        low = (low & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
        return np.stack([high, low])


def _written(ids: npt.NDArray[np.uint64]) -> Texts:
    """Each UUID's 32 hexadecimal digits."""
    digits = ids.T.astype(">u8").tobytes().hex()
    return texts(digits[start : start + 32] for start in range(0, len(digits), 32))
