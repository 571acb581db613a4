"""``/profileProperties``: those that are exposed or may be written, and making those that may."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from sqlalchemy import DateTime, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY, insert
from starlette.requests import Request

from profile_exchange.domain.properties import DataSensitivity, FilterType
from profile_exchange.exposure import definitions
from profile_exchange.exposure.authentication import Borne, Store
from profile_exchange.exposure.bodies import body_of, json_body
from profile_exchange.exposure.grant import Acceptance
from profile_exchange.exposure.holding import profile_count
from profile_exchange.exposure.listings import Paged
from profile_exchange.exposure.refusals import insufficient_scope, invalid_request, not_found
from profile_exchange.exposure.service import Serving
from profile_exchange.exposure.stores import Database, compiled
from profile_exchange.exposure.wire import ProfilePropertiesResponse, ProfilePropertyResponse
from profile_exchange.store.tables import profile_property

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
#: Among types of groups, profiles.
PROFILES = ""

router = APIRouter(prefix="/profileProperties", tags=["Properties"])

_TIME = DateTime(timezone=True)
_MADE = compiled(
    insert(profile_property)
    .values(
        id=bindparam("id", type_=Text),
        name=bindparam("name", type_=Text),
        filter_type=bindparam("filter_type", type_=Text),
        data_sensitivity=bindparam("data_sensitivity", type_=Text),
        tags=bindparam("tags", type_=ARRAY(Text)),
        description=bindparam("description", type_=Text),
        created_at=bindparam("created_at", type_=_TIME),
        modified_at=bindparam("modified_at", type_=_TIME),
    )
    .on_conflict_do_nothing()
    .returning(profile_property.c.id)
)

_LINE = Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")


class SentProperty(BaseModel):
    """A profile property to make. Other names of the published API are read over."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, strict=True
    )

    id: Annotated[str, _LINE] | None = None
    name: Annotated[str, _LINE] = ""
    description: str = Field(default="", max_length=5000, pattern=r"^[^\x00]*$")
    filter_type: FilterType = Field(default=FilterType.SELECT, strict=False)
    data_sensitivity: DataSensitivity = Field(default=DataSensitivity.NON_PII, strict=False)
    indexed: bool = False
    tags: list[Annotated[str, _LINE]] = Field(default_factory=list, max_length=100)
    group_type_id: str = ""


@router.get("", response_model_exclude_none=True)
async def described_properties(
    request: Request,
    *,
    database: Store,
    bearer: Borne,
    paged: Paged,
    filter_types: Annotated[list[FilterType] | None, Query(alias="filterType")] = None,
    filter_value: Annotated[str, Query(alias="filterValue")] = "",
    group_types: Annotated[list[str] | None, Query(alias="groupTypeId")] = None,
) -> ProfilePropertiesResponse:
    """The profile properties that are exposed or may be written. There are no groups: of the types
    of groups only the blank one, which stands for profiles, has properties."""
    known = await definitions.properties(database, bearer.described)
    found = [
        each
        for each in known
        if (not group_types or PROFILES in group_types)
        and (not filter_types or each[0].filter_type in filter_types)
        and filter_value.lower() in each[0].name.lower()
    ]
    shown = paged.page(found)
    request.state.count = len(shown)
    return ProfilePropertiesResponse(
        **paged.envelope(found),
        profile_properties=tuple(
            ProfilePropertyResponse.of(each, dates, linkable=each.id in bearer.linkable)
            for each, dates in shown
        ),
    )


@router.get("/{propertyId}", response_model_exclude_none=True)
async def described_property(
    service: Serving, bearer: Borne, property_id: Annotated[str, Path(alias="propertyId")]
) -> ProfilePropertyResponse:
    """A profile property that is exposed or may be written, and then how many profiles hold it."""
    found = None
    if property_id in bearer.described:
        linkable = property_id in bearer.linkable
        async with service.stores.connection(bearer.tenant, bearer.connection.id) as database:
            found = await _property(database, property_id, linkable=linkable)
    if found is None:
        raise not_found("There is no such profile property, or it is not exposed.")
    count = await profile_count(service, bearer.acceptance(), property_id)
    return found.model_copy(update={"profile_count": count})


@router.put(
    "/{propertyId}",
    response_model_exclude_none=True,
    openapi_extra=json_body(SentProperty.model_json_schema(by_alias=True)),
)
async def make_property(
    request: Request,
    *,
    service: Serving,
    bearer: Borne,
    property_id: Annotated[str, Path(alias="propertyId")],
) -> ProfilePropertyResponse:
    """Make a profile property that the connection accepts. One that exists stays as it is."""
    acceptance = bearer.acceptance()
    if acceptance is None:
        raise insufficient_scope()
    wanted = _wanted(await body_of(request, MAX_BODY), acceptance, property_id)
    async with service.stores.reading_back(acceptance.tenant, acceptance.connection.id) as written:
        await _make(written, acceptance, property_id, wanted, service.clock())
        found = await _property(written, property_id, linkable=False)
    if found is None or found.filter_type != wanted.filter_type.value or found.indexed:
        raise invalid_request("There is a property of this id, and it is of another type.")
    return found


def _wanted(body: bytes, acceptance: Acceptance, property_id: str) -> SentProperty:
    """What is to be made. Refuses what the connection does not accept."""
    try:
        wanted = SentProperty.model_validate_json(body)
    except ValidationError as error:
        names = sorted({str(wrong["loc"][0]) for wrong in error.errors() if wrong["loc"]})
        told = f": {', '.join(names)}" if names else ""
        raise invalid_request(f"The body is not a profile property as described{told}.") from None
    if wanted.id not in (None, property_id):
        raise invalid_request("The id in the body is another than the one in the address.")
    if property_id not in acceptance.goal.properties:
        raise invalid_request("This is not a profile property that the connection accepts.")
    if wanted.indexed or wanted.group_type_id:
        raise invalid_request("Neither unique identifiers nor groups can be made.")
    return wanted


async def _make(
    written: Database,
    acceptance: Acceptance,
    property_id: str,
    wanted: SentProperty,
    now: datetime,
) -> None:
    row = await _MADE.row(
        written,
        id=property_id,
        name=wanted.name or property_id,
        filter_type=wanted.filter_type.value,
        data_sensitivity=wanted.data_sensitivity.value,
        tags=list(dict.fromkeys(wanted.tags)),
        description=wanted.description,
        created_at=now,
        modified_at=now,
    )
    if row is not None:
        connection = acceptance.connection.id
        log.info("Connection %s: its partner made the property %s.", connection, property_id)


async def _property(
    database: Database, property_id: str, *, linkable: bool
) -> ProfilePropertyResponse | None:
    found = await definitions.properties(database, [property_id])
    return next(
        (ProfilePropertyResponse.of(each, dates, linkable=linkable) for each, dates in found), None
    )
