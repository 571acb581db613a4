"""A proxy on loopback that opens tunnels: each leads to the one server that it was made for."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ConnectProxy:
    """Remembers which address it was asked for, and as whom.

    Without ``leads_to`` it says that a tunnel is open, and lets it break off.
    """

    def __init__(self, leads_to: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.leads_to, self.tls = leads_to, tls
        self.asked: list[str] = []
        self.users: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    @contextmanager
    def running(self) -> Iterator[ConnectProxy]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                proxy.asked.append(self.path)
                proxy.users.append(self.headers.get("Proxy-Authorization"))
                self.send_response(200)
                self.end_headers()
                if proxy.leads_to is not None:
                    _join(self.connection, proxy.leads_to)

            def log_message(self, *args: Any) -> None:
                """A test's output is no place for an access log."""

        return Handler


def _join(near: socket.socket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
        back.start()
        _pass_on(near, far)
        back.join()


def _pass_on(giver: socket.socket, taker: socket.socket) -> None:
    with suppress(OSError):
        while piece := giver.recv(1 << 16):
            taker.sendall(piece)
    with suppress(OSError):
        taker.shutdown(socket.SHUT_WR)
