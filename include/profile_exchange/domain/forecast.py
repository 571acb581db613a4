"""What a run would do if it were let through the gate: figures, and a few profile ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.quarantine import REASONS


@dataclass(frozen=True, slots=True)
class PropertyForecast:
    """How many of the profiles that may be written would meet a target property in which way.

    ``filled`` have no value now and would get one, ``changed`` would have others, ``emptied``
    would have none any more, ``same`` would stay as they are.
    """

    filled: int = 0
    changed: int = 0
    emptied: int = 0
    same: int = 0


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much the two tenants share: of the profiles received and of ours, those that match.

    Several received profiles for one of ours count once.
    """

    received: int
    ours: int
    matched: int

    def sentence(self) -> str:
        """The overlap in one line."""
        return (
            f"Profiles of ours that match: {self.matched:,}, "
            f"{_share(self.matched, self.received)} of the {self.received:,} received and "
            f"{_share(self.matched, self.ours)} of our {self.ours:,}"
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole if whole else 0:.1%}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do: by fate, reason, segment and target property.

    ``segments`` counts a profile in each segment that it came in. ``sample`` holds a few ids of
    received profiles for each fate. ``stopped_by`` is the sentence of the limit that would stop
    the run at the gate, or empty.
    """

    counts: FateCounts
    reasons: Mapping[str, int]
    segments: Mapping[str, FateCounts]
    properties: Mapping[str, PropertyForecast]
    overlap: Overlap
    sample: Mapping[str, tuple[str, ...]]
    stopped_by: str = ""
    undecided: int = 0

    def sentence(self) -> str:
        """The counts in one line, for logs and the run's note."""
        counts = self.counts.as_dict()
        received = counts.pop("received")
        fates = ", ".join(f"{name} {number}" for name, number in counts.items())
        told = f"preview, nothing was written; would be: received {received} = {fates}"
        stopped = f". A run would be stopped: {self.stopped_by}" if self.stopped_by else ""
        if self.undecided:
            left = f"{self.undecided} would be sent to our tenant, which alone knows who they are"
            return f"{told}; {left}{stopped}"
        return f"{told}; {self.overlap.sentence()}{stopped}"

    def rejected_for(self) -> str:
        """What profiles would be rejected for, in one line; empty where none would be."""
        known = [(reason, self.reasons.get(reason.value, 0)) for reason in REASONS]
        told = [f"{reason.replace('_', ' ')} {number:,}" for reason, number in known if number]
        return f"Would be rejected for: {', '.join(told)}" if told else ""

    @property
    def digest(self) -> str:
        """SHA-256 of the figures: by it those that somebody saw are told from later ones."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The forecast as it is stored with the run."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Forecast:
        """The forecast as it was stored with the run."""
        segments = {name: FateCounts(**counts) for name, counts in stored["segments"].items()}
        properties = {
            name: PropertyForecast(**counts) for name, counts in stored["properties"].items()
        }
        return cls(
            counts=FateCounts(**stored["counts"]),
            reasons=stored["reasons"],
            segments=segments,
            properties=properties,
            overlap=Overlap(**stored["overlap"]),
            sample={fate: tuple(ids) for fate, ids in stored["sample"].items()},
            stopped_by=stored["stopped_by"],
            undecided=stored.get("undecided", 0),
        )
