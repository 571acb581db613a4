"""Reading the configured tenants and connections from their folders.

One broken file never hides the others: `read_all` returns what is sound beside every problem;
`connection` and `tenant` read only the one file that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from profile_exchange.config.connection_spec import ConnectionSpec
from profile_exchange.config.settings import settings
from profile_exchange.config.spec import nearest, parse
from profile_exchange.config.tenant_spec import TenantSpec
from profile_exchange.config.yaml_source import YamlDocument, read_yaml
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError, Problem
from profile_exchange.domain.tenant import Tenant

Found = TypeVar("Found")

_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}$")


@dataclass(frozen=True)
class Configuration:
    """All that is configured, by id, and every problem in the files that are not sound."""

    connections: dict[str, Connection] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def check(self) -> Configuration:
        """Return this configuration, or raise `ConfigurationError` with all its problems."""
        if self.problems:
            raise ConfigurationError(self.problems)
        return self


def files(folder: Path) -> list[Path]:
    """The YAML files of a folder, by name."""
    return sorted(path for path in folder.glob("*.y*ml") if path.suffix in {".yaml", ".yml"})


def read_connection(path: Path) -> Connection:
    """One connection from its file. Raises `ConfigurationError` with every problem in it."""
    document = read_yaml(path)
    return parse(ConnectionSpec, document).to_domain(_id(path, document))


def read_tenant(path: Path) -> Tenant:
    """One tenant from its file. Raises `ConfigurationError` with every problem in it."""
    document = read_yaml(path)
    return parse(TenantSpec, document).to_domain(_id(path, document))


def connection(connection_id: str, folder: Path | None = None) -> Connection:
    """The connection of this id, reading only its file."""
    return read_connection(
        _file(folder or settings().connections_dir, connection_id, "connection")
    )


def tenant(tenant_id: str, folder: Path | None = None) -> Tenant:
    """The hosted tenant of this id, reading only its file."""
    return read_tenant(_file(folder or settings().tenants_dir, tenant_id, "tenant"))


def read_all(connections_dir: Path | None = None, tenants_dir: Path | None = None) -> Configuration:
    """Every connection and tenant, with the problems of each file and between files."""
    problems: list[Problem] = []
    tenants = _read_folder(tenants_dir or settings().tenants_dir, read_tenant, problems)
    folder = connections_dir or settings().connections_dir
    connections = _read_folder(folder, read_connection, problems)
    for found in connections.values():
        problems.extend(_between_files(found, tenants, _file(folder, found.id, "connection")))
    return Configuration(connections, tenants, tuple(sorted(problems)))


def _read_folder(
    folder: Path, read: Callable[[Path], Found], problems: list[Problem]
) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for path in files(folder):
        try:
            found[path.stem] = read(path)
        except ConfigurationError as error:
            problems.extend(error.problems)
    return found


def _between_files(
    connection: Connection, tenants: dict[str, Tenant], path: Path
) -> list[Problem]:
    """What a connection names must exist in its own tenant."""
    document = read_yaml(path)
    owner = tenants.get(connection.tenant)
    if owner is None:
        message = f"there is no tenant {connection.tenant!r}.{nearest(connection.tenant, tenants)}"
        return [document.problem(("tenant",), message)]
    problems = []
    known_objectives = {objective.id for objective in owner.objectives}
    for position, name in enumerate(connection.objectives):
        if name not in known_objectives:
            message = f"{owner.name} has no objective {name!r}.{nearest(name, known_objectives)}"
            problems.append(document.problem(("objectives", position), message))
    if connection.expose:
        problems.extend(_grant_problems(connection, owner, document))
    if connection.importing:
        problems.extend(_link_problems(connection, owner, document))
    return problems


def _grant_problems(
    connection: Connection, owner: Tenant, document: YamlDocument
) -> list[Problem]:
    from profile_exchange.domain.properties import SYSTEM_PROPERTIES

    goal = connection.expose
    assert goal is not None
    properties = {known.id for known in owner.properties} | SYSTEM_PROPERTIES
    identifiers = {known.id for known in owner.properties if known.indexed}
    segments = {known.id for known in owner.segments}
    named = [
        ("segments", goal.segments, segments, "segment"),
        ("properties", goal.properties, properties, "profile property"),
        ("identifiers", goal.identifiers, identifiers, "unique identifier"),
    ]
    return [
        document.problem(
            ("expose", key, position),
            f"{owner.name} has no {noun} {name!r}.{nearest(name, known)}",
        )
        for key, names, known, noun in named
        for position, name in enumerate(names)
        if name not in known
    ]


def _link_problems(connection: Connection, owner: Tenant, document: YamlDocument) -> list[Problem]:
    goal = connection.importing
    assert goal is not None
    identifiers = {known.id for known in owner.properties if known.indexed}
    return [
        document.problem(
            ("import", "links", position),
            f"{owner.name} has no unique identifier {pair.ours!r}.{nearest(pair.ours, identifiers)}",
        )
        for position, link in enumerate(goal.links)
        for pair in link
        if pair.ours not in identifiers
    ]


def _id(path: Path, document: YamlDocument) -> str:
    if not _ID.match(path.stem):
        raise ConfigurationError(
            [
                Problem(
                    document.file,
                    0,
                    "",
                    "the file's name becomes the id: use lower-case letters, digits and "
                    "hyphens, at most 63.",
                )
            ]
        )
    return path.stem


def _file(folder: Path, wanted: str, noun: str) -> Path:
    for suffix in (".yaml", ".yml"):
        path = folder / f"{wanted}{suffix}"
        if path.exists() and _ID.match(wanted):
            return path
    known = [path.stem for path in files(folder)]
    raise ConfigurationError(
        f"There is no {noun} {wanted!r} in {folder}.{nearest(wanted, known)} "
        f"Configured: {', '.join(known) or 'none'}."
    )
