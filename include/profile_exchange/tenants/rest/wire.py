"""The JSON of the REST API v2, as far as an import reads it.

Fields that are not named here are ignored, lists may be missing or null.
"""

from __future__ import annotations

import math
from typing import TypeVar

import msgspec

from profile_exchange.domain.errors import ExchangeError, ProtocolViolation, SourceUnavailable
from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.pipeline.ports import ExposedSegment
from profile_exchange.tenants.rest.outline import broke_off

Wire = TypeVar("Wire")


class Token(msgspec.Struct):
    """The answer to a token request (RFC 6749, 5.1)."""

    access_token: str
    expires_in: float | str | None = None

    @property
    def lifetime(self) -> float | None:
        """In how many seconds it expires, however that is written; None if it does not say."""
        try:
            told = float("nan" if self.expires_in is None else self.expires_in)
        except ValueError:
            return None
        return told if math.isfinite(told) else None

    def __repr__(self) -> str:
        return "<Token>"


class WireSegment(msgspec.Struct, rename="camel"):
    """A segment; ``profileCount`` is absent when the tenant has not counted it yet."""

    id: str
    name: str | None = None
    profile_count: int | None = None

    def to_port(self) -> ExposedSegment:
        """The segment as the pipeline knows it."""
        return ExposedSegment(self.id, self.name or self.id, self.profile_count)


class WireSegments(msgspec.Struct, rename="camel"):
    """One page of segments."""

    segments: list[WireSegment] | None = None
    total_results: int | None = None


class WireProperty(msgspec.Struct, rename="camel"):
    """A profile property; an unknown filter type is read as text."""

    id: str
    name: str | None = None
    filter_type: str | None = None
    indexed: bool | None = None
    data_sensitivity: str | None = None
    tags: list[str] | None = None
    description: str | None = None
    profile_count: int | None = None

    def to_domain(self) -> ProfileProperty:
        """The property as the domain knows it."""
        return ProfileProperty(
            id=self.id,
            name=self.name or self.id,
            filter_type=FilterType.__members__.get(self.filter_type or "", FilterType.SELECT),
            indexed=bool(self.indexed),
            data_sensitivity=DataSensitivity.PII
            if self.data_sensitivity == "PII"
            else DataSensitivity.NON_PII,
            tags=tuple(self.tags or ()),
            description=self.description or "",
        )


class WireProperties(msgspec.Struct, rename="camel"):
    """One page of profile properties."""

    profile_properties: list[WireProperty] | None = None
    total_results: int | None = None


class WireObjective(msgspec.Struct):
    """An objective; its consents come with the profiles."""

    id: str


class WireObjectives(msgspec.Struct, rename="camel"):
    """One page of objectives."""

    objectives: list[WireObjective] | None = None
    total_results: int | None = None


class WireId(msgspec.Struct):
    """A profile that was found."""

    id: str


class WireFound(msgspec.Struct):
    """The profiles that were found by unique identifiers."""

    profiles: list[WireId] | None = None


class WireLink(msgspec.Struct):
    """A related address."""

    href: str = ""
    rel: str = ""


#: What msgspec raises for a text that it does not take.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(body: bytes, shape: type[Wire], what: str) -> Wire:
    """A body as ``shape``. Raises what `unreadable` says."""
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        raise unreadable(body, what) from None


def unreadable(body: bytes, what: str) -> ExchangeError:
    """What is wrong with a body, without repeating any of it: it broke off, or is no answer."""
    if broke_off(body):
        return SourceUnavailable(f"The answer to {what} broke off; asking for it again.")
    return ProtocolViolation(
        f"The other tenant's answer to {what} is not what REST API v2 describes: "
        "check that the host name leads to a BlueConic tenant."
    )
