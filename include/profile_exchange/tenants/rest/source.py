"""A `Source` over REST API v2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from profile_exchange.domain.errors import ProtocolViolation, RequestRefused
from profile_exchange.domain.properties import LAST_MODIFIED_DATE, ProfileProperty
from profile_exchange.pipeline.plan import Span
from profile_exchange.pipeline.ports import ExposedSegment
from profile_exchange.pipeline.received import Page
from profile_exchange.tenants.rest.client import Query, RestClient
from profile_exchange.tenants.rest.pages import read_links, read_profiles
from profile_exchange.tenants.rest.wire import (
    WireLink,
    WireObjectives,
    WireProperties,
    WireSegments,
    read,
)

LIST_PAGE = 200
#: More segments, profile properties or objectives than any tenant has.
LIST_LIMIT = 100_000


class RestSource:
    """The other tenant, read over its REST API v2. ``page_size`` is in profiles."""

    def __init__(self, client: RestClient, page_size: int = 1000) -> None:
        self._client = client
        self._page_size = page_size

    def authenticate(self) -> None:
        """Prove that key and secret are accepted."""
        self._client.authenticate()

    def segments(self) -> Sequence[ExposedSegment]:
        """Every segment that is exposed to us."""
        pages = self._listed("/segments", WireSegments, lambda page: page.segments)
        return [segment.to_port() for segment in pages]

    def properties(self) -> Sequence[ProfileProperty]:
        """Every profile property that is exposed to us."""
        path = "/profileProperties"
        pages = self._listed(path, WireProperties, lambda page: page.profile_properties)
        return [known.to_domain() for known in pages]

    def objectives(self) -> Sequence[str]:
        """The ids of every objective that is exposed to us."""
        pages = self._listed("/objectives", WireObjectives, lambda page: page.objectives)
        return [objective.id for objective in pages]

    def now(self) -> datetime | None:
        """The tenant's clock, from the ``Date`` of its last answer."""
        return self._client.server_time

    def ranges(
        self, segment: str, parts: int, modified: Sequence[Span] = ()
    ) -> Sequence[str] | None:
        """Cursors to ``parts`` id ranges, offered as links of rel ``range``; else None."""
        query = [("count", "1"), ("expand", "ranges"), ("ranges", str(parts))]
        query += _refinement(modified)
        path = _profiles_path(segment)
        found: list[WireLink]
        try:
            found = self._client.get(path, query, lambda body: read_links(body, path))
        except RequestRefused:
            # A tenant need not take an `expand` that it does not know.
            return None
        cursors = [_cursor_in(link.href) for link in found if link.rel == "range"]
        return cursors if len(cursors) == parts and all(cursors) else None

    def page(
        self,
        segment: str,
        cursor: str | None,
        properties: Sequence[str],
        modified: Sequence[Span] = (),
    ) -> Page:
        """One page of the profiles of a segment."""
        query: Query = [("cursor", cursor or "*"), ("count", str(self._page_size))]
        query += [("profileProperty", name) for name in properties]
        query += _refinement(modified)
        path = _profiles_path(segment)

        def read_page(body: bytes) -> Page:
            return read_profiles(body, path, cursor, properties)

        page: Page = self._client.get(path, query, read_page)
        return page

    def _listed(
        self, path: str, shape: type[Any], items: Callable[[Any], list[Any] | None]
    ) -> Iterator[Any]:
        """All items of a listing that is paged by ``startIndex``, each once."""
        known: dict[str, Any] = {}
        start = 0
        while True:
            query = [("count", str(LIST_PAGE)), ("startIndex", str(start))]
            page = self._client.get(path, query, lambda body: read(body, shape, path))
            found = items(page) or []
            before = len(known)
            known |= {item.id: item for item in found}
            start += len(found)
            if len(known) == before or page.total_results in range(start + 1):
                break
            if start > LIST_LIMIT:
                raise ProtocolViolation(
                    f"The other tenant's list at {path} has no end: {start:,} items and more. "
                    "Report this to the other tenant."
                )
        return iter(known.values())


def _profiles_path(segment: str) -> str:
    return f"/segments/{quote(segment, safe='')}/profiles"


def _refinement(spans: Sequence[Span]) -> Query:
    """The parameter that keeps profiles back that were last modified at any other time."""
    if not spans:
        return []
    filters = [_modified_in(span) for span in spans]
    narrowed = filters[0] if len(filters) == 1 else {"operator": "OR", "filters": filters}
    return [("refinement", json.dumps(narrowed, separators=(",", ":")))]


def _modified_in(span: Span) -> dict[str, Any]:
    bounds = {"fromDate": span.earliest, "toDate": span.latest}
    told = {key: _iso(moment) for key, moment in bounds.items() if moment}
    return {"property": LAST_MODIFIED_DATE, "operator": "IN_RANGE", **told}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cursor_in(href: str) -> str:
    found = parse_qs(urlsplit(href).query).get("cursor", [""])
    return found[0]
