"""Staged rows: received profiles as COPY text for ``staged``, and those that cannot be stored."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.moments import milliseconds_of
from profile_exchange.domain.properties import LAST_MODIFIED_DATE
from profile_exchange.domain.tenant import LEGISLATIONS
from profile_exchange.pipeline.received import (
    MalformedProfile,
    Page,
    PropertyValues,
    ReceivedProfile,
)

#: The columns of ``staged`` in the order of a row.
COLUMNS = (
    "profile_id",
    "part",
    "segment",
    "created_at",
    "modified",
    "privacy_legislation",
    "consented_objectives",
    "refused_objectives",
    "properties",
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: Stands for a profile whose id is no UUID, so that it can be counted.
_MALFORMED_IDS = uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
_LAST_YEAR = 9999
_NOTHING: tuple[str, ...] = ()

_encode = msgspec.json.Encoder().encode


class Known:
    """The rows that a task has staged of earlier segments, to stage the very same only once.

    Of a profile that was in an earlier segment, and comes unchanged in this one, all that is new
    is that it is in this one too. Rows are known by hashes, whose key is another in each process:
    a task that is repeated knows none, and stages again what comes again, which does no harm.
    """

    #: Rows that are remembered, at some 80 bytes each. Those of larger segments are staged again.
    MOST = 250_000

    def __init__(self, segments: int) -> None:
        self._segments_left = segments
        self._earlier: set[int] = set()
        self._here: list[int] = []

    def has(self, *row: object) -> bool:
        """Whether an earlier segment had this row. Later ones will know it, if there are any."""
        key = hash(row)
        if key in self._earlier:
            return True
        if self._segments_left > 1 and len(self._earlier) + len(self._here) < self.MOST:
            self._here.append(key)
        return False

    def close_segment(self) -> None:
        """What was staged up to now is of an earlier segment from now on."""
        # Not before: what comes twice in one segment has changed its page, and join has to see it.
        self._earlier.update(self._here)
        self._here.clear()
        self._segments_left -= 1


def copy_block(page: Page, suffix: str, known: Known) -> tuple[bytes, list[MalformedProfile]]:
    """A page as COPY text, and the profiles in it that cannot be stored.

    A row that is ``known`` has no properties. ``suffix`` is what stands behind each id: part and
    segment.
    """
    lines: list[bytes] = []
    malformed = list(page.malformed)
    for profile in page.profiles:
        line = _copy_line(profile, suffix, known)
        if line is None:
            malformed.append(_malformed(profile))
        else:
            lines.append(line)
    return b"".join(lines), malformed


def _malformed(profile: ReceivedProfile) -> MalformedProfile:
    """What is wrong with a profile that was read and yet cannot be stored."""
    if not _UUID.fullmatch(profile.id):
        return MalformedProfile(profile.id, rule="id is a UUID", value=profile.id)
    if not _is_datable(profile.creation_date):
        return MalformedProfile(profile.id, "creation date is a date", value=profile.id)
    held = ((p.id, value) for p in profile.properties or [] for value in p.values or [])
    property_id, value = next((each for each in held if "\0" in each[1]), ("", profile.id))
    return MalformedProfile(profile.id, "no NUL character", property_id, value)


def _copy_line(profile: ReceivedProfile, suffix: str, known: Known) -> bytes | None:
    """One row of COPY text; None if it cannot be stored: an id that is no UUID, a NUL character."""
    if not _UUID.fullmatch(profile.id):
        return None
    held = _held(profile.properties or [])
    properties = _encode(held)
    if not _is_datable(profile.creation_date):
        return None
    rest = (
        f"{_timestamp(profile.creation_date)}\t{_modified(held)}\t"
        f"{_zone(profile.privacy_legislation)}\t"
        f"{_texts(tuple(profile.consented_objectives or _NOTHING))}\t"
        f"{_texts(tuple(profile.refused_objectives or _NOTHING))}\t"
    )
    if "\0" in rest or (b"\\u0000" in properties and _has_nul(held)):
        return None
    head = f"{profile.id}{suffix}{rest}".encode()
    if known.has(profile.id, rest, properties):
        return head + b"\\N\n"
    # JSON has no raw control characters, so the backslash is all that COPY has to be told of.
    return b"%b%b\n" % (head, properties.replace(b"\\", b"\\\\"))


def _held(properties: Iterable[PropertyValues]) -> dict[str, list[str]]:
    """``{property: values}`` without the values that are none: nothing but blanks."""
    held: dict[str, list[str]] = {}
    for prop in properties:
        values = prop.values
        if not values:
            continue
        if len(values) > 1 or not values[0].strip(BLANKS):
            values = [value for value in values if value.strip(BLANKS)]
            if not values:
                continue
        held[prop.id] = values
    return held


def _modified(held: Mapping[str, Sequence[str]]) -> int | str:
    """When the other tenant last modified a profile, in COPY text."""
    told = held.get(LAST_MODIFIED_DATE)
    milliseconds = milliseconds_of(told[0]) if told else None
    return r"\N" if milliseconds is None else milliseconds


def _has_nul(held: dict[str, list[str]]) -> bool:
    """Whether a NUL character is in there; a backslash in front of ``u0000`` looks like one."""
    return any("\0" in text for name, values in held.items() for text in (name, *values))


def _is_datable(moment: datetime | None) -> bool:
    """Whether a moment is within the years 1 to 9999 in UTC too."""
    return moment is None or moment.tzinfo is UTC or 1 < moment.year < _LAST_YEAR


def _timestamp(moment: datetime | None) -> str:
    """A moment in UTC: PostgreSQL knows no offset of 16 hours or more, and JSON does."""
    if moment is None:
        return "\\N"
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.isoformat()


def _zone(told: str | None) -> str:
    """A zone in COPY text: null if none came, or one that nobody knows. Unknown is no zone, in
    which every objective needs consent, and not ``NONE``, in which few do."""
    return told if told in LEGISLATIONS else r"\N"


@lru_cache(maxsize=4096)
def _texts(values: tuple[str, ...]) -> str:
    """A text[] literal in COPY text. Objectives repeat, so most are built once."""
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return _escape("{" + ",".join(f'"{value}"' for value in quoted) + "}")


@lru_cache(maxsize=4096)
def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\t", "\\t")
    return escaped.replace("\n", "\\n").replace("\r", "\\r")


def stand_in_id(profile_id: str) -> uuid.UUID:
    """The id under which a profile is counted: its own, or one made from it if it is no UUID."""
    if _UUID.fullmatch(profile_id):
        return uuid.UUID(profile_id)
    return uuid.uuid5(_MALFORMED_IDS, profile_id.encode("utf-8", "replace").hex())
