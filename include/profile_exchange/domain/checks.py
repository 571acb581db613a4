"""What came of asking the other tenant: whether it lets us in, and what it exposes to us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A tenant that a check is asking: the other one, or our own where it is not hosted here."""

    name: str
    host: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A segment of the other tenant's; ``profiles`` is None where it does not say how many."""

    id: str
    name: str
    profiles: int | None


@dataclass(frozen=True, slots=True)
class FoundProperty:
    """A profile property of the other tenant's; ``type`` is its filter type."""

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is exposed to us, and what the import goal names beyond that (``missing``)."""

    segments: tuple[FoundSegment, ...] = ()
    properties: tuple[FoundProperty, ...] = ()
    identifiers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as it is stored, and printed."""
        return {
            "segments": [asdict(each) for each in self.segments],
            "properties": [asdict(each) for each in self.properties],
            "identifiers": list(self.identifiers),
            "missing": list(self.missing),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Found:
        """The same as it was stored."""
        return cls(
            segments=tuple(FoundSegment(**each) for each in stored["segments"]),
            properties=tuple(FoundProperty(**each) for each in stored["properties"]),
            identifiers=tuple(stored["identifiers"]),
            missing=tuple(stored["missing"]),
        )


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The last time that the other tenant was asked; ``failure`` is why it did not let us in.

    ``found`` is what it exposed when it last did, None if it never has.
    """

    at: datetime
    authenticated: bool
    failure: str = ""
    found: Found | None = None
