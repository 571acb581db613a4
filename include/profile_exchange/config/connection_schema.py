"""The JSON Schema of a connection's YAML file, for editors.

It says what `connection_spec` accepts, key by key. What depends on other files, or on two keys
together, is told by `exchange validate` alone.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from profile_exchange.config.connection_spec import ConnectionSpec

#: Where the repository keeps it, beside the connections, and how it is made anew.
FILE = "include/connections/connection.schema.json"
COMMAND = f"exchange connections schema > {FILE}"


class _AsWritten(GenerateJsonSchema):
    """What people write: a key may be left out, and is not written with nothing behind it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schema() -> dict[str, Any]:
    """The JSON Schema as Python objects."""
    found = ConnectionSpec.model_json_schema(schema_generator=_AsWritten)
    for definition in found["$defs"].values():
        definition.pop("title", None)
    return {"$schema": GenerateJsonSchema.schema_dialect, **found, "title": "Connection"}


def as_text() -> str:
    """The JSON Schema as the file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
