"""Profile properties: what a tenant calls a piece of data, and which values it may hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FilterType(StrEnum):
    """The type of a profile property, as BlueConic's REST API spells it."""

    SELECT = "SELECT"
    RANGE = "RANGE"
    DECIMAL = "DECIMAL"
    CURRENCY = "CURRENCY"
    EMAIL = "EMAIL"
    DATETIME = "DATETIME"


class DataSensitivity(StrEnum):
    """Whether a property's values identify a person."""

    NON_PII = "NON_PII"
    PII = "PII"


#: Properties that every tenant has because the platform writes them. They mirror columns of
#: a profile and are never stored among its other properties, nor may a mapping write them.
CREATION_DATE = "creationdate"
LAST_MODIFIED_DATE = "lastmodifieddate"
PRIVACY_LEGISLATION = "privacy_legislation"
#: What a profile consented to and refused: columns of it, and properties on the wire.
CONSENTED_OBJECTIVES = "consented_objectives"
REFUSED_OBJECTIVES = "refused_objectives"
#: Channels of its tenant that the profile visited. Stored like any other property.
VISITED_CHANNEL = "visitedchannel"

DERIVED_PROPERTIES = frozenset({CREATION_DATE, LAST_MODIFIED_DATE, PRIVACY_LEGISLATION})
SYSTEM_PROPERTIES = DERIVED_PROPERTIES | {VISITED_CHANNEL}
#: What nobody else writes, neither a mapping nor a partner: who a profile is, and what it
#: consented to.
KEPT_PROPERTIES = SYSTEM_PROPERTIES | {CONSENTED_OBJECTIVES, REFUSED_OBJECTIVES}

#: Limits on values, from BlueConic's documentation of profile properties.
MAX_VALUE_BYTES = 64 * 1024
MAX_TEXT_CHARACTERS = 65_000
MAX_WHOLE_NUMBER = 2_147_483_647


@dataclass(frozen=True, slots=True)
class ProfileProperty:
    """A profile property of a tenant. ``indexed`` makes it a unique identifier."""

    id: str
    name: str
    filter_type: FilterType = FilterType.SELECT
    indexed: bool = False
    data_sensitivity: DataSensitivity = DataSensitivity.NON_PII
    tags: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class ValueForm:
    """How a value of a type is written, blanks around it aside.

    ``pattern`` is a regular expression that means the same to PostgreSQL's ``~`` as it is, and
    to Python's `re` by ``fullmatch``, so that one rule serves both (`domain.values.has_form`,
    `store.value_forms.has_form`). It repeats without bounds where it can, and
    ``max_characters`` bounds it instead: PostgreSQL makes a state of each repetition that is
    counted, and all of them anew for every value, which takes up to 25 times as long.
    """

    pattern: str
    max_characters: int


#: 30 digits, a sign, a point and 20 decimals.
_NUMBER = ValueForm(r"^[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)$", 52)
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_DATE = (
    r"[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    r"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
)
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_OFFSET = r"(Z|[-+](0[0-9]|1[0-4]):?[0-5][0-9])"

#: The form of each type; `SELECT` takes anything. A date is ISO 8601 to the nanosecond, or epoch
#: milliseconds as BlueConic sends it.
VALUE_FORMS: dict[FilterType, ValueForm] = {
    FilterType.RANGE: ValueForm(r"^[-+]?[0-9]+$", 11),
    FilterType.DECIMAL: _NUMBER,
    FilterType.CURRENCY: _NUMBER,
    FilterType.EMAIL: ValueForm(
        rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}([.]{_LABEL})+$", 254
    ),
    FilterType.DATETIME: ValueForm(rf"^([-+]?[0-9]{{1,15}}|{_DATE}([T ]{_TIME}{_OFFSET}?)?)$", 35),
}

#: Types whose values are numbers, and can be summed.
NUMERIC_TYPES = frozenset({FilterType.RANGE, FilterType.DECIMAL, FilterType.CURRENCY})


def can_take(target: FilterType, source: FilterType) -> bool:
    """Whether a property of one type can hold every value of another, but for their length."""
    if target in {FilterType.DECIMAL, FilterType.CURRENCY}:
        return source in NUMERIC_TYPES
    return target in {source, FilterType.SELECT}
