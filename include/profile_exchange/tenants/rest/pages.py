"""Pages of profiles. A page that a parser takes as a whole costs nothing but that.

Of any other, each profile is read by itself: one that cannot be read costs itself, never its page,
and a property that nobody asked for costs no profile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

import msgspec

from profile_exchange.pipeline.received import MalformedProfile, Page, ReceivedProfile
from profile_exchange.tenants.rest.outline import members, parts
from profile_exchange.tenants.rest.wire import UNREADABLE, WireLink, unreadable

Wire = TypeVar("Wire")
Otherwise = TypeVar("Otherwise")


class WireProfiles(msgspec.Struct, rename="camel"):
    """One page of profiles."""

    profiles: list[ReceivedProfile] | None = None
    next_cursor: str | None = None


class RawProfiles(msgspec.Struct, rename="camel"):
    """One page of profiles, each still unread."""

    profiles: list[msgspec.Raw] | None = None
    next_cursor: str | None = None


_profiles = msgspec.json.Decoder(WireProfiles)
_raw_profiles = msgspec.json.Decoder(RawProfiles)
_profile = msgspec.json.Decoder(ReceivedProfile)
_text = msgspec.json.Decoder(str)
_cursor = msgspec.json.Decoder(str | None)
_links = msgspec.json.Decoder(list[WireLink] | None)


def read_profiles(
    body: bytes, what: str, cursor: str | None = None, asked: Collection[str] = ()
) -> Page:
    """The page of ``what`` at ``cursor``, with what is to be told of profiles that are unreadable.

    ``asked`` are the properties that were asked for; without them all count as such.

    Raises `SourceUnavailable` for a page that breaks off, `ProtocolViolation` for one that is none.
    """
    try:
        page = _profiles.decode(body)
    except UNREADABLE:
        return _read_one_by_one(body, what, cursor, frozenset(asked))
    return Page(page.profiles or [], [], page.next_cursor or None)


def read_links(body: bytes, what: str) -> list[WireLink]:
    """What a page of profiles links to, whatever its profiles are like."""
    found = members(body)
    if not found:
        raise unreadable(body, what)
    return _decoded(_links, found.get(b"links", b"null"), []) or []


def _read_one_by_one(body: bytes, what: str, cursor: str | None, asked: frozenset[str]) -> Page:
    try:
        raw = _raw_profiles.decode(body)
        found: Iterable[bytes] = map(bytes, raw.profiles or ())
        after = raw.next_cursor
    except UNREADABLE:
        found, after = _outlined(body, what)
    profiles, malformed = [], []
    for position, text in enumerate(found):
        profile = _decoded(_profile, text, None)
        if profile is None and asked:
            profile = _decoded(_profile, _without_others(text, asked), None)
        if profile is not None:
            profiles.append(profile)
        else:
            known = _id_of(text) or f"{what} {cursor or '*'} {position}"
            malformed.append(MalformedProfile(known, value=text.decode("utf-8", "replace")))
    return Page(profiles, malformed, after or None)


def _without_others(text: bytes, asked: frozenset[str]) -> bytes:
    """A profile without the properties that were not asked for, as far as they say their id."""
    listed = members(text).get(b"properties", b"")
    properties = parts(listed) if listed.startswith(b"[") else None
    if not properties:
        return text
    kept = [each for each in properties if not (known := _id_of(each)) or known in asked]
    before, _, after = text.rpartition(listed)
    return b"%b[%b]%b" % (before, b",".join(kept), after)


def _outlined(body: bytes, what: str) -> tuple[list[bytes], str | None]:
    """The profiles of a page that is no JSON, and its next cursor."""
    page = members(body)
    listed = page.get(b"profiles", b"null")
    profiles = parts(listed) if listed.startswith(b"[") else []
    after = _decoded(_cursor, page.get(b"nextCursor", b"null"), _NO_CURSOR)
    if not page or profiles is None or after is _NO_CURSOR or listed[:1] not in b"[n":
        raise unreadable(body, what)
    return profiles, after


def _id_of(text: bytes) -> str:
    return _decoded(_text, members(text).get(b"id", b""), "")


#: Stands for a cursor that cannot be read, without which nobody knows how to go on.
_NO_CURSOR = "\0"


def _decoded(
    decoder: msgspec.json.Decoder[Wire], text: bytes, otherwise: Otherwise
) -> Wire | Otherwise:
    try:
        return decoder.decode(text)
    except UNREADABLE:
        return otherwise
