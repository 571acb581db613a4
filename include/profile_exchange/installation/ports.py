"""Free TCP ports on loopback."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Container, Mapping
from pathlib import Path

from profile_exchange.domain.errors import FatalError

LOOPBACK = "127.0.0.1"
LOWEST = 10_000
#: Linux begins at 32768, others later.
FIRST_OF_MOST_SYSTEMS = 32_768
ATTEMPTS = 100
_SYSTEM_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class PortInUse(FatalError):
    """A port that was asked for belongs to another program, or to another service."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port right now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free_port(taken: Container[int | None] = ()) -> int:
    """A port that nothing listens on, and that no outgoing connection is given.

    ``taken`` are ports that others of the installation are to have, and do not listen on yet.
    A service may bind it long after it was chosen. The system hands ports of its own range to
    every connection that anybody opens meanwhile; so this is one below them.
    """
    for _ in range(ATTEMPTS):
        port = LOWEST + secrets.randbelow(_first_of_the_system() - LOWEST)
        if port not in taken and is_free(port):
            return port
    raise PortInUse(f"No port of {ATTEMPTS} tried on {LOOPBACK} is free: stop some programs.")


def _first_of_the_system() -> int:
    """Where the range begins from which outgoing connections get their ports."""
    try:
        first = int(_SYSTEM_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):  # not Linux
        return FIRST_OF_MOST_SYSTEMS
    return first if first > LOWEST else FIRST_OF_MOST_SYSTEMS


def refuse_one_for_two(wanted: Mapping[str, int | None]) -> None:
    """Raise `PortInUse` where two settings ask for the same port."""
    settings: dict[int, str] = {}
    for setting, port in wanted.items():
        if port and port in settings:
            raise PortInUse(
                f"{settings[port]} and {setting} both ask for port {port} on {LOOPBACK}: "
                "set one of them to another port."
            )
        if port:
            settings[port] = setting


def keep_or_choose(
    wanted: int | None,
    remembered: int | None,
    setting: str,
    taken: Container[int | None] = (),
) -> int:
    """The port asked for, else the one used last time if it is still free, else a free one.

    Neither of the latter is one of those ``taken`` by other services of the installation.
    Raises `PortInUse` when somebody asked for a port that another program has.
    """
    if wanted:
        if not is_free(wanted):
            raise PortInUse(
                f"Port {wanted} on {LOOPBACK} is in use by another program: "
                f"stop that program, or set {setting} to another port."
            )
        return wanted
    if remembered and remembered not in taken and is_free(remembered):
        return remembered
    return any_free_port(taken)
