"""The JSON of the listings, as REST API v2 spells it. Profiles are written by PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.properties import ProfileProperty
from profile_exchange.domain.tenant import Objective, Segment
from profile_exchange.exposure.definitions import Dates
from profile_exchange.exposure.runs import PartnersRun, RunState


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_utc, return_type=str)]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Link(_Wire):
    """A link to another page."""

    href: str
    rel: str
    type: str = "application/json"


class SegmentResponse(_Wire):
    """An exposed segment. ``profileCount`` counts what is exposed of it, not what is in it."""

    id: str
    name: str
    description: str
    tags: tuple[str, ...]
    creation_date: Time | None
    last_modified_date: Time | None
    profile_count: int | None

    @classmethod
    def of(cls, segment: Segment, dates: Dates, profile_count: int | None) -> SegmentResponse:
        """A segment as it goes out; without a count if it could not be counted."""
        return cls(
            id=segment.id,
            name=segment.name,
            description=segment.description,
            tags=segment.tags,
            creation_date=dates.created_at,
            last_modified_date=dates.modified_at,
            profile_count=profile_count,
        )


class ProfilePropertyResponse(_Wire):
    """A profile property. ``indexed`` says that profiles may be linked on it.

    ``profileCount`` says how many profiles hold a value, to who may write it and asks for it alone.
    """

    id: str
    name: str
    description: str
    filter_type: str
    indexed: bool
    data_sensitivity: str
    tags: tuple[str, ...]
    creation_date: Time | None
    last_modified_date: Time | None
    profile_count: int | None = None

    @classmethod
    def of(cls, known: ProfileProperty, dates: Dates, *, linkable: bool) -> ProfilePropertyResponse:
        """A property as it goes out."""
        return cls(
            id=known.id,
            name=known.name,
            description=known.description,
            filter_type=known.filter_type.value,
            indexed=known.indexed and linkable,
            data_sensitivity=known.data_sensitivity.value,
            tags=known.tags,
            creation_date=dates.created_at,
            last_modified_date=dates.modified_at,
        )


class ObjectiveResponse(_Wire):
    """An objective that the connection is linked to."""

    id: str
    name: str
    title: str
    description: str
    objective_description: str
    needs_consent: bool
    legislations: tuple[str, ...]
    tags: tuple[str, ...]
    creation_date: Time | None
    last_modified_date: Time | None

    @classmethod
    def of(cls, objective: Objective, dates: Dates) -> ObjectiveResponse:
        """An objective as it goes out."""
        return cls(
            id=objective.id,
            name=objective.name,
            title=objective.title,
            description=objective.description,
            objective_description=objective.description,
            needs_consent=objective.needs_consent,
            legislations=objective.legislations,
            tags=objective.tags,
            creation_date=dates.created_at,
            last_modified_date=dates.modified_at,
        )


class _Listing(_Wire):
    items_per_page: int
    start_index: int
    total_pages: int
    total_results: int


class SegmentsResponse(_Listing):
    """One page of segments."""

    segments: tuple[SegmentResponse, ...]


class ProfilePropertiesResponse(_Listing):
    """One page of profile properties."""

    profile_properties: tuple[ProfilePropertyResponse, ...]


class ObjectivesResponse(_Listing):
    """One page of objectives."""

    objectives: tuple[ObjectiveResponse, ...]


class FoundProfile(_Wire):
    """A profile that a search found."""

    id: str


class FoundProfilesResponse(_Listing):
    """The profiles that a search found, a thousand of them at most."""

    profiles: tuple[FoundProfile, ...]


class PropertyValues(_Wire):
    """The values that a profile has for a property."""

    id: str
    values: tuple[str, ...]


class SegmentMembership(_Wire):
    """A segment that a profile is in."""

    id: str
    name: str


class ProfileResponse(_Wire):
    """One profile, as far as it may be seen."""

    id: str
    creation_date: Time | None = None
    privacy_legislation: str | None = None
    consented_objectives: tuple[str, ...]
    refused_objectives: tuple[str, ...]
    properties: tuple[PropertyValues, ...]
    segments: tuple[SegmentMembership, ...] | None = None


class GoalStatistic(_Wire):
    """How many goals of a run: of those that went well, that failed, or of all."""

    id: str
    values: tuple[str, ...]


class RunResponse(_Wire):
    """A run of the connection."""

    run_id: str
    run_count: int
    state: RunState
    start_date: Time
    end_date: Time | None = None
    goal_statistics: tuple[GoalStatistic, ...]

    @classmethod
    def of(cls, run: PartnersRun) -> RunResponse:
        """A run as it goes out."""
        return cls(
            run_id=run.run_id,
            run_count=run.number,
            state=run.state,
            start_date=run.started_at,
            end_date=run.finished_at,
            goal_statistics=tuple(
                GoalStatistic(id=name, values=(str(number),))
                for name, number in run.statistics().items()
            ),
        )


class RunsResponse(_Listing):
    """One page of runs, the newest first."""

    runs: tuple[RunResponse, ...]


class ConnectionResponse(_Wire):
    """The connection that the credentials are for."""

    id: str
    name: str
    is_enabled: bool = True
    schedule_mode: str = "SCHEDULED"
    tags: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    last_run: RunResponse | None = None

    @classmethod
    def of(cls, connection: Connection, last: PartnersRun | None) -> ConnectionResponse:
        """A connection as it goes out, without what is our own affair."""
        return cls(
            id=connection.id,
            name=connection.title,
            last_run=RunResponse.of(last) if last else None,
        )


class ConnectionsResponse(_Listing):
    """One page of connections: there is one."""

    connections: tuple[ConnectionResponse, ...]


class ProfilesResponse(_Wire):
    """One page of profiles. A list that is read in ranges is not counted, and has no totals."""

    items_per_page: int
    total_pages: int | None = None
    total_results: int | None = None
    cursor: str
    next_cursor: str | None = None
    links: tuple[Link, ...]
    profiles: tuple[ProfileResponse, ...]
