"""Consumer keys and secrets of the partners that read, or write to, a hosted tenant.

A secret is shown once, when it is made; the store keeps its Argon2id hash. Tokens live and die
with the credential that they were got with.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection as Database
from sqlalchemy import Row, and_, delete, func, insert, or_, select, update

from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.scopes import Scope
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import access_token, credential, sign_in

KEY_BYTES = 16
SECRET_BYTES = 32
MAX_SECRET_CHARACTERS = 256

#: What a key is for unless somebody says.
READING = (Scope.READ,)

#: OWASP's smallest recommendation. The secrets are random, not chosen by people, so it is the
#: stranger's cost that counts here, and that a flood of guesses must not eat the machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: What an unknown key is checked against, so that it takes as long as a known one.
_NOBODY = _hasher.hash(secrets.token_urlsafe(SECRET_BYTES))


class Outcome(StrEnum):
    """What became of somebody who showed good credentials, as ``exchange.sign_in`` has it."""

    GRANTED = "granted"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class UsedElsewhere:
    """An address from which a connection's credentials were refused, as often as was noted."""

    address: str
    times: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """A new consumer key and its secret, which nobody can read again."""

    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RotatedCredential(IssuedCredential):
    """A new consumer key, and what became of the others that are for any of the same.

    ``ending`` are those that end because of it, at ``ends_at``; ``staying`` those that do not,
    because they are for something else too.
    """

    ending: tuple[str, ...] = ()
    ends_at: datetime | None = None
    staying: tuple[Credential, ...] = ()


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a consumer key. Times are aware."""

    key: str
    connection: str
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    scopes: tuple[str, ...] = READING

    def usable(self, now: datetime) -> bool:
        """Whether tokens may be got with it, and used, now."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "active" if self.usable(now) else "expired"


def issue(
    url: str, connection_id: str, *, now: datetime, scopes: Iterable[Scope] = READING
) -> IssuedCredential:
    """Make a consumer key and secret for a connection's partner, for what the scopes say."""
    with store_errors(url), engine_for(url).begin() as database:
        return _issue(database, connection_id, now, scopes)


def list_credentials(url: str, connection_id: str) -> Sequence[Credential]:
    """The credentials of a connection, the newest first."""
    query = (
        select(credential)
        .where(credential.c.connection == connection_id)
        .order_by(credential.c.issued_at.desc(), credential.c.client_id)
    )
    with store_errors(url), engine_for(url).connect() as database:
        return [_credential(row) for row in database.execute(query)]


def last_sign_ins(url: str, connection_id: str) -> Mapping[str, datetime]:
    """When a token was last got with each of a connection's consumer keys, by key."""
    ours = select(credential.c.client_id).where(credential.c.connection == connection_id)
    query = (
        select(sign_in.c.client_id, func.max(sign_in.c.at))
        .where(sign_in.c.client_id.in_(ours), sign_in.c.outcome == Outcome.GRANTED.value)
        .group_by(sign_in.c.client_id)
    )
    with store_errors(url), engine_for(url).connect() as database:
        return {row[0]: row[1] for row in database.execute(query)}


def used_elsewhere(url: str, connection_id: str, limit: int = 10) -> Sequence[UsedElsewhere]:
    """From where a connection's credentials were used and refused, the last one first."""
    last = func.max(sign_in.c.at)
    query = (
        select(sign_in.c.address, func.count(), last)
        .where(sign_in.c.connection == connection_id)
        .where(sign_in.c.outcome == Outcome.ELSEWHERE.value)
        .group_by(sign_in.c.address)
        .order_by(last.desc(), sign_in.c.address)
        .limit(limit)
    )
    with store_errors(url), engine_for(url).connect() as database:
        return [UsedElsewhere(*row) for row in database.execute(query)]


def revoke(url: str, connection_id: str, key: str, *, now: datetime) -> None:
    """End a consumer key and every token got with it, at once. Safe to repeat.

    Raises `ConfigurationError` when the connection has no such key.
    """
    ours = and_(credential.c.client_id == key, credential.c.connection == connection_id)
    ended = (
        update(credential)
        .where(ours)
        .values(revoked_at=func.coalesce(credential.c.revoked_at, now))
        .returning(credential.c.client_id)
    )
    with store_errors(url), engine_for(url).begin() as database:
        if database.scalar(ended) is None:
            raise ConfigurationError(
                f"Connection {connection_id} has no such consumer key: "
                f"see `exchange credentials list {connection_id}`."
            )
        database.execute(delete(access_token).where(access_token.c.client_id == key))


def rotate(
    url: str,
    connection_id: str,
    *,
    now: datetime,
    overlap: timedelta,
    scopes: Iterable[Scope] = READING,
) -> RotatedCredential:
    """Issue a new consumer key, and let the others that are still in use end after ``overlap``.

    The others are those with the same scopes. A key that would have ended before that still does.
    """
    last, wanted = now + overlap, _written(scopes)
    shortened = (
        update(credential)
        .where(credential.c.connection == connection_id)
        .where(credential.c.scopes == wanted)
        .where(credential.c.revoked_at.is_(None))
        .where(or_(credential.c.expires_at.is_(None), credential.c.expires_at > last))
        .values(expires_at=last)
        .returning(credential.c.client_id)
    )
    others = (
        select(credential)
        .where(credential.c.connection == connection_id)
        .where(credential.c.scopes != wanted, credential.c.scopes.overlap(wanted))
        .order_by(credential.c.issued_at.desc(), credential.c.client_id)
    )
    with store_errors(url), engine_for(url).begin() as database:
        ending = tuple(sorted(database.scalars(shortened)))
        known = map(_credential, database.execute(others))
        staying = tuple(each for each in known if each.usable(now))
        made = _issue(database, connection_id, now, scopes)
    return RotatedCredential(made.key, made.secret, ending, last, staying)


def secret_matches(secret: str, secret_hash: str | None) -> bool:
    """Whether a secret belongs to a hash; always False for None, and after the same work.

    Takes some tens of milliseconds of processor time and 19 MiB, by design.
    """
    try:
        _hasher.verify(secret_hash or _NOBODY, secret[:MAX_SECRET_CHARACTERS])
    except (VerificationError, InvalidHashError):
        return False
    return secret_hash is not None


def _written(scopes: Iterable[Scope]) -> list[str]:
    """Scopes as a key has them: each once, in one order."""
    return sorted({scope.value for scope in scopes})


def _issue(
    database: Database, connection_id: str, now: datetime, scopes: Iterable[Scope]
) -> IssuedCredential:
    issued = IssuedCredential(
        key=secrets.token_hex(KEY_BYTES), secret=secrets.token_urlsafe(SECRET_BYTES)
    )
    row = {
        "client_id": issued.key,
        "connection": connection_id,
        "secret_hash": _hasher.hash(issued.secret),
        "scopes": _written(scopes),
        "issued_at": now,
    }
    database.execute(insert(credential).values(row))
    return issued


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    return Credential(
        key=row.client_id,
        connection=row.connection,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        scopes=tuple(row.scopes),
    )
