"""Reading a refinement: from JSON on the wire, or from a tenant's YAML.

Sizes are limited, because a refinement may come from a stranger and ends in a database query.
No message repeats what was read: it could be a property value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from profile_exchange.domain.consent import ConsentState
from profile_exchange.domain.errors import InvalidRefinement
from profile_exchange.domain.moments import Moment, moment_at, moment_of
from profile_exchange.domain.refinement import (
    AllOf,
    AnyOf,
    Consents,
    ContainsAll,
    ContainsAny,
    IsEmpty,
    MomentAround,
    MomentInRange,
    Not,
    NumberInRange,
    PropertyFilter,
    Refinement,
    leaves,
)

MAX_CHARACTERS = 16_384
MAX_DEPTH = 8
MAX_FILTERS = 100
MAX_VALUES = 1_000
MAX_TEXT = 1_000
MAX_DAYS = 36_500
#: Numbers beyond it are no property value either.
MAX_NUMBER = Decimal(10) ** 30
MIN_EXPONENT = -20

Path = tuple[str | int, ...]
Filter = Mapping[str, Any]


def parse_refinement_json(text: str) -> Refinement:
    """The refinement in a JSON text. Raises `InvalidRefinement`."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidRefinement(f"a refinement has at most {MAX_CHARACTERS} characters.")
    try:
        data = json.loads(
            text,
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_no_repeated_key,
        )
    except (ValueError, ArithmeticError, RecursionError):
        raise InvalidRefinement("this is not JSON, or repeats a key.") from None
    return parse_refinement(data)


def parse_refinement(data: object) -> Refinement:
    """The refinement in parsed JSON or YAML. Raises `InvalidRefinement`, which says where."""
    return _Reader().filter(data, (), 1)


def refinement_problems(
    data: object, properties: Collection[str], objectives: Collection[str]
) -> Iterator[tuple[Path, str]]:
    """What is wrong with a tenant's refinement, each with its place: what cannot be read, and
    names of properties and objectives that the tenant does not have."""
    try:
        refinement = parse_refinement(data)
    except InvalidRefinement as error:
        yield error.path, str(error)
        return
    for leaf in leaves(refinement):
        if isinstance(leaf, Consents):
            for unknown in sorted(set(leaf.objectives) - set(objectives)):
                yield (), f"there is no objective {unknown!r}."
        elif leaf.property not in properties:
            yield (), f"there is no profile property {leaf.property!r}."


def _no_constant(_: str) -> None:
    raise ValueError


def _no_repeated_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


class _Reader:
    """Reads one refinement, counting how large it gets."""

    def __init__(self) -> None:
        self._filters = 0
        self._values = 0

    def filter(self, data: object, path: Path, depth: int) -> Refinement:
        self._filters += 1
        if depth > MAX_DEPTH or self._filters > MAX_FILTERS:
            raise InvalidRefinement(
                f"a refinement has at most {MAX_FILTERS} filters, {MAX_DEPTH} deep.", path
            )
        if not isinstance(data, dict):
            raise InvalidRefinement("a filter is an object of keys and values.", path)
        # Some clients send every key of the schema, with null for the ones they do not use.
        present = {key: value for key, value in data.items() if value is not None}
        if "filters" in present:
            return self._composite(present, path, depth)
        if "objective" in present:
            return self._consents(present, path)
        return self._property_filter(present, path)

    def _composite(self, data: Filter, path: Path, depth: int) -> Refinement:
        _known_keys(data, {"operator", "filters"}, path)
        operator = _word(data, "operator", ("AND", "OR"), path)
        filters = data["filters"]
        if not isinstance(filters, list) or not filters:
            raise InvalidRefinement("this is a list of at least one filter.", (*path, "filters"))
        inner = tuple(
            self.filter(each, (*path, "filters", position), depth + 1)
            for position, each in enumerate(filters)
        )
        return AllOf(inner) if operator == "AND" else AnyOf(inner)

    def _consents(self, data: Filter, path: Path) -> Refinement:
        _known_keys(data, {"objective", "operator", "values"}, path)
        state = _word(data, "objective", [state.value for state in ConsentState], path)
        operator = _word(data, "operator", ("CONTAINS_ANY", "CONTAINS_ALL"), path)
        objectives = self.texts(data, path)
        return Consents(objectives, ConsentState(state), every=operator == "CONTAINS_ALL")

    def _property_filter(self, data: Filter, path: Path) -> Refinement:
        name = _text(data.get("property"), (*path, "property"))
        operator = _word(data, "operator", _OPERATORS, path)
        keys, read = _READERS[operator.removeprefix("NOT_")]
        _known_keys(data, {"property", "operator", *keys}, path)
        found = read(self, name, data, path)
        return Not(found) if operator.startswith("NOT_") else found

    def texts(self, data: Filter, path: Path) -> tuple[str, ...]:
        values = data.get("values")
        path = (*path, "values")
        if not isinstance(values, list) or not values:
            raise InvalidRefinement("this is a list of at least one text.", path)
        self._values += len(values)
        if self._values > MAX_VALUES:
            raise InvalidRefinement(f"a refinement has at most {MAX_VALUES} values.", path)
        return tuple(_text(value, (*path, position)) for position, value in enumerate(values))


def _is_empty(_: _Reader, name: str, __: Filter, ___: Path) -> PropertyFilter:
    return IsEmpty(name)


def _contains_any(reader: _Reader, name: str, data: Filter, path: Path) -> PropertyFilter:
    return ContainsAny(name, reader.texts(data, path))


def _contains_all(reader: _Reader, name: str, data: Filter, path: Path) -> PropertyFilter:
    return ContainsAll(name, reader.texts(data, path))


def _in_range(_: _Reader, name: str, data: Filter, path: Path) -> PropertyFilter:
    of_numbers = {"fromValue", "toValue"} & data.keys()
    of_dates = {"fromDate", "toDate"} & data.keys()
    if bool(of_numbers) == bool(of_dates):
        raise InvalidRefinement(
            "a range has fromValue or toValue or both, or else fromDate or toDate or both.", path
        )
    if of_numbers:
        return NumberInRange(name, _number(data, "fromValue", path), _number(data, "toValue", path))
    return MomentInRange(name, _moment(data, "fromDate", path), _moment(data, "toDate", path))


def _last(key: str, hours: int) -> _Read:
    def read(_: _Reader, name: str, data: Filter, path: Path) -> PropertyFilter:
        return MomentAround(name, hours_before=_count(data, key, hours, path))

    return read


def _next(key: str, hours: int) -> _Read:
    def read(_: _Reader, name: str, data: Filter, path: Path) -> PropertyFilter:
        return MomentAround(name, hours_after=_count(data, key, hours, path))

    return read


_Read = Callable[[_Reader, str, Filter, Path], PropertyFilter]

_READERS: dict[str, tuple[tuple[str, ...], _Read]] = {
    "IS_EMPTY": ((), _is_empty),
    "CONTAINS_ANY": (("values",), _contains_any),
    "CONTAINS_ALL": (("values",), _contains_all),
    "IN_RANGE": (("fromValue", "toValue", "fromDate", "toDate"), _in_range),
    "IN_LAST_DAYS": (("daysCount",), _last("daysCount", 24)),
    "IN_NEXT_DAYS": (("daysCount",), _next("daysCount", 24)),
    "IN_LAST_HOURS": (("hoursCount",), _last("hoursCount", 1)),
    "IN_NEXT_HOURS": (("hoursCount",), _next("hoursCount", 1)),
}
_OPERATORS = [prefix + name for name in _READERS for prefix in ("", "NOT_")]


def _known_keys(data: Filter, known: Collection[str], path: Path) -> None:
    if not data.keys() <= set(known):
        raise InvalidRefinement(
            f"there is a key that does not belong here; known are {', '.join(sorted(known))}.",
            path,
        )


def _word(data: Filter, key: str, known: Collection[str], path: Path) -> str:
    word = data.get(key)
    if not isinstance(word, str) or word not in known:
        raise InvalidRefinement(f"this is one of {', '.join(known)}.", (*path, key))
    return word


def _text(value: object, path: Path) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise InvalidRefinement(f"this is a text of 1 to {MAX_TEXT} characters.", path)
    # Neither fits into a database; no stored value can contain them.
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRefinement("this text has a character that no value can have.", path)
    return value


def _number(data: Filter, key: str, path: Path) -> Decimal | None:
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
        exponent = number.as_tuple().exponent
        if (
            isinstance(exponent, int)
            and exponent >= MIN_EXPONENT
            and -MAX_NUMBER < number < MAX_NUMBER
        ):
            return number
    raise InvalidRefinement("this is a number of up to 30 digits.", (*path, key))


def _moment(data: Filter, key: str, path: Path) -> Moment | None:
    value = data.get(key)
    if value is None:
        return None
    # YAML reads an unquoted date as one.
    if isinstance(value, datetime):
        return moment_at(value if value.tzinfo else value.replace(tzinfo=UTC))
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, str) and "-" in value[1:]:
        moment = moment_of(value)
        if moment is not None:
            return moment
    raise InvalidRefinement(
        "this is a date such as 2025-01-22 or 2025-01-22T11:21:33Z.", (*path, key)
    )


def _count(data: Filter, key: str, hours: int, path: Path) -> int:
    count = data.get(key)
    limit = MAX_DAYS * 24 // hours
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= limit:
        raise InvalidRefinement(f"this is a whole number from 0 to {limit}.", (*path, key))
    return count * hours
