"""Another tenant that answers as a test tells it to: a real HTTP server on loopback.

What it can be told to do wrong is in `tests.tenants.faults`.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

KEY, SECRET = "consumer-key", "consumer-secret"


@dataclass
class Answer:
    """One answer. A ``cut`` answer promises its whole length and breaks off after that many.

    ``wire`` is what is written instead of all this, byte for byte, until nobody reads any more.
    """

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    wire: Callable[[], Iterable[bytes]] | None = None

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


@dataclass
class Request:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes = b""


class ScriptedPartner:
    """Hands out tokens, and answers other requests by a script; remembers what was asked."""

    def __init__(
        self, respond: Callable[[Request], Answer], tls: ssl.SSLContext | None = None
    ) -> None:
        self.tls = tls
        self.expires_in: Any = 3600
        self.secret = SECRET
        self.token_prefix = "token-"
        self.respond = respond
        self.requests: list[Request] = []
        self.tokens = 0
        self.valid_token = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            # The handshake is the handler's, so that a client that breaks it off stops nobody.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def base_url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.server_port}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(path)]

    @contextmanager
    def running(self) -> Iterator[ScriptedPartner]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def answer(self, request: Request, body: bytes) -> Answer:
        self.requests.append(request)
        if request.path.endswith("/oauth/token"):
            return self._token(dict(parse_qsl(body.decode())))
        if request.headers.get("authorization") != f"Bearer {self.valid_token}":
            return Answer({"error": "unauthorized"}, status=401)
        return self.respond(request)

    def _token(self, form: dict[str, str]) -> Answer:
        if (form.get("client_id"), form.get("client_secret")) != (KEY, self.secret):
            return Answer({"error": "invalid_client"}, status=401)
        self.tokens += 1
        self.valid_token = f"{self.token_prefix}{self.tokens}"
        token = {"access_token": self.valid_token, "token_type": "Bearer"}
        return Answer({**token, "expires_in": self.expires_in})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        partner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                parts = urlsplit(self.path)
                headers = {key.lower(): value for key, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                request = Request(self.command, parts.path, parse_qsl(parts.query), headers, body)
                answer = partner.answer(request, body)
                _play(self, answer)

            do_GET = do_POST = do_PUT = do_CONNECT = _handle  # noqa: N815 - names the server wants

            def log_message(self, *args: Any) -> None:
                """A test's output is no place for an access log."""

        return Handler


def _play(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    handler.close_connection = answer.cut is not None or answer.wire is not None
    if answer.wire is not None:
        _write(handler, answer.wire())
        return
    content = answer.encoded()
    handler.send_response(answer.status)
    handler.send_header("Content-Length", str(len(content)))
    for key, value in answer.headers.items():
        handler.send_header(key, value)
    handler.end_headers()
    _write(handler, [content[: answer.cut]])


def _write(handler: BaseHTTPRequestHandler, wire: Iterable[bytes]) -> None:
    try:
        for piece in wire:
            handler.wfile.write(piece)
    except OSError:
        """The other side has had enough."""
