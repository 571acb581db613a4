"""Another tenant held in memory, and profiles as case files write them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from profile_exchange.domain.errors import SourceUnavailable
from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.pipeline.plan import Span
from profile_exchange.pipeline.ports import ExposedSegment
from profile_exchange.pipeline.received import Page, PropertyValues, ReceivedProfile

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
EVERYBODY = "everybody"


def profile_id(name: object) -> uuid.UUID:
    """A UUID for a short name; whole numbers keep their order as ids."""
    if isinstance(name, int):
        return uuid.UUID(int=name << 96)
    return uuid.uuid5(uuid.NAMESPACE_OID, str(name))


def new_profile_id(name: object, seq: int) -> uuid.UUID:
    """The id of the profile of ours that a run creates from one of theirs."""
    text = f"taylor-times:{seq}:{profile_id(name)}"
    return uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


@dataclass
class InMemorySource:
    """Another tenant, as the pipeline's `Source` port describes it, with small pages."""

    profiles: Sequence[Mapping[str, Any]]
    known: Sequence[ProfileProperty]
    segment_ids: Sequence[str] = (EVERYBODY,)
    page_size: int = 2
    ranged: bool = True
    time: datetime | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def authenticate(self) -> None:
        """Everybody is let in."""

    def segments(self) -> Sequence[ExposedSegment]:
        number = len(self.profiles)
        return [ExposedSegment(key, self.names.get(key, key), number) for key in self.segment_ids]

    def properties(self) -> Sequence[ProfileProperty]:
        return self.known

    def objectives(self) -> Sequence[str]:
        both = [(p.get("consented", []), p.get("refused", [])) for p in self.profiles]
        return sorted({name for lists in both for names in lists for name in names})

    def now(self) -> datetime | None:
        return self.time

    def ranges(
        self, segment: str, parts: int, modified: Sequence[Span] = ()
    ) -> Sequence[str] | None:
        space = 1 << 128
        starts = [(k * space // parts, (k + 1) * space // parts) for k in range(parts)]
        return [f"{first}-{end}" for first, end in starts] if self.ranged else None

    def page(
        self,
        segment: str,
        cursor: str | None,
        properties: Sequence[str],
        modified: Sequence[Span] = (),
    ) -> Page:
        first, end = map(int, (cursor or f"0-{1 << 128}").split("-"))
        chosen = sorted(
            (profile_id(p["id"]).int, place)
            for place, p in enumerate(self.profiles)
            if segment in p.get("segments", [EVERYBODY]) and first <= profile_id(p["id"]).int < end
            if not modified or _within(p, modified)
        )
        page = chosen[: self.page_size]
        more = chosen[self.page_size :]
        cursor = f"{more[0][0]}-{end}" if more else None
        received = [_received(self.profiles[place], properties) for _, place in page]
        return Page(received, [], cursor)


def _received(given: Mapping[str, Any], properties: Sequence[str]) -> ReceivedProfile:
    values = properties_of(given)
    if "modified" in given and "lastmodifieddate" in properties:
        values["lastmodifieddate"] = [_modified(given)]
    return ReceivedProfile(
        id=str(profile_id(given["id"])),
        creation_date=NOW,
        privacy_legislation=given.get("zone"),
        consented_objectives=given.get("consented"),
        refused_objectives=given.get("refused"),
        properties=[
            PropertyValues(key, value) for key, value in values.items() if key in properties
        ],
    )


def _within(given: Mapping[str, Any], spans: Sequence[Span]) -> bool:
    if not _modified(given).isdigit():
        return False
    moment = _moment(given)
    return any(s.earliest <= moment and (not s.latest or moment <= s.latest) for s in spans)


def _moment(given: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(_modified(given)) / 1000, UTC)


def _modified(given: Mapping[str, Any]) -> str:
    """When a profile was modified, as its tenant writes it; YAML reads dates as such."""
    moment = given.get("modified", NOW)
    if isinstance(moment, datetime):
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return str(int(aware.timestamp() * 1000))
    return str(moment)


#: What a profile in a case file says beside its properties.
ENVELOPE = {"id", "segments", "zone", "consented", "refused", "modified"}


def properties_of(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """The properties of a profile in a case file; one value needs no list."""
    return {
        key: [str(v) for v in value] if isinstance(value, list) else [str(value)]
        for key, value in given.items()
        if key not in ENVELOPE
    }


def described(types: Mapping[str, str | Mapping[str, Any]]) -> list[ProfileProperty]:
    """Properties from ``{id: type}``; a type with a ``!`` marks a unique identifier.

    Instead of a type alone: a mapping with ``type``, and any of name, sensitivity and tags.
    """
    return [_described(key, told) for key, told in types.items()]


def _described(key: str, told: str | Mapping[str, Any]) -> ProfileProperty:
    more: Mapping[str, Any] = {"type": told} if isinstance(told, str) else told
    kind = more["type"]
    return ProfileProperty(
        id=key,
        name=more.get("name", key),
        filter_type=FilterType(kind.rstrip("!")),
        indexed=kind.endswith("!"),
        data_sensitivity=DataSensitivity(more.get("sensitivity", "NON_PII")),
        tags=tuple(more.get("tags", ())),
    )


class BreakingOff:
    """A source that goes away after a number of pages."""

    def __init__(self, source: InMemorySource, pages: int) -> None:
        self._source = source
        self._pages = pages

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def page(self, *asked: Any, **options: Any) -> Page:
        if self._pages == 0:
            raise SourceUnavailable("The other tenant broke off.")
        self._pages -= 1
        return self._source.page(*asked, **options)
