"""A mapping in a connection's YAML file: what it takes, what it makes of it, and where it goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from profile_exchange.config.spec import ObjectId, Spec
from profile_exchange.domain.connection import PropertyMapping, Restriction, Strategy
from profile_exchange.domain.fates import Reason
from profile_exchange.domain.identifiers import BLANKS
from profile_exchange.domain.properties import FilterType
from profile_exchange.domain.transforms import DATE_FORM, DateFormat, Plain, Transform, ValueMap
from profile_exchange.domain.values import type_problem


def _writable(text: str) -> str:
    if not text.strip(BLANKS):
        raise ValueError("this must not be empty.")
    if type_problem(text, FilterType.SELECT) is Reason.VALUE_LIMIT:
        raise ValueError("this is longer than the 65,000 characters, or 64 KB, of a value.")
    return text


class TransformSpec(Spec):
    """A transform that needs more than its name."""

    values: dict[str, str] | None = Field(default=None, min_length=1)
    """Each value as it comes, and what is written instead."""
    default: str | None = None
    """What is written for values that are not named; without it they stay as they are."""
    date: Annotated[str, StringConstraints(pattern=DATE_FORM)] | None = None
    """How a date is written, in UTC: YYYY, YY, MM, DD, HH, mm and ss with signs between them."""

    @field_validator("values")
    @classmethod
    def _values_are_writable(cls, values: dict[str, str] | None) -> dict[str, str] | None:
        for text in (values or {}).values():
            _writable(text)
        return values

    @field_validator("default")
    @classmethod
    def _default_is_writable(cls, default: str | None) -> str | None:
        return None if default is None else _writable(default)

    @model_validator(mode="after")
    def _is_one(self) -> TransformSpec:
        if (self.values is None) == (self.date is None):
            raise ValueError("a transform is one of trim, lower, upper, first, values and date.")
        if self.default is not None and self.values is None:
            raise ValueError("default belongs to values; a date has none.")
        return self

    def to_domain(self) -> Transform:
        """The transform without its YAML."""
        if self.date is not None:
            return DateFormat(self.date)
        return ValueMap(tuple((self.values or {}).items()), self.default)


def _plain_or_more(value: object) -> str:
    return "with more" if isinstance(value, dict | TransformSpec) else "by name"


#: A name, or a key with what it needs; told apart so that an error speaks of what was meant.
AnyTransform = Annotated[
    Annotated[Plain, Tag("by name")] | Annotated[TransformSpec, Tag("with more")],
    Discriminator(_plain_or_more),
]


class MappingSpec(Spec):
    """Their property, a text or the segments of a profile, into a property of ours."""

    source: ObjectId | None = Field(default=None, alias="from")
    """The property of theirs that is taken."""
    text: str | None = None
    """A fixed text that is taken instead of a property."""
    segments: bool = False
    """Whether to take the names of the imported segments that a profile is in."""
    target: ObjectId = Field(alias="to")
    """The property of ours that is written; it is created if there is none."""
    strategy: Strategy = Strategy.SET
    """How what comes meets what is there; SUM may be spelled INCREMENT."""
    restriction: Restriction = Restriction.ALL_PROFILES
    """Whether profiles that exist, new ones, or all of them are written to."""
    transforms: list[AnyTransform] = Field(default_factory=list)
    """What is made of the values before they are written, one after the other."""
    overwrite: bool = False
    """Whether to write to a property that holds values this connection did not write."""
    clear_when_absent: bool = False
    """Whether a profile that comes without a value loses the one it has; for SET alone."""

    @field_validator(
        "strategy", mode="before", json_schema_input_type=Strategy | Literal["INCREMENT"]
    )
    @classmethod
    def _both_spellings_of_sum(cls, value: Any) -> Any:
        return Strategy.SUM if value == "INCREMENT" else value

    @field_validator("text")
    @classmethod
    def _text_is_writable(cls, text: str | None) -> str | None:
        return None if text is None else _writable(text)

    @model_validator(mode="after")
    def _has_one_source(self) -> MappingSpec:
        given = [self.source is not None, self.text is not None, self.segments]
        if given.count(True) != 1:
            raise ValueError("a mapping takes one of from, text and segments: true.")
        return self

    def to_domain(self) -> PropertyMapping:
        """The mapping without its YAML."""
        transforms = tuple(
            each.to_domain() if isinstance(each, TransformSpec) else each
            for each in self.transforms
        )
        return PropertyMapping(**{**dict(self), "transforms": transforms})
