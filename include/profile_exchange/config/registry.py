"""Reading the configured tenants and connections from their folders.

One broken file never hides the others: `read_all` returns what is sound beside every problem;
`connection` and `tenant` read only the one file that is asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from profile_exchange.config import rules
from profile_exchange.config.connection_spec import ConnectionSpec
from profile_exchange.config.file_readings import FileReadings
from profile_exchange.config.forms import SLUG
from profile_exchange.config.messages import nearest
from profile_exchange.config.remote_rules import against_remote_tenant
from profile_exchange.config.settings import settings
from profile_exchange.config.spec import parse
from profile_exchange.config.tenant_spec import TenantSpec
from profile_exchange.config.yaml_source import (
    Finding,
    YamlDocument,
    read_text,
    read_yaml,
    shortened,
    shown,
)
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError, Problem
from profile_exchange.domain.tenant import Tenant

Found = TypeVar("Found")

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class Configuration:
    """All that is configured, by id, and every problem in the files, in their order.

    ``files`` are those of all connections, sound or not, by id and as problems name them.
    """

    connections: dict[str, Connection] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    files: dict[str, str] = field(default_factory=dict)

    @property
    def accepting_tenants(self) -> frozenset[str]:
        """The tenants to which a partner may write, by their ids."""
        return frozenset(each.tenant for each in self.connections.values() if each.accept)

    def check(self) -> Configuration:
        """Return this configuration, or raise `ConfigurationError` with all its problems."""
        if self.problems:
            raise ConfigurationError(self.problems)
        return self


@dataclass(frozen=True)
class _Entry(Generic[Found]):
    """What a well-formed file says, where in it, and what is wrong with it all the same."""

    found: Found
    document: YamlDocument
    problems: list[Problem]

    @property
    def sound(self) -> Found:
        """What the file says. Raises `ConfigurationError` when that is not sound."""
        if self.problems:
            raise ConfigurationError(self.problems)
        return self.found


@dataclass
class _Folder(Generic[Found]):
    """What the files of a folder say, by id; ``paths`` has those that cannot be read, too."""

    entries: dict[str, _Entry[Found]] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)
    problems: set[Problem] = field(default_factory=set)

    @property
    def sound(self) -> dict[str, Found]:
        """What the files without a problem of their own say."""
        return {key: entry.found for key, entry in self.entries.items() if not entry.problems}


def files(folder: Path) -> list[Path]:
    """The YAML files of a folder, by name; hidden ones, which editors leave behind, are not.

    Raises `ConfigurationError` when the folder cannot be read.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        message = f"the folder cannot be read: {reason}."
        raise ConfigurationError([Problem(shown(folder), 0, "", message)]) from None
    return [path for path in paths if path.suffix in _SUFFIXES and path.name[0] != "."]


def read_connection(path: Path) -> Connection:
    """One connection from its file. Raises `ConfigurationError` with every problem in it."""
    return _connection_entry(path).sound


def read_tenant(path: Path) -> Tenant:
    """One tenant from its file. Raises `ConfigurationError` with every problem in it."""
    return _tenant_entry(path).sound


def connection(connection_id: str, folder: Path | None = None) -> Connection:
    """The connection of this id, reading only its file."""
    return read_connection(_file(folder or settings().connections_dir, connection_id, "connection"))


def written_at(connection_id: str, folder: Path | None = None) -> datetime | None:
    """When the file of a connection was last written; None where it is not at hand."""
    try:
        path = _file(folder or settings().connections_dir, connection_id, "connection")
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ConfigurationError):
        return None


def tenant(tenant_id: str, folder: Path | None = None) -> Tenant:
    """The hosted tenant of this id, reading only its file."""
    return read_tenant(_file(folder or settings().tenants_dir, tenant_id, "tenant"))


def read_all(
    connections_dir: Path | None = None,
    tenants_dir: Path | None = None,
    readings: FileReadings | None = None,
) -> Configuration:
    """Every connection and tenant, with the problems of each file and between files.

    A connection with a problem between files, such as a tenant that does not exist, is still
    among the connections: its own file is sound. With ``readings`` only files that are not what
    they were then are read.
    """
    kept, told = readings or FileReadings(), settings()
    tenants = _read_folder(tenants_dir or told.tenants_dir, kept.remembering(_tenant_entry))
    connections = _read_folder(
        connections_dir or told.connections_dir, kept.remembering(_connection_entry)
    )
    kept.forget_all_but({*tenants.paths.values(), *connections.paths.values()})
    problems = {*tenants.problems, *connections.problems, *_shared(tenants.entries.values())}
    for entry in connections.entries.values():
        problems.update(entry.document.problems(_between_files(entry.found, tenants)))
    return Configuration(
        connections=connections.sound,
        tenants=tenants.sound,
        problems=tuple(sorted(problems)),
        files={key: shown(path) for key, path in connections.paths.items()},
    )


def read_draft(
    connection_id: str, text: str, tenants_dir: Path | None = None
) -> tuple[Connection | None, tuple[Problem, ...]]:
    """The connection that a file with this text would be, and all that `read_all` would tell of it.

    None when the text is not even well formed.
    """
    is_id = re.fullmatch(SLUG, connection_id) is not None
    path = Path(f"{connection_id}.yaml" if is_id else "connection.yaml")
    wrong = [] if is_id else _no_id(path.name).problems
    try:
        entry = _entry_in(path, read_text(text, path.name))
    except ConfigurationError as error:
        return None, (*wrong, *error.problems)
    tenants = _read_folder(tenants_dir or settings().tenants_dir, _tenant_entry)
    between = entry.document.problems(_between_files(entry.found, tenants))
    return entry.found, tuple(sorted({*wrong, *entry.problems, *between}))


def _connection_entry(path: Path) -> _Entry[Connection]:
    return _entry_in(path, read_yaml(path))


def _entry_in(path: Path, document: YamlDocument) -> _Entry[Connection]:
    found = parse(ConnectionSpec, document).to_domain(_id(path, document))
    return _Entry(found, document, document.problems(rules.within_connection(found)))


def _tenant_entry(path: Path) -> _Entry[Tenant]:
    document = read_yaml(path)
    spec = parse(TenantSpec, document)
    found = spec.to_domain(_id(path, document))
    findings = [*spec.findings(), *rules.within_tenant(found)]
    return _Entry(found, document, document.problems(findings))


def _read_folder(folder: Path, read: Callable[[Path], _Entry[Found]]) -> _Folder[Found]:
    result = _Folder[Found]()
    try:
        paths = files(folder)
    except ConfigurationError as error:
        result.problems.update(error.problems)
        return result
    for path in paths:
        if first := result.paths.get(path.stem):
            result.problems.add(_second_file(path, first))
            continue
        result.paths[path.stem] = path
        try:
            entry = result.entries[path.stem] = read(path)
            result.problems.update(entry.problems)
        except ConfigurationError as error:
            result.problems.update(error.problems)
    return result


def _second_file(path: Path, first: Path) -> Problem:
    message = f"{first.name} describes {path.stem!r} already; keep one of the two files."
    return Problem(shown(path), 0, "", message)


def _between_files(connection: Connection, tenants: _Folder[Tenant]) -> Iterator[Finding]:
    owner = tenants.entries.get(connection.tenant)
    if owner is None:
        if connection.tenant not in tenants.paths:  # a broken file has told its own problems
            near = nearest(connection.tenant, tenants.paths)
            yield ("tenant",), f"there is no tenant {connection.tenant!r}.{near}"
    elif not owner.document.mistakes:  # what it lacks may stand below a key that is left out
        yield from rules.against_tenant(connection, owner.found)
        if owner.found.is_remote:
            yield from against_remote_tenant(connection, owner.found)


def _shared(tenants: Iterable[_Entry[Tenant]]) -> Iterator[Problem]:
    """Tenants that claim one host name or one profile store."""
    first: dict[tuple[bool, str], str] = {}
    for entry in tenants:
        database = "work" if entry.found.is_remote else "store"
        claims = {"host": entry.found.host, database: entry.found.store_secret}
        for key, claim in claims.items():
            other = first.setdefault((key == "host", claim), entry.found.id)
            if claim and other != entry.found.id:
                message = f"this is the {key} of the tenant {other!r} as well; each has its own."
                yield entry.document.problem((key,), message)


def _id(path: Path, document: YamlDocument) -> str:
    if re.fullmatch(SLUG, path.stem):
        return path.stem
    raise ConfigurationError([*_no_id(document.file).problems, *document.mistakes])


def _no_id(file: str) -> ConfigurationError:
    message = (
        "the file's name becomes the id: use lower-case letters, digits and hyphens, at most 63."
    )
    return ConfigurationError([Problem(file, 0, "", message)])


def _file(folder: Path, wanted: str, noun: str) -> Path:
    by_id: dict[str, list[Path]] = defaultdict(list)
    for path in files(folder):
        by_id[path.stem].append(path)
    match by_id.get(wanted):
        case [path]:
            return path
        case [first, second, *_]:
            raise ConfigurationError([_second_file(second, first)])
    known = ", ".join(sorted(by_id)) or "none"
    near = nearest(wanted, by_id)
    raise ConfigurationError(
        f"There is no {noun} {shortened(wanted)} in {shown(folder)}.{near} Configured: {known}."
    )
