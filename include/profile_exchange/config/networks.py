"""Networks as they are written in YAML: an address, or an address and a length."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated

from pydantic import BeforeValidator

from profile_exchange.config.yaml_source import shortened
from profile_exchange.domain.origins import Network


def network(value: object) -> Network:
    """The network of a text. Raises `ValueError` with what to write instead."""
    try:
        return ip_network(value if isinstance(value, str) else "", strict=True)
    except ValueError:
        raise ValueError(_advice(value)) from None


def _advice(value: object) -> str:
    wrong = f"{shortened(str(value))} is no network"
    try:
        meant = ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        return f"{wrong}: write an address, or one and a length, such as 203.0.113.0/24."
    return f"{wrong}: its address is inside of one; write {meant}."


#: A list of networks, each told apart from a host's address with bits too many.
Networks = list[Annotated[Network, BeforeValidator(network, json_schema_input_type=str)]]
