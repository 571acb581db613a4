"""Addresses and networks: who is within, and who is a neighbour of whom."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from profile_exchange.domain.origins import is_local, is_within, neighbourhood

NETWORKS = [ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("203.0.113.5", True),
        ("::ffff:203.0.113.5", True),
        ("203.0.114.5", False),
        ("2001:db8:1::7", True),
        ("2001:db9::7", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_an_address_is_within_a_network_in_whatever_way_it_is_written(
    address: str, within: bool
) -> None:
    assert is_within(address, NETWORKS) is within
    assert not is_within(address, [])


def test_local_names_are_those_that_never_leave_the_machine() -> None:
    assert is_local("localhost")
    assert is_local("harbor-goods.localhost")
    assert not is_local("localhost.example")
    assert not is_local("notlocalhost")


def test_neighbours_are_what_one_sender_can_have_of_addresses() -> None:
    assert neighbourhood("203.0.113.5") == neighbourhood("::ffff:203.0.113.5")
    assert neighbourhood("203.0.113.5") != neighbourhood("203.0.113.6")
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("unknown") == "unknown"
