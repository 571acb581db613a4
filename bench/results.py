"""What the rounds measured, and the figures that are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from measuring import Measurement, Spent

from profile_exchange.domain.fates import FateCounts

TARGET_RATIO = 1.5
TARGET_MEMORY = 256 * 2**20

#: What is compared: the phases of the project's run, and those of the floor that do the same.
STAGES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "pull": (("authenticate", "pull"), ("start", "pull")),
    "match": (
        ("join", "filter_by_consent", "validate", "map_properties", "gate"),
        ("match",),
    ),
    "write": (("upsert", "report"), ("merge", "drop")),
}
#: Pull, staging and merge: the project's steps that do this, and the floor's phases. The other
#: steps have nothing to be compared with: the floor gets a token and the starts of ranges without
#: a look at what is exposed, validates nothing, has no limits and keeps no record.
SHARED = ("pull", "join", "filter_by_consent", "map_properties", "upsert")
FLOORS = ("pull", "match", "merge")


@dataclass
class Results:
    """All rounds of both contenders, and the project's second run on what had not changed.

    ``repeated`` is how many rows of each table that second run wrote. ``peaks`` is the most
    memory that a process of each kind held, in bytes, and before that by its imports alone.
    """

    profiles: int
    project: list[Measurement] = field(default_factory=list)
    floor: list[Measurement] = field(default_factory=list)
    fates: FateCounts = field(default_factory=FateCounts)
    unchanged: Measurement = field(default_factory=Measurement)
    unchanged_fates: FateCounts = field(default_factory=FateCounts)
    repeated: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def stage(self, name: str) -> tuple[Spent, Spent]:
        """What the project and the floor took for a stage: medians."""
        ours, theirs = STAGES[name]
        return _median([run.of(ours) for run in self.project]), _median(
            [run.of(theirs) for run in self.floor]
        )

    def phase(self, name: str) -> Spent:
        """What one of the project's steps took: the median."""
        return _median([run.phases[name] for run in self.project])

    @property
    def totals(self) -> tuple[Spent, Spent]:
        """What whole runs took, the project's and the floor's: medians."""
        return _median([run.total for run in self.project]), _median(
            [run.total for run in self.floor]
        )

    @property
    def ratios(self) -> list[float]:
        """Project over floor in each round, whose two runs shared the machine's mood.

        Of what both do, `SHARED` over `FLOORS`: nothing else is work that the floor shows a way
        of doing faster.
        """
        pairs = zip(self.project, self.floor, strict=True)
        return [ours.of(SHARED).seconds / theirs.of(FLOORS).seconds for ours, theirs in pairs]

    @property
    def ratio(self) -> float:
        """Project over floor, of what both do: the median over the rounds."""
        return median(self.ratios)

    @property
    def whole_ratio(self) -> float:
        """The project's whole run over the whole floor: the median over the rounds."""
        pairs = zip(self.project, self.floor, strict=True)
        return median(ours.total.seconds / theirs.total.seconds for ours, theirs in pairs)

    @property
    def wal(self) -> tuple[float, float]:
        """Bytes of WAL, the project's and the floor's: medians."""
        return median(run.wal for run in self.project), median(run.wal for run in self.floor)

    @property
    def sound(self) -> bool:
        """Whether a second run wrote nothing to our profiles, and both wrote to the same."""
        return not any(self.repeated.values()) and self._alike

    @property
    def again(self) -> float:
        """An unchanged run over one that writes: plans made on old statistics show here."""
        return self.unchanged.total.seconds / self.totals[0].seconds

    @property
    def _alike(self) -> bool:
        """The floor rejects nothing, so it may write more, but never more than was rejected."""
        more = median(measured.written for measured in self.floor) - self.fates.modified
        return 0 <= more <= self.fates.rejected

    def as_json(self) -> dict[str, Any]:
        """The figures, for whoever keeps them."""
        return {
            "profiles": self.profiles,
            "rounds": len(self.project),
            "ratio": self.ratio,
            "ratios": self.ratios,
            "whole_ratio": self.whole_ratio,
            "project": _as_json(self.project),
            "floor": _as_json(self.floor),
            "wal_bytes": self.wal,
            "peak_memory_bytes": {name: peak for name, (peak, _) in self.peaks.items()},
            "fates": self.fates.as_dict(),
            "floor_wrote": median(measured.written for measured in self.floor),
            "unchanged": {
                "seconds": self.unchanged.total.seconds,
                "ratio": self.again,
                "wal_bytes": self.unchanged.wal,
                "rows_written": self.repeated,
                "fates": self.unchanged_fates.as_dict(),
            },
        }


def _median(spent: Sequence[Spent]) -> Spent:
    return Spent(median(one.seconds for one in spent), median(one.cpu for one in spent))


def _as_json(runs: Sequence[Measurement]) -> dict[str, Any]:
    phases = {name: _median([run.phases[name] for run in runs]) for name in runs[0].phases}
    return {name: asdict(spent) for name, spent in phases.items()}
