"""The plan of a run: what authenticate found, so that every later step works from one truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from profile_exchange.domain.properties import FilterType, ProfileProperty


@dataclass(frozen=True, slots=True)
class PlannedProperty:
    """What the plan keeps of a property: enough to check values and to create a target."""

    id: str
    name: str
    filter_type: FilterType
    data_sensitivity: str
    tags: tuple[str, ...]

    @classmethod
    def of(cls, known: ProfileProperty) -> PlannedProperty:
        """What the plan keeps of a property that is exposed."""
        return cls(known.id, known.name, known.filter_type, known.data_sensitivity, known.tags)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run imports, fixed when it starts.

    ``segments`` are the other tenant's segment ids, in the order that staging numbers them;
    ``sources`` their properties by id; ``targets`` the type of each target property;
    ``identifier_types`` the types of our linked identifiers; ``ranges`` whether the source can
    be pulled by id ranges.
    """

    segments: tuple[str, ...]
    sources: Mapping[str, PlannedProperty]
    targets: Mapping[str, FilterType]
    identifier_types: Mapping[str, FilterType]
    parts: int
    ranges: bool

    def as_json(self) -> dict[str, Any]:
        """The plan as it is stored with the run."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Plan:
        """The plan as it was stored with the run."""
        sources = {
            key: PlannedProperty(
                id=value["id"],
                name=value["name"],
                filter_type=FilterType(value["filter_type"]),
                data_sensitivity=value["data_sensitivity"],
                tags=tuple(value["tags"]),
            )
            for key, value in stored["sources"].items()
        }
        return cls(
            segments=tuple(stored["segments"]),
            sources=sources,
            targets={key: FilterType(value) for key, value in stored["targets"].items()},
            identifier_types={k: FilterType(v) for k, v in stored["identifier_types"].items()},
            parts=stored["parts"],
            ranges=stored["ranges"],
        )
