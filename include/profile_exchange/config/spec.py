"""What all YAML models share: strictness, and errors told as sentences."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from profile_exchange.config.yaml_source import KeyPath, YamlDocument
from profile_exchange.domain.errors import ConfigurationError, Problem

#: Ids of connections and tenants are file names, DAG ids and parts of addresses.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
#: Ids of properties, segments and objectives, as BlueConic allows them.
ObjectId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,63}$")]
HostName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$",
        max_length=253,
    ),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Spec(BaseModel):
    """A frozen model of a piece of YAML; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


SpecT = TypeVar("SpecT", bound=Spec)


def nearest(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?``, or nothing when no known word is close."""
    candidates = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(word.lower(), list(candidates), n=1, cutoff=0.5)
    return f" Did you mean {candidates[close[0]]!r}?" if close else ""


def parse(model: type[SpecT], document: YamlDocument) -> SpecT:
    """The model of a document. Raises `ConfigurationError` with every problem in it."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise ConfigurationError(_problems(model, document, error)) from None


def _problems(
    model: type[Spec], document: YamlDocument, error: ValidationError
) -> list[Problem]:
    problems = []
    for wrong in error.errors(include_url=False):
        path = _as_written(wrong["loc"], document)
        problems.append(document.problem(path, _sentence(model, path, wrong)))
    return sorted(set(problems))


def _as_written(loc: tuple[int | str, ...], document: YamlDocument) -> KeyPath:
    """A pydantic location without the parts that name a union's branch, not a key."""
    path: KeyPath = ()
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if last or (*path, part) in document.lines:
            path = (*path, part)
    return path if path in document.lines or not _is_branch(path[-1]) else path[:-1]


def _is_branch(part: str | int) -> bool:
    return isinstance(part, str) and (part[:1].isupper() or "[" in part or part in _BRANCHES)


_BRANCHES = {"str", "int", "float", "bool", "none", "function-after", "constrained-str"}


def _sentence(model: type[Spec], path: KeyPath, wrong: Any) -> str:
    kind = wrong["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        return f"unknown key.{nearest(str(path[-1]), known)} Known here: {', '.join(known)}."
    if kind == "missing":
        return "this key is required."
    if kind in {"enum", "literal_error"}:
        expected = wrong["ctx"]["expected"]
        words = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
        return f"{wrong['input']!r} is not one of {expected}.{nearest(str(wrong['input']), words)}"
    if kind == "string_pattern_mismatch":
        return f"{wrong['input']!r} is not a valid name here; it must match {wrong['ctx']['pattern']}."
    if kind == "value_error":
        return str(wrong["ctx"]["error"])
    return f"{wrong['msg'][0].lower()}{wrong['msg'][1:]}."


def _keys_at(model: type[Spec], path: KeyPath) -> list[str]:
    """The keys that the model knows at a place, as they are written in YAML."""
    found: Any = model
    for part in path:
        if isinstance(part, str) and (spec := _spec_in(found)):
            found = _annotation(spec, part)
    spec = _spec_in(found) or model
    return [field.alias or name for name, field in spec.model_fields.items()]


def _annotation(spec: type[Spec], key: str) -> Any:
    for name, field in spec.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _spec_in(annotation: Any) -> type[Spec] | None:
    """The first model named anywhere in an annotation such as ``list[LinkSpec] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return annotation
    if get_origin(annotation) in (list, tuple, dict, Union, UnionType, Annotated):
        for inner in get_args(annotation):
            if spec := _spec_in(inner):
                return spec
    return None


def words(enum: type[StrEnum]) -> list[str]:
    """The words of an enumeration, for messages."""
    return [member.value for member in enum]
