"""The floor: a script by hand for just the sample's connection, as fast as it can plainly be.

It fetches the same pages from the same server, decodes them, copies them into a staging table
and merges them with the same matching, consent filter and mappings. It knows the segments and
the properties by heart, writes nothing down about a run, rejects nothing, and cannot be
repeated: summing twice sums twice.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from http.client import OK, HTTPConnection
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import msgspec
import psycopg
from measuring import Measurement, Workers

from profile_exchange.tenants.rest.credentials import TenantCredentials

PARTS = 2
PAGE_SIZE = 1000
SEGMENTS = ("subscribers", "sports-readers")
PROPERTIES = (
    "email",
    "subscriber_number",
    "favourite_section",
    "newsletters",
    "subscribed_since",
    "articles_read",
    "engagement_score",
    "lastmodifieddate",
)

STAGE = """
    create unlogged table staged (
        profile_id uuid, modified bigint, emails text[], numbers text[],
        section jsonb, newsletters jsonb, since jsonb, articles bigint, engagement jsonb)"""

# An e-mail that several of ours have decides nothing; then the subscriber number may. Of several
# profiles for one of ours the last modified is kept.
MATCH = """
    create unlogged table matched as
    with agreed as (
        select distinct staged.profile_id, 1 as alternative, ours.profile_id as target
        from staged, unnest(emails) as theirs
        join tenant.profile_identifier as ours on ours.property_id = 'email'
            and ours.value = theirs
        union all
        select distinct staged.profile_id, 2, ours.profile_id
        from staged, unnest(numbers) as theirs
        join tenant.profile_identifier as ours on ours.property_id = 'newspaper_subscription'
            and ours.value = theirs),
    sole as (
        select profile_id, alternative, (array_agg(target))[1] as target
        from agreed group by profile_id, alternative having count(*) = 1),
    decided as (
        select distinct on (profile_id) profile_id, target
        from sole order by profile_id, alternative)
    select distinct on (target) target, staged.*
    from decided join staged using (profile_id)
    order by target, modified desc nulls last, profile_id"""

MERGE = """
    with found as (
        select matched.*, profile.properties as before
        from matched join tenant.profile on profile.id = target
        where target between %s and %s and 'partner_data' = any(consented_objectives)
            and not 'partner_data' = any(refused_objectives)),
    computed as (
        select target, before, before || jsonb_strip_nulls(jsonb_build_object(
            'TaylorTimes_Section', section,
            'TaylorTimes_Engagement', engagement,
            'TaylorTimes_Since', case when not before ? 'TaylorTimes_Since' then since end,
            'TaylorTimes_Newsletters', case
                when before->'TaylorTimes_Newsletters' is null then newsletters
                when not before->'TaylorTimes_Newsletters' @> newsletters then (
                    select jsonb_agg(distinct value) from jsonb_array_elements(
                        before->'TaylorTimes_Newsletters' || newsletters) as value) end,
            'TaylorTimes_Articles', case when articles is not null then jsonb_build_array(
                (coalesce((before->'TaylorTimes_Articles'->>0)::bigint, 0) + articles)::text) end
        )) as after from found offset 0)
    update tenant.profile set properties = after, modified_at = now()
    from computed where profile.id = target and after is distinct from before"""


class Values(msgspec.Struct, gc=False):
    """One property of a profile."""

    id: str
    values: list[str]


class Profile(msgspec.Struct, gc=False):
    """A profile, as far as the script uses it."""

    id: str
    properties: list[Values]


class Page(msgspec.Struct, rename="camel"):
    """A page of profiles."""

    profiles: list[Profile]
    next_cursor: str | None = None


_decode = msgspec.json.Decoder(Page).decode
_encode = msgspec.json.Encoder().encode


def import_once(
    store_url: str, credentials: TenantCredentials, workers: Workers, measured: Measurement
) -> None:
    """Pull, match and merge; pull and merge in parts, on a connection and in a process each."""
    with measured.phase("start"):
        starts = workers.do(start, store_url, credentials)
    with measured.phase("pull"):
        parts = [(store_url, credentials, *part) for part in starts]
        workers.do_all(pull, parts)
    with measured.phase("match"):
        workers.do(match, store_url)
    with measured.phase("merge"):
        halves = [(store_url, *_ids(part)) for part in range(PARTS)]
        measured.written = sum(workers.do_all(merge, halves))
    with measured.phase("drop"):
        workers.do(drop, store_url)


def start(store_url: str, credentials: TenantCredentials) -> list[tuple[str, list[str]]]:
    """Make the staging table; for each part the token, and where it starts in each segment."""
    with psycopg.connect(store_url) as database:
        database.execute(STAGE)
    http = _connection(credentials)
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
    }
    headers = {"Host": credentials.host, "Content-Type": "application/x-www-form-urlencoded"}
    http.request("POST", "/rest/v2/oauth/token", urlencode(form), headers)
    token = msgspec.json.decode(http.getresponse().read())["access_token"]
    starts = [_range_starts(http, credentials.host, token, segment) for segment in SEGMENTS]
    return [(token, [cursors[part] for cursors in starts]) for part in range(PARTS)]


def _connection(credentials: TenantCredentials) -> HTTPConnection:
    address = urlsplit(credentials.base_url)
    return HTTPConnection(address.hostname or "", address.port)


def _range_starts(http: HTTPConnection, host: str, token: str, segment: str) -> list[str]:
    query = {"count": "1", "expand": "ranges", "ranges": str(PARTS)}
    links = msgspec.json.decode(_get(http, host, token, segment, list(query.items())))["links"]
    hrefs = [link["href"] for link in links if link["rel"] == "range"]
    return [parse_qs(urlsplit(href).query)["cursor"][0] for href in hrefs]


def _get(
    http: HTTPConnection, host: str, token: str, segment: str, query: list[tuple[str, str]]
) -> bytes:
    headers = {"Host": host, "Authorization": f"Bearer {token}"}
    address = f"/rest/v2/segments/{segment}/profiles?{urlencode(query)}"
    http.request("GET", address, headers=headers)
    response = http.getresponse()
    body = response.read()
    if response.status != OK:
        raise RuntimeError(f"{address} was answered with {response.status}")
    return body


def pull(store_url: str, credentials: TenantCredentials, token: str, starts: Sequence[str]) -> int:
    """Copy one part of every segment into the staging table; a profile in two segments once."""
    gc.disable()
    http = _connection(credentials)
    wanted = [("count", str(PAGE_SIZE)), *(("profileProperty", name) for name in PROPERTIES)]
    seen: set[str] = set()
    into_staging = "copy staged from stdin"
    with psycopg.connect(store_url) as database, database.cursor().copy(into_staging) as copy:
        for segment, start in zip(SEGMENTS, starts, strict=True):
            cursor: str | None = start
            while cursor:
                query = [("cursor", cursor), *wanted]
                page = _decode(_get(http, credentials.host, token, segment, query))
                new = [profile for profile in page.profiles if profile.id not in seen]
                seen.update(profile.id for profile in new)
                copy.write("".join(map(_line, new)))
                cursor = page.next_cursor
    gc.enable()


def _line(profile: Profile) -> str:
    values = {held.id: held.values for held in profile.properties}.get
    modified = values("lastmodifieddate")
    columns = (
        profile.id,
        modified[0] if modified else "\\N",
        _identifiers([value.strip().lower() for value in values("email") or ()]),
        _identifiers([value.strip() for value in values("subscriber_number") or ()]),
        _json(values("favourite_section")),
        _json(values("newsletters")),
        _json(values("subscribed_since")),
        _sum(values("articles_read")),
        _json(values("engagement_score")),
    )
    return "\t".join(columns) + "\n"


def _identifiers(values: list[str]) -> str:
    if not values:
        return "{}"
    literal = '{"' + '","'.join(v.replace("\\", "\\\\").replace('"', '\\"') for v in values) + '"}'
    return literal.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _json(values: list[str] | None) -> str:
    return _encode(values).decode().replace("\\", "\\\\") if values else "\\N"


def _sum(values: list[str] | None) -> str:
    try:
        return str(sum(map(int, values))) if values else "\\N"
    except ValueError:
        return "\\N"


def match(store_url: str) -> None:
    """Decide which of ours each staged profile is."""
    with psycopg.connect(store_url) as database:
        # The planner takes the values of a list for a few different ones, and caches look-ups.
        database.execute("set local enable_memoize = off")
        database.execute("analyze staged (profile_id)")
        database.execute(MATCH)
        database.execute("analyze matched (target)")


def merge(store_url: str, first: UUID, last: UUID) -> int:
    """Write the matched profiles of one range of ours. Returns how many changed."""
    with psycopg.connect(store_url) as database:
        return database.execute(MERGE, [first, last]).rowcount


def _ids(part: int) -> tuple[UUID, UUID]:
    size = (1 << 128) // PARTS
    return UUID(int=part * size), UUID(int=(part + 1) * size - 1)


def drop(store_url: str) -> None:
    """Leave nothing but what was merged."""
    with psycopg.connect(store_url) as database:
        database.execute("drop table staged, matched")
