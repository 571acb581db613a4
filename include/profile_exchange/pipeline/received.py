"""Profiles as they come over the wire (schema ``profile`` of the REST API v2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec


class PropertyValues(msgspec.Struct, gc=False):
    """One profile property and its list of values."""

    id: str
    values: list[str] | None = None


class ReceivedProfile(msgspec.Struct, rename="camel", gc=False):
    """A profile as another tenant sends it; fields that we do not know are ignored."""

    id: str
    creation_date: datetime | None = None
    privacy_legislation: str | None = None
    consented_objectives: list[str] | None = None
    refused_objectives: list[str] | None = None
    properties: list[PropertyValues] | None = None


class MalformedProfile(msgspec.Struct):
    """A profile that cannot be read or stored. Nothing of it is kept but its id, if it has one.

    ``rule`` is what it broke; ``value`` the text that did, of which only a fingerprint is kept,
    and ``property_id`` the property that held it, if one did.
    """

    id: str
    rule: str = "readable"
    property_id: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the profiles of a segment."""

    profiles: list[ReceivedProfile]
    malformed: list[MalformedProfile]
    next_cursor: str | None
