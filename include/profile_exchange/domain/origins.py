"""Where a request comes from, and whether that is where its sender should be."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # An IPv4 client of a socket that takes both kinds shows up as ::ffff:203.0.113.5.
    known = getattr(found, "ipv4_mapped", None) or found
    return any(known in network for network in networks)


def is_local(host: str) -> bool:
    """Whether a host name means this very machine, wherever it is asked (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")


def neighbourhood(address: str) -> str:
    """What one sender can easily have of addresses: one of IPv4, all of a /64 of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    known = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((known, 64), strict=False)) if known.version == 6 else str(known)  # noqa: PLR2004
