"""A `Target` over REST API v2: our own tenant where its profiles are BlueConic's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

import msgspec

from profile_exchange.domain.entries import Alternative, Entry
from profile_exchange.domain.errors import (
    CredentialsRefused,
    NoLongerExposed,
    ProtocolViolation,
    RequestRefused,
    SourceUnavailable,
    TargetRefused,
)
from profile_exchange.domain.properties import ProfileProperty
from profile_exchange.pipeline.ports import KnownProperty, Reply, Result, Verdict
from profile_exchange.pipeline.received import ReceivedProfile
from profile_exchange.tenants.rest.answers import Answer, raise_for
from profile_exchange.tenants.rest.client import Query, RestClient
from profile_exchange.tenants.rest.entries import body_within, read_results
from profile_exchange.tenants.rest.source import RestSource
from profile_exchange.tenants.rest.wire import WireFound, WireProperty, read

#: REST API v2 processes so many entries of a request.
MAX_ENTRIES = 1000
#: It names no limit in bytes; servers and what is in front of them have one all the same.
MAX_BYTES = 4 << 20

_PROFILES = "/profiles"
_LOST = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
_NOT_DONE = {
    HTTPStatus.TOO_MANY_REQUESTS: Verdict.BUSY,
    HTTPStatus.BAD_REQUEST: Verdict.REFUSED,
}


class RestTarget:
    """Our tenant, written to over its REST API v2."""

    def __init__(self, client: RestClient, max_bytes: int = MAX_BYTES) -> None:
        self._client = client
        self._max_bytes = max_bytes

    def authenticate(self) -> None:
        """Prove that key and secret are accepted."""
        self._client.authenticate()

    def properties(self) -> Sequence[ProfileProperty]:
        """Every profile property that the tenant lists."""
        return RestSource(self._client).properties()

    def segments(self) -> Collection[str] | None:
        """The ids of the segments that are shown to us; None if they are not ours to see."""
        try:
            return {segment.id for segment in RestSource(self._client).segments()}
        except CredentialsRefused:
            return None

    def objectives(self) -> Collection[str] | None:
        """The ids of the objectives that there are; None if they are not ours to see."""
        try:
            return set(RestSource(self._client).objectives())
        except CredentialsRefused:
            return None

    def property(self, property_id: str) -> KnownProperty | None:
        """A profile property, if there is one of this id."""
        path = f"/profileProperties/{quote(property_id, safe='')}"
        try:
            found = self._client.get(path, [], lambda body: read(body, WireProperty, path))
        except NoLongerExposed:
            return None
        count = found.profile_count
        return KnownProperty(found.to_domain(), None if count is None else count > 0)

    def make_property(self, wanted: ProfileProperty) -> None:
        """Make a profile property."""
        path = f"/profileProperties/{quote(wanted.id, safe='')}"
        told = {
            "id": wanted.id,
            "name": wanted.name,
            "description": wanted.description,
            "filterType": wanted.filter_type.value,
            "dataSensitivity": wanted.data_sensitivity.value,
            "tags": list(wanted.tags),
            "indexed": wanted.indexed,
        }
        try:
            self._client.put(path, msgspec.json.encode(told), lambda _: None)
        except RequestRefused:
            raise TargetRefused(
                f"{self._client.host} does not let profile property {wanted.id} be made (400): one "
                "of that name may belong to a plugin, or its id or type is none that the tenant "
                "takes. Make it there by hand, or map to another property."
            ) from None

    def write(self, entries: Mapping[str, Entry], objectives: Collection[str]) -> Reply:
        """Ask once for as many of the entries to be written as go into one request."""
        body, sent = body_within(entries, MAX_ENTRIES, self._max_bytes)
        query: Query = [("objectiveIds", ",".join(objectives))] if objectives else []
        try:
            reply = self._reply(self._client.put_once(_PROFILES, query, body))
        except SourceUnavailable as error:
            return Reply(Verdict.LOST, retry_after=error.retry_after)
        if sent < len(entries) and reply.verdict is Verdict.ANSWERED:
            return Reply(Verdict.TOO_MANY, reply.results)
        return reply

    def _reply(self, answer: Answer) -> Reply:
        status = answer.status
        if verdict := _NOT_DONE.get(HTTPStatus(status)) if status in _NOT_DONE else None:
            return Reply(verdict, retry_after=answer.retry_after)
        if status in _LOST or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Reply(Verdict.LOST, retry_after=answer.retry_after)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Reply(Verdict.TOO_MANY, _processed(answer.body))
        if status == HTTPStatus.NOT_FOUND:
            raise ProtocolViolation(
                f"{self._client.host} has nothing to write profiles to (404 to {_PROFILES}): check "
                "the versions of both sides."
            )
        raise_for(answer, self._client.credentials, _PROFILES)
        return Reply(Verdict.ANSWERED, read_results(answer.body, _PROFILES))

    def find(self, criteria: Alternative) -> Sequence[str]:
        """The ids of the profiles that have all these values; none by what is no identifier."""
        query = [("property", each.property) for each in criteria]
        query += [("value", each.value) for each in criteria]
        try:
            found = self._client.get(
                _PROFILES, query, lambda body: read(body, WireFound, _PROFILES)
            )
        except RequestRefused:
            return []
        return [each.id for each in found.profiles or []]

    def values(
        self, profile_id: UUID, properties: Sequence[str]
    ) -> Mapping[str, Sequence[str]] | None:
        """What one profile has of some properties; None if there is no such profile."""
        path = f"{_PROFILES}/{profile_id}"
        query = [("profileProperty", name) for name in properties]
        try:
            found = self._client.get(path, query, lambda body: read(body, ReceivedProfile, path))
        except NoLongerExposed:
            return None
        return {each.id: each.values or [] for each in found.properties or []}


def _processed(body: bytes) -> Mapping[str, Result]:
    """What a 413 says was processed; something in front of the tenant may have said it instead."""
    return read_results(body, _PROFILES) if body.lstrip().startswith(b"[") else {}
