"""A check that somebody asked for on the page: both of its sides at once, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from profile_exchange.config.settings import find_secret
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import CredentialsEnding, ExchangeError
from profile_exchange.domain.plurals import plural
from profile_exchange.orchestration.check import check
from profile_exchange.orchestration.pages.configured import configuration
from profile_exchange.store.database import bounded
from profile_exchange.tenants.postgres.credentials import list_credentials
from profile_exchange.tenants.postgres.exposure_checks import (
    check_credentials,
    check_exposure,
    note_failed_check,
)

#: Counting what may leave looks at every profile.
COUNTING_SECONDS = 60.0
GOOD, NOTE, BAD = "good", "note", "bad"


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of what came of a check; ``kind`` is `GOOD`, `NOTE` or `BAD`."""

    kind: str
    text: str


def check_both_sides(connection: Connection, now: datetime) -> list[Said]:
    """Ask the other tenant, where we import; look at our own grant, where it may read or write."""
    said: list[Said] = []
    if connection.importing:
        said += _asked(connection)
    if connection.answers:
        said += _granted(connection, now)
    return said


def _asked(connection: Connection) -> list[Said]:
    try:
        answer = check(connection.id)
    except ExchangeError as error:
        return [Said(BAD, str(error))]
    return list(_told(connection, answer))


def _told(connection: Connection, answer: dict[str, Any]) -> Iterator[Said]:
    segments = plural(len(answer["segments"]), "segment")
    exposed = f"{segments} and {len(answer['properties'])} profile properties are exposed"
    yield Said(GOOD, f"{connection.partner.name} was asked, and lets us in: {exposed}.")
    for word, key in (("New", "new_segments"), ("Gone", "gone_segments")):
        if answer[key]:
            named = ", ".join(answer[key])
            yield Said(NOTE, f"{word} since the last run, among the segments: {named}.")
    if answer["mail"]:
        yield Said(NOTE, answer["mail"])
    if answer["missing"]:
        missing = ", ".join(answer["missing"])
        yield Said(BAD, f"Named in the import goal and not exposed: {missing}.")


def _granted(connection: Connection, now: datetime) -> list[Said]:
    tenant = configuration().tenants.get(connection.tenant)
    secret = find_secret(tenant.store_secret) if tenant else None
    if secret is None:
        return [Said(BAD, f"The store of {connection.tenant} has no secret yet.")]
    url, name = bounded(secret, COUNTING_SECONDS), f"check__{now.isoformat()}"
    try:
        found = check_exposure(url, connection, name, now=now)
        counted = f" {found.sentence()}" if connection.expose else ""
        return [Said(GOOD, f"The grant is in order.{counted}"), *_keys(url, connection, now)]
    except CredentialsEnding as error:
        note_failed_check(url, connection.id, name, str(error), now=now)
        return [Said(BAD, str(error))]
    except ExchangeError as error:
        return [Said(BAD, str(error))]


def _keys(url: str, connection: Connection, now: datetime) -> Iterator[Said]:
    check_credentials(url, connection, now=now)
    if not any(key.usable(now) for key in list_credentials(url, connection.id)):
        yield Said(
            NOTE,
            f"{connection.partner.name} has no consumer key that it may use: issue one with "
            f"`exchange credentials issue {connection.id}`.",
        )
