"""How many profiles are worth reading for a page that may be so many bytes large.

PostgreSQL writes the JSON of every profile that it reads for a page, and a page ends when it is
large enough. So no more are read than are likely to fit, by how large those of the last page of
the same list were.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

#: Read so many times as many as fit on an average, and some more: profiles differ.
SPARE = 1.25
AT_LEAST = 16
MAX_LISTS = 1_000


class PageSizes:
    """What one worker has seen of each list lately."""

    def __init__(self) -> None:
        self._bytes_a_profile: OrderedDict[int, float] = OrderedDict()

    def worth_reading(self, of_list: Hashable, count: int, most_bytes: int) -> int:
        """How many profiles to read of a list when ``count`` are asked for."""
        average = self._bytes_a_profile.get(hash(of_list))
        if average is None:
            return count
        return min(count, AT_LEAST + int(SPARE * most_bytes / average))

    def saw(self, of_list: Hashable, profiles: int, size: int) -> None:
        """A page of a list had so many profiles and bytes."""
        if not profiles:
            return
        self._bytes_a_profile[hash(of_list)] = max(1.0, size / profiles)
        self._bytes_a_profile.move_to_end(hash(of_list))
        while len(self._bytes_a_profile) > MAX_LISTS:
            self._bytes_a_profile.popitem(last=False)
