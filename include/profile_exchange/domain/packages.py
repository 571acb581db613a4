"""Splitting profiles into parts by their id, evenly and always the same way."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

_SPACE = 1 << 128


@dataclass(frozen=True, slots=True)
class IdRange:
    """Part ``part`` (from 0) of ``parts`` equal ranges over all profile ids."""

    part: int
    parts: int

    def __post_init__(self) -> None:
        if not 0 <= self.part < self.parts:
            raise ValueError(f"part {self.part} of {self.parts} does not exist")

    @property
    def first(self) -> UUID:
        """The smallest id in the range."""
        return UUID(int=self.part * _SPACE // self.parts)

    @property
    def last(self) -> UUID:
        """The largest id in the range."""
        return UUID(int=(self.part + 1) * _SPACE // self.parts - 1)


def parts_for(profiles: int, profiles_per_part: int, max_parts: int) -> int:
    """How many parts a number of profiles is split into: at least 1, at most ``max_parts``."""
    return max(1, min(max_parts, -(-profiles // profiles_per_part)))
