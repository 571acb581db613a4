"""Profiles as they come over the wire (schema ``profile`` of the REST API v2).

None of them shows what it holds when it is printed, be it by a traceback with local variables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec


class PropertyValues(msgspec.Struct, gc=False):
    """One profile property and its list of values."""

    id: str
    values: list[str] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class ReceivedProfile(msgspec.Struct, rename="camel", gc=False):
    """A profile as another tenant sends it; fields that we do not know are ignored."""

    id: str
    creation_date: datetime | None = None
    privacy_legislation: str | None = None
    consented_objectives: list[str] | None = None
    refused_objectives: list[str] | None = None
    properties: list[PropertyValues] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class MalformedProfile(msgspec.Struct):
    """A profile that cannot be read or stored. Nothing of it is kept but its id, if it has one.

    Without one, ``id`` is where it stood: the same text when the same page is asked for again.
    ``rule`` is what it broke; ``value`` the text that did, of which only a fingerprint is kept,
    and ``property_id`` the property that held it, if one did.
    """

    id: str
    rule: str = "readable"
    property_id: str = ""
    value: str = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the profiles of a segment."""

    profiles: list[ReceivedProfile] = field(repr=False)
    malformed: list[MalformedProfile] = field(repr=False)
    next_cursor: str | None
