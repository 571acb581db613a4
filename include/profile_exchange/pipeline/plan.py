"""The plan of a run: what authenticate found, so that every later step works from one truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
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
class SegmentChanges:
    """Ids of segments that are new since the last successful run, and of those that went."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def sentence(self) -> str:
        """What changed, or nothing."""
        told = [("new", self.new), ("gone", self.gone)]
        return "; ".join(f"segments {word}: {', '.join(names)}" for word, names in told if names)


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time by the other tenant's clock, both ends included; it may have no end."""

    earliest: datetime
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedPull:
    """Which profiles a run asks for: all, or those changed since a moment of their clock.

    ``why_complete`` is why everything is pulled where only changes were to be; ``fingerprint``
    is of all that decides what an unchanged profile comes to. ``again`` are the spans in which
    profiles were modified that wait to be let in (`pipeline.waiting`). ``source_time`` is when the
    run started by their clock, ``complete_at`` when the last complete pull started by ours. All
    are empty for a connection that always pulls everything.
    """

    changed_since: datetime | None = None
    again: tuple[Span, ...] = ()
    why_complete: str = ""
    fingerprint: str = ""
    source_time: datetime | None = None
    complete_at: datetime | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        """When a profile has to have been modified to be asked for; empty for every profile."""
        return (Span(self.changed_since), *self.again) if self.changed_since else ()

    def sentence(self) -> str:
        """What was asked for, or nothing if that is all there ever is."""
        if self.changed_since:
            again = " and what waited for a match or a consent of ours" if self.again else ""
            return f"pulled what changed since {self.changed_since:%Y-%m-%d %H:%M:%S %Z}{again}"
        return f"pulled everything, because {self.why_complete}" if self.why_complete else ""

    def as_json(self) -> dict[str, Any]:
        """The same with times as text."""
        return {
            **{
                key: value.isoformat() if isinstance(value, datetime) else value
                for key, value in asdict(self).items()
            },
            "again": [[_told(span.earliest), _told(span.latest)] for span in self.again],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> PlannedPull:
        """The same with times as times."""
        times = ("changed_since", "source_time", "complete_at")
        read = {key: datetime.fromisoformat(stored[key]) for key in times if stored[key]}
        again = tuple(Span(*map(datetime.fromisoformat, span)) for span in stored["again"])
        return cls(**{**stored, **read, "again": again})


def _told(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run imports, fixed when it starts.

    ``segments`` are the other tenant's segment ids, in the order that staging numbers them, and
    ``segment_names`` what it calls them;
    ``sources`` their properties by id; ``targets`` the type of each target property;
    ``identifier_types`` the types of our linked identifiers; ``ranges`` whether the source can
    be pulled by id ranges. ``segment_changes`` compares with the last successful run.
    ``remote`` is that our profiles are behind REST API v2, so that only writing tells who they
    are; ``visitors`` is our tenant's segment of everybody who has visited a channel.
    ``configured`` is a fingerprint of the configuration that the run was started with
    (`pipeline.configured`).
    """

    segments: tuple[str, ...]
    segment_names: tuple[str, ...]
    sources: Mapping[str, PlannedProperty]
    targets: Mapping[str, FilterType]
    identifier_types: Mapping[str, FilterType]
    parts: int = 1
    ranges: bool = False
    segment_changes: SegmentChanges = SegmentChanges()
    pull: PlannedPull = PlannedPull()
    remote: bool = False
    visitors: str = ""
    configured: str = ""

    def told(self) -> tuple[str, ...]:
        """What is worth telling of a run beside its counts: what differs from run to run."""
        sentences = (self.pull.sentence(), self.segment_changes.sentence())
        return tuple(sentence for sentence in sentences if sentence)

    def as_json(self) -> dict[str, Any]:
        """The plan as it is stored with the run."""
        return {**asdict(self), "pull": self.pull.as_json()}

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
            segment_names=tuple(stored["segment_names"]),
            sources=sources,
            targets={key: FilterType(value) for key, value in stored["targets"].items()},
            identifier_types={k: FilterType(v) for k, v in stored["identifier_types"].items()},
            parts=stored["parts"],
            ranges=stored["ranges"],
            segment_changes=SegmentChanges(
                **{key: tuple(names) for key, names in stored["segment_changes"].items()}
            ),
            pull=PlannedPull.from_json(stored["pull"]),
            remote=stored.get("remote", False),
            visitors=stored.get("visitors", ""),
            configured=stored.get("configured", ""),
        )
