"""What the configuration's tests share: sound files to start from, and reading them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from profile_exchange.config.registry import Configuration, read_all

TENANT = """\
name: Harbor Goods
host: harbor-goods.localhost
store: harbor-goods-store
properties:
  - {id: email, name: Email, type: EMAIL, unique_identifier: true}
  - {id: loyalty_card, name: Loyalty card, unique_identifier: true}
  - {id: orders, name: Orders, type: RANGE}
  - {id: interests, name: Interests}
segments:
  - id: customers
    name: Customers
    refinement: {property: orders, operator: IN_RANGE, fromValue: 1}
objectives:
  - {id: partner_data, name: Partner data, legislations: [GDPR]}
"""

IMPORTING = """\
title: Taylor Times
tenant: harbor-goods
partner: {name: Taylor Times, host: taylor-times.localhost}
objectives: [partner_data]
import:
  credentials: taylor_times
  segments: [subscribers]
  links:
    - {theirs: email, ours: email}
  mappings:
    - {from: section, to: TaylorTimes_Section}
    - {from: articles, to: orders, strategy: SUM}
"""

EXPOSING = """\
title: Taylor Times
tenant: harbor-goods
partner: {name: Taylor Times, host: taylor-times.localhost}
expose:
  identifiers: [email]
  segments: [customers]
  properties: [orders, lastmodifieddate]
"""
ACCEPTING = """\
title: Taylor Times
tenant: harbor-goods
partner: {name: Taylor Times, host: taylor-times.localhost}
accept:
  identifiers: [email]
  properties:
    orders: [SUM, SET_IF_EMPTY]
    TaylorTimes_Sports: SET
  unmatched: create
  segments: [customers]
"""


class Folders:
    """A folder of tenants and one of connections, with a sound tenant to begin with."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tenants = root / "tenants"
        self.connections = root / "connections"
        self.tenants.mkdir()
        self.connections.mkdir()
        self.tenant(TENANT)

    def tenant(self, text: str, name: str = "harbor-goods.yaml") -> Path:
        return _write(self.tenants / name, text)

    def connection(self, text: str, name: str = "taylor-times.yaml") -> Path:
        return _write(self.connections / name, text)

    def read(self) -> Configuration:
        return read_all(self.connections, self.tenants)

    def problems(self) -> list[str]:
        """Every problem as ``file:line: key: message``, the file without its folder."""
        problems = self.read().problems
        return [str(replace(problem, file=Path(problem.file).name)) for problem in problems]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
