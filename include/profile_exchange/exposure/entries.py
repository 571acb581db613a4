"""The body of ``PUT /profiles``, and its answer, as REST API v2 spells them.

Names that the published API has and this one does not use are read over: domain groups,
permission levels and triggers. Timeline events are refused, each by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from profile_exchange.domain.connection import Restriction, Strategy
from profile_exchange.domain.entries import Criterion, Entry, Outcome, Rule, State
from profile_exchange.exposure.refusals import Refusal
from profile_exchange.exposure.splitting import MAX_DEPTH, ElementTooLarge, NoList, first_elements

#: As many entries of a request are processed.
MAX_ENTRIES = 1000
#: More than anybody's profile has, and little enough to be read into objects.
MAX_ENTRY_BYTES = 1024 * 1024
#: A request with more in it than this is a mistake, or worse.
MAX_PARTS = 100
#: Rules, values, criteria and events of all entries together: enough for a hundred rules for each
#: of a thousand profiles. A body can hold millions, which take a hundred times its memory.
MAX_BODY_PARTS = 250_000
#: What is absent is as what is empty, and changes nothing; a list said to be empty is neither.
ABSENT = ("",)
#: So many mistakes of a body are told.
MAX_TOLD = 20

Id = Annotated[str, Field(max_length=200)]


class _Sent(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, strict=True
    )


class SentCriterion(_Sent):
    """A value that a unique identifier has to have."""

    id: Id
    value: str


class SentRule(_Sent):
    """Values for a profile property; ``INCREMENT`` and ``SUM`` are two words for one."""

    id: Id
    values: list[str] = Field(default_factory=list, max_length=10_000)
    strategy: Literal["ADD", "SET", "SET_IF_EMPTY", "INCREMENT", "SUM", "REMOVE"] = "SET"
    restriction: Literal["ALL_PROFILES", "EXISTING_PROFILES_ONLY", "NEW_PROFILES_ONLY"] = (
        "ALL_PROFILES"
    )

    def to_domain(self) -> Rule:
        """The rule without its JSON."""
        word = "SUM" if self.strategy == "INCREMENT" else self.strategy
        values = tuple(self.values) if "values" in self.model_fields_set else ABSENT
        return Rule(self.id, values, Strategy(word), Restriction(self.restriction))


class SentRestriction(_Sent):
    """A segment that the profile has to be in."""

    is_member_of_segment: Id | None = None


class SentEvent(_Sent):
    """A timeline event. There is no timeline here, so that nothing but its names is read."""

    id: str | None = None
    identifier: str | None = None


class SentEntry(_Sent):
    """One profile to create or update."""

    identifier: str | None = Field(
        default=None, description="Returned in the answer as it came, to tell entries apart by."
    )
    profile_id: str | None = Field(
        default=None, description="The profile's id; overrides matching."
    )
    matching: list[Annotated[list[SentCriterion], Field(max_length=MAX_PARTS)]] = Field(
        default_factory=list,
        max_length=MAX_PARTS,
        description="Alternatives (OR) of values that all have to agree (AND).",
    )
    properties: list[SentRule] = Field(default_factory=list, max_length=10_000)
    strategy: Literal["UPSERT", "UPDATE", "DELETE"] = "UPDATE"
    restriction: SentRestriction | None = None
    privacy_legislation: str | None = Field(
        default=None, description="The zone of a profile that is created."
    )
    timeline: list[SentEvent] = Field(default_factory=list, max_length=10_000)

    @property
    def parts(self) -> int:
        """Of how many objects and values the entry is made."""
        criteria = sum(1 + len(alternative) for alternative in self.matching)
        rules = sum(1 + len(rule.values) for rule in self.properties)
        return 1 + criteria + rules + len(self.timeline)

    def to_domain(self) -> Entry:
        """The entry without its JSON."""
        return Entry(
            matching=tuple(
                tuple(Criterion(each.id, each.value) for each in some) for some in self.matching
            ),
            profile_id=self.profile_id,
            rules=tuple(rule.to_domain() for rule in self.properties),
            creates=self.strategy == "UPSERT",
            deletes=self.strategy == "DELETE",
            segment=self.restriction.is_member_of_segment if self.restriction else None,
            legislation=self.privacy_legislation,
        )


@dataclass(frozen=True, slots=True)
class TakenEntry:
    """An entry that is processed, and what its answer repeats: ids and identifiers as they came."""

    entry: Entry
    identifier: str | None
    events: Sequence[tuple[str | None, str | None]]

    @classmethod
    def of(cls, sent: SentEntry) -> TakenEntry:
        """The entry without its JSON."""
        events = [(event.id, event.identifier) for event in sent.timeline]
        return cls(sent.to_domain(), sent.identifier, events)


class EventResult(_Sent):
    """What became of a timeline event: nothing."""

    id: str | None = None
    identifier: str | None = None
    state: Literal["REJECTED"] = "REJECTED"
    validation_errors: tuple[str, ...] = ("This tenant keeps no timeline.",)


class EntryResult(_Sent):
    """What became of an entry. ``validationErrors`` are sentences by what they are about."""

    identifier: str | None = None
    profile_id: str | None = None
    state: State
    timeline: tuple[EventResult, ...] | None = None
    validation_errors: dict[str, tuple[str, ...]] | None = None

    @classmethod
    def of(cls, taken: TakenEntry, outcome: Outcome) -> EntryResult:
        """The answer to one entry."""
        events = tuple(EventResult(id=one, identifier=told) for one, told in taken.events)
        return cls(
            identifier=taken.identifier,
            profile_id=str(outcome.profile_id) if outcome.profile_id else None,
            state=outcome.state,
            timeline=events or None,
            validation_errors=dict(outcome.errors) or None,
        )


_ENTRY = TypeAdapter(SentEntry)
#: The body as a JSON Schema.
BODY_SCHEMA = TypeAdapter(list[SentEntry]).json_schema(by_alias=True)
_RESULT = TypeAdapter(EntryResult)


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a request that are processed, and whether it had more."""

    taken: Sequence[TakenEntry]
    more: bool


def read_entries(body: bytes) -> Entries:
    """The entries of a body. Refuses one that is not as it should be, and tells where.

    What is behind the first `MAX_ENTRIES` has to be JSON, and is not looked at otherwise.
    """
    try:
        split = first_elements(body, MAX_ENTRIES, MAX_ENTRY_BYTES)
    except NoList as error:
        raise _unreadable([("", _WRONG if error.is_json else _NO_JSON)]) from None
    except ElementTooLarge as error:
        raise _unreadable([(f"[{error.place}]", _TOO_LARGE)]) from None
    return Entries(_taken(split.elements), split.more)


def _taken(elements: Iterable[bytes]) -> list[TakenEntry]:
    """The entries, of which one at a time is held as it came."""
    taken: list[TakenEntry] = []
    wrong: list[tuple[str, str]] = []
    parts = 0
    for place, element in enumerate(elements):
        try:
            sent = _ENTRY.validate_json(element)
        except ValidationError as error:
            wrong += _told(place, error)
            if len(wrong) >= MAX_TOLD:
                break
            continue
        parts += sent.parts
        if parts > MAX_BODY_PARTS:
            raise _unreadable([(f"[{place}]", _TOO_MANY_PARTS)])
        taken.append(TakenEntry.of(sent))
    if wrong:
        raise _unreadable(wrong[:MAX_TOLD])
    return taken


def written_results(taken: Iterable[TakenEntry], outcomes: Iterable[Outcome]) -> bytes:
    """The answer's JSON, entry by entry: all the events of a request are many objects."""
    results = (EntryResult.of(*both) for both in zip(taken, outcomes, strict=True))
    each = (_RESULT.dump_json(one, by_alias=True, exclude_none=True) for one in results)
    return b"[" + b",".join(each) + b"]"


def _unreadable(wrong: Sequence[tuple[str, str]]) -> Refusal:
    """400 with what is wrong, and where. Neither values nor names that somebody made up."""
    sentence = "The body is not a list of entries as the API describes them."
    return Refusal(400, "invalid_request", sentence, fields=wrong)


def _told(place: int, error: ValidationError) -> list[tuple[str, str]]:
    """What is wrong with one entry."""
    wrongs = error.errors(include_url=False, include_input=False, include_context=False)
    return [(_place((place, *wrong["loc"])), _KINDS.get(wrong["type"], _WRONG)) for wrong in wrongs]


_WRONG = "This is not as the API describes it."
_NO_JSON = "This is no JSON."
_TOO_LARGE = f"An entry has at most {MAX_ENTRY_BYTES} bytes, and is at most {MAX_DEPTH} deep."
_TOO_MANY_PARTS = (
    f"The entries up to this one have more than {MAX_BODY_PARTS} parts together: send fewer."
)
_KINDS = {
    "json_invalid": _NO_JSON,
    "missing": "This is missing.",
    "too_long": "There are too many of these.",
    "string_too_long": "This is too long.",
}


def _place(path: Sequence[Any]) -> str:
    """Where something is, for example ``[3].properties[0].values``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(
        "."
    )
