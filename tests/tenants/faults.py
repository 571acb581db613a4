"""What a partner can do wrong on the wire, each as an answer for `ScriptedPartner`."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from threading import Event
from typing import Any

import msgspec

from tests.tenants.scripted_partner import Answer

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: Nobody sets it: waiting for it is how a partner takes its time.
_NEVER = Event()
_PAUSE = 0.01


def busy(status: int, **headers: str) -> Answer:
    return Answer({}, status, {name.replace("_", "-"): text for name, text in headers.items()})


def packed(body: Any) -> Answer:
    return Answer(gzip.compress(msgspec.json.encode(body)), headers={"Content-Encoding": "gzip"})


def cut_in_the_middle(body: Any) -> Answer:
    return Answer(body, cut=len(msgspec.json.encode(body)) // 2)


def cut_without_a_length(body: Any) -> Answer:
    """As HTTP/1.0 does it: the end of the connection is the end of the body."""
    half = msgspec.json.encode(body)
    return Answer(wire=lambda: [OK + b"Connection: close\r\n\r\n", half[: len(half) // 2]])


def cut_in_a_chunk(body: Any) -> Answer:
    half = msgspec.json.encode(body)[:20]
    return Answer(wire=lambda: [OK + b"Transfer-Encoding: chunked\r\n\r\n", b"ff\r\n", half])


def cut_while_packed(body: Any) -> Answer:
    whole = packed(body).body
    return Answer(whole[:-12], headers={"Content-Encoding": "gzip"})


def damaged_while_packed(body: Any) -> Answer:
    whole = bytearray(packed(body).body)
    whole[len(whole) // 2] ^= 0xFF
    return Answer(bytes(whole), headers={"Content-Encoding": "gzip"})


def hung_up(_: Any) -> Answer:
    return Answer(wire=list)


def no_http(_: Any) -> Answer:
    return Answer(wire=lambda: [b"SSH-2.0-OpenSSH_9.2\r\n"])


def dribbled(text: Iterable[int]) -> Iterator[bytes]:
    for byte in text:
        yield bytes([byte])
        _NEVER.wait(_PAUSE)


def dribbled_head(_: Any) -> Answer:
    def wire() -> Iterator[bytes]:
        yield OK
        yield from dribbled(itertools.cycle(b"X-A: b\r\n"))

    return Answer(wire=wire)


def dribbled_body(_: Any) -> Answer:
    def wire() -> Iterator[bytes]:
        yield OK + b"Connection: close\r\n\r\n"
        yield from dribbled(itertools.repeat(ord(" ")))

    return Answer(wire=wire)


def silent(_: Any) -> Answer:
    def wire() -> Iterator[bytes]:
        yield OK
        _NEVER.wait(1)

    return Answer(wire=wire)


def endless(_: Any) -> Answer:
    def wire() -> Iterator[bytes]:
        yield OK + b'Connection: close\r\n\r\n{"profiles":['
        yield from itertools.repeat(b'{"id":""},' * 1000)

    return Answer(wire=wire)


@cache
def bomb(encoding: str, megabytes: int) -> Answer:
    """A body that is small on the wire and large when it is unpacked."""
    packing = zlib.compressobj(wbits={"gzip": 31, "deflate": 15}[encoding])
    blank = b" " * (1 << 20)
    body = b"".join(packing.compress(blank) for _ in range(megabytes)) + packing.flush()
    return Answer(body, headers={"Content-Encoding": encoding})


def bomb_of_nothing() -> Answer:
    """Packed bytes without end that unpack to nothing at all."""

    def wire() -> Iterator[bytes]:
        yield OK + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
        packing = zlib.compressobj(wbits=31)
        yield packing.compress(b"") + packing.flush(zlib.Z_FULL_FLUSH)
        yield from itertools.repeat(b"\x00\x00\x00\xff\xff" * 10_000)

    return Answer(wire=wire)


NAN = b'"score": NaN'
#: What spoils a profile as JSON, or as one of the published schema: a member to put into it.
SPOILS = {
    "NaN": NAN,
    "Infinity": b'"score": [-Infinity]',
    "NaN as a value": b'"properties": [{"id": "sports", "values": [NaN]}]',
    "a number of 5,000 digits": b'"properties": [{"id": "sports", "values": ['
    + b"1" * 5000
    + b"]}]",
    "a NUL character": rb'"properties": [{"id": "sports", "values": ["a\u0000b"]}]',
    "a raw NUL character": b'"properties": [{"id": "sports", "values": ["a\x00b"]}]',
    "a NUL character in an objective": rb'"consentedObjectives": ["a\u0000b"]',
    "a lone surrogate": rb'"properties": [{"id": "sports", "values": ["\ud800"]}]',
    "a lone surrogate nobody reads": rb'"other": "\udfff!"',
    "a raw surrogate": b'"properties": [{"id": "sports", "values": ["\xed\xa0\x80"]}]',
    "bytes that are no UTF-8": b'"privacyLegislation": "\xff\xfe"',
    "a control character": b'"properties": [{"id": "sports", "values": ["\x01"]}]',
    "nesting without end": b'"other": ' + b"[" * 100_000 + b"]" * 100_000,
    "a value that is no text": b'"properties": [{"id": "sports", "values": [7]}]',
    "values that are no list": b'"properties": [{"id": "sports", "values": "Rowing"}]',
    "a date that is none": b'"creationDate": "2026-02-30T00:00:00Z"',
    "a date before all time": b'"creationDate": "0001-01-01T00:00:00+14:00"',
    "single quotes": b"'other': 1",
}
#: What looks odd and costs nothing.
ODDITIES = {
    "a number of 5,000 digits nobody reads": b'"other": ' + b"1" * 5000,
    "the same key twice": b'"privacyLegislation": "NONE", "privacyLegislation": "GDPR"',
    "null where a list belongs": b'"properties": null, "consentedObjectives": null',
    "an offset that no place has": b'"creationDate": "2026-02-03T00:00:00+20:00"',
    "a backslash before u0000": rb'"properties": [{"id": "sports", "values": ["\\u0000"]}]',
}
