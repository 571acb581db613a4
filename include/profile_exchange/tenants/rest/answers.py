"""Answers of a tenant: their bodies within bounds, and what each status means for a run."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from profile_exchange.domain.errors import (
    CredentialsRefused,
    NoLongerExposed,
    ProtocolViolation,
    RequestRefused,
    SourceUnavailable,
    WrongHost,
)
from profile_exchange.tenants.rest.credentials import TenantCredentials

_GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 20
_REDIRECTIONS = range(300, 400)
#: What the published API describes for requests that name what it does not have.
_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED}
_TRY_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Header names are lower-case; the body is unpacked, and kept for 200 and 413."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def date(self) -> datetime | None:
        """The time by the tenant's clock, if it said one that can be read."""
        return _moment(self.headers.get("date", ""))

    @property
    def retry_after(self) -> float | None:
        """Seconds of a ``Retry-After``, which may be a moment by the tenant's own clock."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        moment = _moment(value)
        if moment is None:
            return None
        return max(0.0, (moment - (self.date or datetime.now(UTC))).total_seconds())


def unpacked(host: str, chunks: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """A whole body of at most ``limit`` bytes, which is unpacked no further than that.

    A mark of the byte order in front, which JSON has no use for, is left out.

    Raises `SourceUnavailable` when it breaks off, `ProtocolViolation` when it is too large or
    packed in a way that was not asked for.
    """
    packing = encoding.strip().lower()
    pieces = _bounded(host, chunks, limit)
    if packing in {"gzip", "x-gzip"}:
        pieces = _bounded(host, _gunzipped(host, pieces), limit)
    elif packing not in {"", "identity"}:
        raise ProtocolViolation(
            f"{host} packs its answers in a way that it was not asked for: this side takes gzip, "
            "or none. Report this to that tenant."
        )
    return b"".join(pieces).removeprefix(codecs.BOM_UTF8)


def _bounded(host: str, pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    left = limit
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise ProtocolViolation(
                f"{host} sends an answer of more than {limit:,} bytes: make pages smaller by "
                "EXCHANGE_PAGE_SIZE, or ask that tenant what it sends."
            )
        yield piece


def _gunzipped(host: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpacked pieces of at most 1 MiB each."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if unpacking.eof:
                    unpacking = zlib.decompressobj(_GZIP)
                yield unpacking.decompress(rest, _PIECE)
                rest = unpacking.unconsumed_tail or unpacking.unused_data
        yield unpacking.flush()
    except zlib.error:
        raise _broken_off(host) from None
    if not unpacking.eof:
        raise _broken_off(host)


def _broken_off(host: str) -> SourceUnavailable:
    return SourceUnavailable(f"A packed answer of {host} is damaged or broke off; asking again.")


def raise_for(answer: Answer, asked: TenantCredentials, path: str) -> None:
    """Raise what any status but 200 means for the run (SEMANTICS, Failing)."""
    status, host = answer.status, asked.host
    if status == HTTPStatus.OK:
        return
    if status in _REFUSED:
        raise RequestRefused(
            f"{host} does not take what it was asked for at {path} ({status}): something that the "
            "request names, such as a profile property, may have left the grant. Start a new run, "
            "which names what is missing; if nothing is, check the versions of both sides."
        )
    if status in _TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SourceUnavailable(
            f"{host} answered {status} to {path}: it is busy or out of order; trying again.",
            retry_after=answer.retry_after,
        )
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise CredentialsRefused(
            f"{host} does not let these credentials use {path} ({status}): ask that tenant whether "
            "they are still valid and what they allow."
        )
    if status == HTTPStatus.NOT_FOUND:
        raise NoLongerExposed(
            f"{host} does not expose {path} (404): ask that tenant, or take it out of the import "
            "goal."
        )
    if (
        status == HTTPStatus.MISDIRECTED_REQUEST
        or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    ):
        raise WrongHost(
            f"What answers for {host} is another host ({status}): correct {asked.configured} and "
            "the Airflow connection."
        )
    raise ProtocolViolation(
        f"{host} answered {status} to {path}, which REST API v2 does not describe for this "
        "request: check the versions of both sides."
    )


def raise_for_token(answer: Answer, asked: TenantCredentials) -> None:
    """Raise what any status but 200 means when key and secret were shown."""
    host = asked.host
    if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise CredentialsRefused(
            f"{host} does not accept the consumer key and secret: ask that tenant for new ones, "
            "and put them into the Airflow connection."
        )
    if answer.status == HTTPStatus.NOT_FOUND:
        raise WrongHost(
            f"{host} has no REST API v2 (404 to /oauth/token): correct {asked.configured} and "
            "the Airflow connection."
        )
    raise_for(answer, asked, "/oauth/token")


def _moment(value: str) -> datetime | None:
    """A date of HTTP, if it is one."""
    try:
        told = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
