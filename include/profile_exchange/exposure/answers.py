"""An answer that may be large: sent in pieces, and packed when that helps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from profile_exchange.domain.origins import LOOPBACK, is_within
from profile_exchange.exposure.origins import address_of
from profile_exchange.exposure.refusals import NO_STORE

#: As much as is handed to the network before the reader has to have taken it.
PIECE_BYTES = 256 * 1024
#: Smaller answers fit in a packet or two anyway.
SMALLEST_PACKED = 1024
GZIP = 31  # zlib's window bits for gzip's own header
FASTEST = 1


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, FASTEST, wbits=GZIP)


def _zstd(body: bytes) -> bytes:
    packed: bytes = _zstd_codec().compress(body, asbytes=True)
    return packed


@lru_cache(maxsize=1)
def _zstd_codec() -> Any:
    # Half a second and some memory, for workers of which nobody asks for it.
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=FASTEST)


#: The better one first.
PACKERS: Mapping[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "gzip": _gzip}


def accepted(header: str) -> str | None:
    """The best of `PACKERS` that an Accept-Encoding header allows, if it allows any."""
    offered = {name.strip().lower(): weight for name, weight in map(_weighed, header.split(","))}
    return next((name for name in PACKERS if offered.get(name, 0) > 0), None)


def _weighed(offer: str) -> tuple[str, float]:
    name, _, weight = offer.partition(";")
    _, _, number = weight.partition("=")
    try:
        return name, float(number) if number.strip() else 1.0
    except ValueError:
        return name, 0.0


async def json_answer(request: Request, parts: Sequence[bytes]) -> Response:
    """JSON in parts as an answer; packed as the reader likes, unless it is on this machine."""
    headers = {**NO_STORE, "Vary": "Accept-Encoding"}
    size = sum(map(len, parts))
    encoding = accepted(request.headers.get("accept-encoding", ""))
    if encoding and size >= SMALLEST_PACKED and not is_within(address_of(request), LOOPBACK):
        pack = PACKERS[encoding]
        parts = [await anyio.to_thread.run_sync(lambda: pack(b"".join(parts)))]
        headers["Content-Encoding"] = encoding
    return PiecesResponse(parts, headers)


class PiecesResponse(Response):
    """A JSON body in parts. The next piece is sent when the reader has taken the one before."""

    media_type = "application/json"

    def __init__(self, parts: Sequence[bytes], headers: Mapping[str, str]) -> None:
        size = sum(map(len, parts))
        super().__init__(headers={**headers, "Content-Length": str(size)})
        self._parts = parts

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send head and body."""
        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        for piece in pieces(self._parts):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def pieces(parts: Sequence[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `PIECE_BYTES` at most."""
    for part in parts:
        for start in range(0, len(part), PIECE_BYTES):
            yield part[start : start + PIECE_BYTES]
