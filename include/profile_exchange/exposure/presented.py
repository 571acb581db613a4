"""What a client presents at the token endpoints: a form, and key and secret in it or beside it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request

from profile_exchange.exposure.bodies import read
from profile_exchange.exposure.refusals import invalid_client, invalid_request

MAX_BODY = 8 * 1024
MAX_FIELDS = 16
FORM = "application/x-www-form-urlencoded"
#: Seconds in which a form has to be here: it is a packet, and nobody knows yet who sends it.
FORM_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Presented:
    """A form, and the key and secret that came in it or by HTTP Basic."""

    form: Mapping[str, str]
    client_id: str
    client_secret: str = field(repr=False)
    basic: bool = False


async def presented(request: Request) -> Presented:
    """What a request presents. Refuses everything that is not as the two standards ask."""
    if request.query_params:
        raise invalid_request("Parameters belong in the body, not in the address.")
    form = await _form(request)
    header = request.headers.get("authorization")
    if header is None:
        return Presented(form, required(form, "client_id"), required(form, "client_secret"))
    if "client_secret" in form:
        raise invalid_request("Send key and secret in the body or by HTTP Basic, not both.")
    key, secret = _basic(header)
    if "\x00" in key:
        raise invalid_client(basic=True)
    if form.get("client_id", key) != key:
        raise invalid_request("The body and HTTP Basic name different keys.")
    return Presented(form, key, secret, basic=True)


def required(form: Mapping[str, str], name: str) -> str:
    """A parameter that a form must have."""
    value = form.get(name, "")
    if not value or "\x00" in value:
        raise invalid_request(f"The parameter {name} is missing or cannot be read.")
    return value


async def _form(request: Request) -> dict[str, str]:
    body = await read(request, FORM, MAX_BODY, FORM_SECONDS)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise invalid_request("The body cannot be read as a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise invalid_request("Each parameter may stand in the body once.")
    return form


def _basic(header: str) -> tuple[str, str]:
    """Key and secret of an Authorization header (RFC 6749, 2.3.1: form-encoded inside)."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    key, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise invalid_client(basic=True)
    return unquote_plus(key), unquote_plus(secret)
