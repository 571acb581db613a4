"""What all YAML models share: strictness, and errors told as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from profile_exchange.config.forms import (
    CREDENTIALS,
    HOST_NAME,
    OBJECT_ID,
    ONE_LINE,
    SECRET_NAME,
    SLUG,
)
from profile_exchange.config.messages import nearest, sentence
from profile_exchange.config.quantities import length_of_time, share, share_or_off
from profile_exchange.config.yaml_source import KeyPath, YamlDocument
from profile_exchange.domain.errors import ConfigurationError, Problem

#: A file can be wrong in ever so many places; nobody reads more than this.
MAX_PROBLEMS = 100


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


#: Ids of connections and tenants are file names, DAG ids and parts of addresses.
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
#: Ids of properties, segments and objectives, as BlueConic allows them.
ObjectId = Annotated[str, StringConstraints(pattern=OBJECT_ID)]
#: The name under which `config.settings.read_secret` finds a secret.
SecretName = Annotated[str, StringConstraints(pattern=SECRET_NAME)]
#: The id of the Airflow connection that holds consumer key and secret.
CredentialsId = Annotated[str, StringConstraints(pattern=CREDENTIALS)]
#: Host names mean the same in any case, and are kept and compared in lower case.
HostName = Annotated[
    str, BeforeValidator(_lower), StringConstraints(pattern=HOST_NAME, max_length=253)
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE),
]
#: Labels and tags; Airflow, whose DAG tags they become, takes a hundred characters.
Label = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE),
]
#: A fraction of a whole: a number from 0 to 1, or a percentage such as ``5 %``.
Share = Annotated[float, BeforeValidator(share, json_schema_input_type=float | str)]
#: A share, or ``off`` for none.
ShareOrOff = Annotated[
    float | None, BeforeValidator(share_or_off, json_schema_input_type=float | str)
]
#: How long, such as ``8h``.
LengthOfTime = Annotated[timedelta, BeforeValidator(length_of_time, json_schema_input_type=str)]

#: A number of days. Strict, as a share is.
Days = Annotated[int, Field(ge=1, le=366, strict=True)]


class Spec(BaseModel):
    """A frozen model of a piece of YAML; a key that it does not know is an error.

    What stands below a key as a docstring is its description in the JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


SpecT = TypeVar("SpecT", bound=Spec)


def parse(model: type[SpecT], document: YamlDocument) -> SpecT:
    """The model of a document. Raises `ConfigurationError` with every problem in it.

    A document with mistakes, of which the rest is sound, has its model all the same.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise ConfigurationError(_problems(model, document, error)) from None


def _problems(model: type[Spec], document: YamlDocument, error: ValidationError) -> list[Problem]:
    wrongs = error.errors(include_url=False)
    problems = {_problem(model, document, wrong) for wrong in wrongs[:MAX_PROBLEMS]}
    if len(wrongs) > MAX_PROBLEMS:
        more = f"there are {len(wrongs) - MAX_PROBLEMS} more problems in this file."
        problems.add(document.problem((), more))
    return sorted({*document.mistakes, *problems})


def _problem(model: type[Spec], document: YamlDocument, wrong: Mapping[str, Any]) -> Problem:
    path = document.written(wrong["loc"])
    if wrong["type"] == "missing":
        return document.problem((*path, wrong["loc"][-1]), "this key is required.")
    if wrong["type"] == "extra_forbidden":
        known = keys_at(model, path[:-1])
        message = f"unknown key.{nearest(str(path[-1]), known)} Known here: {', '.join(known)}."
        return document.problem(path, message)
    return document.problem(path, sentence(wrong))


def keys_at(model: type[Spec], path: KeyPath) -> list[str]:
    """The keys that the model knows at a place, as they are written in YAML."""
    found: Any = model
    for part in path:
        if isinstance(part, str) and (spec := _spec_in(found)):
            found = _annotation(spec, part)
    spec = _spec_in(found) or model
    return [field.alias or name for name, field in spec.model_fields.items()]


def _annotation(spec: type[Spec], key: str) -> Any:
    for name, field in spec.model_fields.items():
        if key == (field.alias or name):
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
