"""What a request for profiles asks for, checked against the grant before anything is read.

The answer to something that is not exposed never tells whether it exists: neither a property's
name is repeated nor does anything depend on the tenant having it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from starlette.requests import Request

from profile_exchange.domain.errors import InvalidRefinement
from profile_exchange.domain.properties import CREATION_DATE, LAST_MODIFIED_DATE
from profile_exchange.domain.refinement import (
    Consents,
    MomentAround,
    MomentInRange,
    NumberInRange,
    PropertyFilter,
    Refinement,
    leaves,
    objectives_of,
    properties_of,
)
from profile_exchange.domain.refinement_grammar import parse_refinement_json
from profile_exchange.exposure.cursors import FIRST_PAGE
from profile_exchange.exposure.grant import Grant
from profile_exchange.exposure.listings import DEFAULT_COUNT, MAX_COUNT, MAX_INDEX
from profile_exchange.exposure.refusals import invalid_request

EXPAND_SEGMENTS = "profiles.profile.segments"
#: Our own extension: links to so many equal ranges of ids, to be read side by side.
EXPAND_RANGES = "ranges"
MAX_RANGES = 256
#: Filters of a refinement that read numbers or dates. Each takes microseconds of every profile
#: that is looked at, a hundred times as much as one on texts.
MAX_READING = 10

READING = (NumberInRange, MomentInRange, MomentAround)

#: Published parameters that would change which profiles come, and are not served.
NOT_SERVED = (
    "audienceId",
    "autoCommit",
    "maxHitsAllowed",
    "trackProperties",
    "trackPropertiesModifiedSince",
    "trackPropertyChangesInNumberOfDays",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for one page of profiles.

    ``properties`` None means all that are exposed. ``ranges`` is how many id ranges to offer, 0
    for none.
    """

    cursor: str
    count: int
    properties: tuple[str, ...] | None
    refinement_text: str | None
    expands_segments: bool
    ranges: int

    @property
    def is_first_page(self) -> bool:
        """Whether the list starts here."""
        return self.cursor == FIRST_PAGE

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What is asked of every page of the list, as parameters of their addresses."""
        # An empty name asks for no property; to ask for none of them is to ask for all.
        names = () if self.properties is None else self.properties or ("",)
        return [
            *(("profileProperty", name) for name in names),
            *([("refinement", self.refinement_text)] if self.refinement_text else []),
            *([("expand", EXPAND_SEGMENTS)] if self.expands_segments else []),
        ]

    def shown(self, grant: Grant) -> tuple[str, ...]:
        """The properties to show. Refuses a request for one that is not exposed."""
        readable = grant.goal.readable
        if self.properties is None:
            return readable
        if not set(self.properties) <= set(readable):
            raise invalid_request("A profile property that is asked for is not exposed.")
        return self.properties

    def refinement(self, grant: Grant) -> Refinement | None:
        """The refinement asked for. Refuses one that looks at what is not exposed."""
        if self.refinement_text is None:
            return None
        try:
            found = parse_refinement_json(self.refinement_text)
        except InvalidRefinement as error:
            raise invalid_request(f"refinement: {_place(error.path)}{error}") from None
        if not properties_of(found) <= set(grant.goal.readable):
            raise invalid_request("The refinement looks at a profile property not exposed.")
        if not objectives_of(found) <= set(grant.objectives):
            raise invalid_request("The refinement looks at an objective that is not exposed.")
        if sum(_reads(leaf) for leaf in leaves(found)) > MAX_READING:
            raise invalid_request(
                f"The refinement has more than {MAX_READING} filters on numbers and dates."
            )
        return found


async def asked(
    request: Request,
    *,
    cursor: Annotated[str, Query(max_length=256)] = FIRST_PAGE,
    count: Annotated[int, Query(ge=0, le=MAX_INDEX)] = DEFAULT_COUNT,
    profile_properties: Annotated[list[str] | None, Query(alias="profileProperty")] = None,
    properties: Annotated[str | None, Query(deprecated=True)] = None,
    refinement: Annotated[str | None, Query()] = None,
    expand: Annotated[list[str] | None, Query()] = None,
    ranges: Annotated[int, Query(ge=1, le=MAX_RANGES)] = 1,
) -> Asked:
    """What a request asks for. Refuses what this API does not serve."""
    expanded = set(expand or ())
    _refuse_unserved(request.query_params.keys(), expanded)
    first = cursor or FIRST_PAGE
    if EXPAND_RANGES in expanded and first != FIRST_PAGE:
        raise invalid_request("Ranges are offered with the first page only.")
    return Asked(
        cursor=first,
        count=min(count, MAX_COUNT),
        properties=names_asked(profile_properties, properties),
        refinement_text=refinement or None,
        expands_segments=EXPAND_SEGMENTS in expanded,
        ranges=ranges if EXPAND_RANGES in expanded else 0,
    )


def _refuse_unserved(names: Iterable[str], expanded: set[str]) -> None:
    unserved = sorted(set(names).intersection(NOT_SERVED))
    if unserved:
        raise invalid_request(f"This tenant does not serve {', '.join(unserved)}.")
    if not expanded <= {EXPAND_SEGMENTS, EXPAND_RANGES}:
        raise invalid_request(f"This tenant expands {EXPAND_SEGMENTS} and {EXPAND_RANGES} only.")


def names_asked(repeated: Sequence[str] | None, joined: str | None) -> tuple[str, ...] | None:
    """The properties named in either way, each once; None if neither way was used."""
    if repeated is None and joined is None:
        return None
    apart = [name.strip() for name in (joined or "").split(",")]
    return tuple(dict.fromkeys(name for name in [*(repeated or ()), *apart] if name))


def _reads(leaf: PropertyFilter | Consents) -> bool:
    """Whether a filter reads values: the profile's own dates are columns, and cost nothing."""
    return isinstance(leaf, READING) and leaf.property not in (CREATION_DATE, LAST_MODIFIED_DATE)


def _place(path: Sequence[str | int]) -> str:
    """Where in a refinement something is, for example ``filters[0].operator:``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{text}: " if text else ""
