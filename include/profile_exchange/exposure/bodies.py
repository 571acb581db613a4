"""Bodies of requests: read no further than they may be large, nor longer than they may take."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from profile_exchange.exposure.refusals import invalid_request

#: Seconds in which a body has to be here.
BODY_SECONDS = 60.0


async def body_of(request: Request, most: int) -> bytes:
    """A request's body of JSON. Refuses one that is too large, or takes too long to come."""
    return await read(request, "application/json", most, BODY_SECONDS)


async def read(request: Request, kind: str, most: int, seconds: float) -> bytes:
    """A request's body of some media type, if it is here within so many seconds."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise invalid_request(f"The body must be {kind}.")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise invalid_request(f"The body has at most {most} bytes.")
    except (TimeoutError, ClientDisconnect):
        raise invalid_request("The body did not come to its end.") from None
    return bytes(body)


def json_body(schema: dict[str, Any]) -> dict[str, Any]:
    """How a route that reads its body itself describes it, by the JSON Schema of a model."""
    known = schema.get("$defs", {})
    plain = {name: part for name, part in schema.items() if name != "$defs"}
    content = {"application/json": {"schema": _written_out(plain, known)}}
    return {"requestBody": {"required": True, "content": content}}


def _written_out(part: Any, known: dict[str, Any]) -> Any:
    """A schema without references: those of a model lead nowhere inside of another document."""
    if isinstance(part, list):
        return [_written_out(each, known) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _written_out(known[part["$ref"].rpartition("/")[2]], known)
    return {name: _written_out(each, known) for name, each in part.items()}
