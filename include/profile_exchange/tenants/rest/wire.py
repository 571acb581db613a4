"""The JSON of the REST API v2, as far as an import reads it.

Fields that are not named here are ignored, lists may be missing, and properties come in any
order. A profile that cannot be read costs itself, never its page.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from profile_exchange.domain.errors import ProtocolViolation
from profile_exchange.domain.properties import DataSensitivity, FilterType, ProfileProperty
from profile_exchange.pipeline.ports import ExposedSegment
from profile_exchange.pipeline.received import MalformedProfile, Page, ReceivedProfile

Wire = TypeVar("Wire")


class Token(msgspec.Struct):
    """The answer to a token request (RFC 6749, 5.1)."""

    access_token: str
    expires_in: int = 3600


class WireSegment(msgspec.Struct, rename="camel"):
    """A segment; ``profileCount`` is absent when the tenant has not counted it yet."""

    id: str
    name: str = ""
    profile_count: int | None = None

    def to_port(self) -> ExposedSegment:
        """The segment as the pipeline knows it."""
        return ExposedSegment(self.id, self.name or self.id, self.profile_count)


class WireSegments(msgspec.Struct, rename="camel"):
    """One page of segments."""

    segments: list[WireSegment] = []
    total_results: int | None = None


class WireProperty(msgspec.Struct, rename="camel"):
    """A profile property; an unknown filter type is read as text."""

    id: str
    name: str = ""
    filter_type: str = "SELECT"
    indexed: bool = False
    data_sensitivity: str = "NON_PII"
    tags: list[str] = []
    description: str = ""

    def to_domain(self) -> ProfileProperty:
        """The property as the domain knows it."""
        known = self.filter_type in FilterType.__members__
        return ProfileProperty(
            id=self.id,
            name=self.name or self.id,
            filter_type=FilterType(self.filter_type) if known else FilterType.SELECT,
            indexed=self.indexed,
            data_sensitivity=DataSensitivity.PII
            if self.data_sensitivity == "PII"
            else DataSensitivity.NON_PII,
            tags=tuple(self.tags),
            description=self.description,
        )


class WireProperties(msgspec.Struct, rename="camel"):
    """One page of profile properties."""

    profile_properties: list[WireProperty] = []
    total_results: int | None = None


class WireObjective(msgspec.Struct):
    """An objective; its consents come with the profiles."""

    id: str


class WireObjectives(msgspec.Struct, rename="camel"):
    """One page of objectives."""

    objectives: list[WireObjective] = []
    total_results: int | None = None


class WireLink(msgspec.Struct):
    """A related address."""

    href: str = ""
    rel: str = ""


class WireLinks(msgspec.Struct):
    """What a page of profiles says besides its profiles."""

    links: list[WireLink] = []


class WireProfiles(msgspec.Struct, rename="camel"):
    """One page of profiles."""

    profiles: list[ReceivedProfile] = []
    next_cursor: str | None = None


class RawProfiles(msgspec.Struct, rename="camel"):
    """One page of profiles, each still unread."""

    profiles: list[msgspec.Raw] = []
    next_cursor: str | None = None


class _OnlyId(msgspec.Struct):
    id: str = ""


_profiles = msgspec.json.Decoder(WireProfiles)
_raw_profiles = msgspec.json.Decoder(RawProfiles)
_profile = msgspec.json.Decoder(ReceivedProfile)
_only_id = msgspec.json.Decoder(_OnlyId)


def read(body: bytes, shape: type[Wire], what: str) -> Wire:
    """A body as ``shape``. Raises `ProtocolViolation` without repeating any of it."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProtocolViolation(
            f"The other tenant's answer to {what} is not what REST API v2 describes: "
            "check that the host name leads to a BlueConic tenant."
        ) from None


def read_profiles(body: bytes, what: str) -> Page:
    """A page of profiles; those that cannot be read are named by id only."""
    try:
        page = _profiles.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_one_by_one(body, what)
    return Page(page.profiles, [], page.next_cursor or None)


def _read_one_by_one(body: bytes, what: str) -> Page:
    try:
        page = _raw_profiles.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # A broken stream ends in the middle of the JSON: the caller asks for the page again.
        raise ProtocolViolation(
            f"The other tenant's answer to {what} is not the JSON that REST API v2 describes."
        ) from None
    profiles, malformed = [], []
    for position, raw in enumerate(page.profiles):
        try:
            profiles.append(_profile.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError):
            known = _id_of(raw) or f"{what} {position}"
            malformed.append(MalformedProfile(known, value=bytes(raw).decode("utf-8", "replace")))
    return Page(profiles, malformed, page.next_cursor or None)


def _id_of(raw: msgspec.Raw) -> str:
    try:
        return _only_id.decode(raw).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
