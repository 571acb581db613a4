"""Fingerprints of values that are not kept: HMAC-SHA-256 under a secret of the store, shortened.

A fingerprint tells whether two values are the same, and not what they are: without the key, a
short value cannot be found by hashing candidates. PostgreSQL as it comes has SHA-256 but neither
HMAC nor an XOR of bytes, so the key is stored as the two padded blocks that HMAC makes of it, and
both languages hash these: the outcome is HMAC's own, and no statement carries the key.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import insert

from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.store.tables import signing_key

PURPOSE = "fingerprint"
CHARACTERS = 16
#: The block size of SHA-256, in bytes, which is how long HMAC makes its key.
_BLOCK = 64


def padded(key: bytes) -> bytes:
    """The inner and the outer block of HMAC-SHA-256 for a key of at most 64 bytes."""
    filled = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in filled) + bytes(byte ^ 0x5C for byte in filled)


def make_key(database: Database, now: datetime) -> None:
    """Make the store's key unless it has one. Safe to race."""
    made = insert(signing_key).values(
        purpose=PURPOSE, key=padded(secrets.token_bytes(_BLOCK)), made_at=now
    )
    database.execute(made.on_conflict_do_nothing())


def fingerprint_of(value: ColumnElement[str]) -> ColumnElement[str]:
    """The fingerprint of a text, blanks around it aside; empty for null."""
    stored = select(signing_key.c.key).where(signing_key.c.purpose == PURPOSE).scalar_subquery()
    inner, outer = func.substr(stored, 1, _BLOCK), func.substr(stored, _BLOCK + 1)
    text = func.convert_to(func.btrim(value, BLANKS), literal("UTF8"))
    digest = func.sha256(outer.concat(func.sha256(inner.concat(text))))
    return func.coalesce(func.left(func.encode(digest, "hex"), CHARACTERS), "")


@dataclass(frozen=True, slots=True, repr=False)
class Fingerprints:
    """Makes fingerprints in Python, the same as `fingerprint_of`. ``key`` is as it is stored."""

    key: bytes

    def of(self, value: str) -> str:
        """The fingerprint of a text, blanks around it aside."""
        text = value.strip(BLANKS).encode("utf-8", "replace")
        inner = hashlib.sha256(self.key[:_BLOCK] + text).digest()
        return hashlib.sha256(self.key[_BLOCK:] + inner).hexdigest()[:CHARACTERS]
