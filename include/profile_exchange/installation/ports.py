"""Free TCP ports on loopback."""

from __future__ import annotations

import socket

from profile_exchange.domain.errors import FatalError

LOOPBACK = "127.0.0.1"


class PortInUse(FatalError):
    """A port that was asked for belongs to another program."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port right now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def keep_or_choose(wanted: int | None, remembered: int | None, setting: str) -> int:
    """The port asked for, else the one used last time if it is still free, else a free one.

    Raises `PortInUse` when somebody asked for a port that is taken.
    """
    if wanted:
        if not is_free(wanted):
            raise PortInUse(
                f"Port {wanted} on {LOOPBACK} is in use by another program: "
                f"stop that program, or set {setting} to another port."
            )
        return wanted
    if remembered and is_free(remembered):
        return remembered
    return any_free_port()
