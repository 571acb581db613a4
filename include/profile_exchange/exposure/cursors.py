"""Cursors: where a page starts and where its range ends, sealed so that nobody can make one.

A cursor is good for the list it was given for: one connection, segment and refinement of one
tenant. Which properties are asked for, and how many profiles, may differ from page to page. It is
not bound to a consumer key: whoever has another key of the connection may read the same list, and
a key that is rotated in the middle of a long pull must not make it start anew.

The key is kept in the tenant's own database (`tenants.postgres.exposure_role`): every worker on
every machine shares it without being told, it is backed up with what it protects, and who can
read it could read the profiles.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import struct
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from profile_exchange.domain.packages import IdRange
from profile_exchange.exposure.grant import Grant
from profile_exchange.exposure.refusals import invalid_request
from profile_exchange.exposure.stores import compiled
from profile_exchange.store.tables import signing_key
from profile_exchange.tenants.postgres.exposure_role import CURSOR_KEY

FIRST_PAGE = "*"

_VERSION = 1
#: Version, first id, last id, how many profiles there are in all (-1: not counted), seal.
_LAYOUT = struct.Struct(">B16s16sq32s")
_SEALED = _LAYOUT.size - 32
_NOT_COUNTED = -1

KEY = compiled(select(signing_key.c.key).where(signing_key.c.purpose == CURSOR_KEY))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page starts, and the last id of its range; both ids are included.

    ``total`` is how many profiles the whole list has, as counted for its first page.
    """

    first: UUID
    last: UUID
    total: int | None = None

    @classmethod
    def of(cls, ids: IdRange, total: int | None = None) -> Position:
        """The start of a range."""
        return cls(ids.first, ids.last, total)

    def after(self, profile_id: UUID) -> Position:
        """The position behind a profile of this range that is not its last."""
        return Position(UUID(int=profile_id.int + 1), self.last, self.total)


@dataclass(frozen=True, slots=True)
class Cursors:
    """Seals and opens the cursors of one list of profiles."""

    key: bytes
    binding: bytes

    def seal(self, position: Position) -> str:
        """The cursor for a position."""
        total = _NOT_COUNTED if position.total is None else position.total
        parts = (_VERSION, position.first.bytes, position.last.bytes, total)
        unsealed = _LAYOUT.pack(*parts, b"")[:_SEALED]
        return base64.urlsafe_b64encode(unsealed + self._seal(unsealed)).rstrip(b"=").decode()

    def open(self, cursor: str) -> Position:
        """The position of a cursor. Refuses one that was not sealed for this very list."""
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            sealed = b""
        genuine = hmac.compare_digest(sealed[_SEALED:], self._seal(sealed[:_SEALED]))
        if len(sealed) != _LAYOUT.size or not genuine:
            raise invalid_request(
                "This cursor was not given for this list of profiles: start at the first page."
            )
        _, first, last, total, _ = _LAYOUT.unpack(sealed)
        counted = None if total == _NOT_COUNTED else total
        return Position(UUID(bytes=first), UUID(bytes=last), counted)

    def _seal(self, unsealed: bytes) -> bytes:
        return hmac.digest(self.key, self.binding + unsealed, "sha256")


def binding(grant: Grant, segment: str, refinement: str | None) -> bytes:
    """What a cursor is bound to, as a digest."""
    parts = [grant.tenant.id, grant.connection.id, segment, refinement]
    return hashlib.sha256(json.dumps(parts).encode()).digest()
