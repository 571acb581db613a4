"""What the columns of a file of profiles mean, and the profiles in it as COPY text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from uuid import UUID, uuid5

import msgspec

from profile_exchange.config.messages import nearest
from profile_exchange.domain.identifiers import BLANKS, normalise
from profile_exchange.domain.merging import present
from profile_exchange.domain.moments import moment_of
from profile_exchange.domain.properties import DERIVED_PROPERTIES, FilterType
from profile_exchange.domain.tenant import LEGISLATIONS
from profile_exchange.tenants.postgres.loading import Block
from profile_exchange.tenants.postgres.reading_files import FileRefused, Rows

ID = "id"
CREATION_DATE = "creationDate"
PRIVACY_LEGISLATION = "privacyLegislation"
CONSENTED = "consentedObjectives"
REFUSED = "refusedObjectives"
PROFILE_COLUMNS = (ID, CREATION_DATE, PRIVACY_LEGISLATION, CONSENTED, REFUSED)

#: Ids derived from an identifier are UUIDs of version 5 in this name space, everywhere.
DERIVED_IDS = UUID("b1d7f6a0-54b5-4e0c-9d2e-3f6f5a0c8c55")

#: What COPY reads as null: the file does not say, and what is stored stays.
_NOT_SAID = "\\N"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Vocabulary:
    """The words that a file may use for a tenant, because its store knows them.

    ``identifiers`` are those of the ``properties`` that are unique identifiers, the first one
    that derives an id first.
    """

    tenant_id: str
    properties: frozenset[str]
    identifiers: dict[str, FilterType]
    objectives: frozenset[str]


@dataclass(frozen=True)
class FileColumns:
    """Reads the columns of one file into blocks for `loading`."""

    path: Path
    known: Vocabulary

    def block(self, rows: Rows) -> Block:
        """A piece of the file as COPY text.

        Raises `FileRefused` at the first thing that is wrong, naming its row and column.
        """
        self._check_names(rows)
        lines = zip(
            self._ids(rows),
            self._cells(rows, CREATION_DATE, _moment),
            self._cells(rows, PRIVACY_LEGISLATION, _legislation),
            self._cells(rows, CONSENTED, self._objectives),
            self._cells(rows, REFUSED, self._objectives),
            self._properties(rows),
            strict=True,
        )
        return "".join(
            f"{key}\t{created}\t{_NOT_SAID}\t{zone}\t{consented}\t{refused}\t{properties}\n"
            for key, created, zone, consented, refused, properties in lines
        ).encode()

    def _check_names(self, rows: Rows) -> None:
        tenant, known = self.known.tenant_id, self.known.properties
        for name in rows.columns:
            if name in DERIVED_PROPERTIES:
                problem = f"{tenant} keeps this itself; leave it out."
                raise FileRefused(self.path, problem, column=name)
            if name not in PROFILE_COLUMNS and name not in known:
                words = (*PROFILE_COLUMNS, *known)
                problem = f"{tenant} has no such profile property.{nearest(name, words)}"
                raise FileRefused(self.path, problem, column=name)
        if rows.columns and not {ID, *self.known.identifiers} & rows.columns.keys():
            raise FileRefused(self.path, f"it needs a column 'id', or {self._an_identifier}.")

    @property
    def _an_identifier(self) -> str:
        names = ", ".join(self.known.identifiers) or "it has none"
        return f"a unique identifier of {self.known.tenant_id} ({names})"

    def _ids(self, rows: Rows) -> Iterator[str]:
        """Each profile's id; where there is none, one that follows from its first identifier."""
        identifiers = [name for name in self.known.identifiers if name in rows.columns]
        for place, key in enumerate(self._cells(rows, ID, _uuid)):
            yield key if key != _NOT_SAID else self._derived_id(rows, place, identifiers)

    def _derived_id(self, rows: Rows, place: int, identifiers: list[str]) -> str:
        for name in identifiers:
            for value in rows.columns[name][place] or ():
                if found := normalise(value, self.known.identifiers[name]):
                    return str(uuid5(DERIVED_IDS, f"{self.known.tenant_id}\n{name}\n{found}"))
        problem = f"it has neither an id nor {self._an_identifier}."
        raise FileRefused(self.path, problem, rows.first + place)

    def _cells(self, rows: Rows, column: str, read: Callable[[list[str]], str]) -> Iterator[str]:
        """The cells of a column, as ``read`` writes them for COPY. It raises ``ValueError``."""
        cells = rows.columns.get(column)
        if cells is None:
            yield from repeat(_NOT_SAID, rows.number)
            return
        for row, cell in enumerate(cells, rows.first):
            try:
                yield _NOT_SAID if cell is None else read(cell)
            except ValueError as problem:
                raise FileRefused(self.path, str(problem), row, column) from None

    def _objectives(self, cell: list[str]) -> str:
        named = [objective.strip(BLANKS) for objective in cell]
        for objective in named:
            if objective not in self.known.objectives:
                close = nearest(objective, self.known.objectives)
                raise ValueError(f"{self.known.tenant_id} has no such objective.{close}")
        # Quoted, because an objective may be called NULL.
        quoted = [f'"{objective}"' for objective in named]
        return f"{{{','.join(quoted)}}}"

    def _properties(self, rows: Rows) -> Iterator[str]:
        columns = {
            name: cells for name, cells in rows.columns.items() if name not in PROFILE_COLUMNS
        }
        for place in range(rows.number):
            # Nothing but blanks is no value, whoever brings it: a merge would take it for one.
            properties = {
                name: values
                for name, cells in columns.items()
                if (values := present(cells[place] or ()))
            }
            encoded = msgspec.json.encode(properties)
            if b"\\u0000" in encoded:
                self._refuse_nul(properties, rows.first + place)
            # JSON has escaped all else that COPY would take for its own.
            yield encoded.decode().replace("\\", "\\\\")

    def _refuse_nul(self, properties: dict[str, list[str]], row: int) -> None:
        for name, values in properties.items():
            if any("\0" in value for value in values):
                problem = "it holds a NUL character, which PostgreSQL cannot store; remove it."
                raise FileRefused(self.path, problem, row, name)


def _single(cell: list[str]) -> str:
    """The one value of a cell, without blanks around it; empty when it has none."""
    if len(cell) > 1:
        raise ValueError("it must hold one value, not several.")
    return cell[0].strip(BLANKS) if cell else ""


def _uuid(cell: list[str]) -> str:
    text = _single(cell)
    try:
        return str(UUID(text)) if text else _NOT_SAID
    except ValueError:
        raise ValueError(
            "it is not a UUID, such as 3d1c2f5e-8a47-4b7e-9f0e-2b6f5d9a1c34."
        ) from None


def _moment(cell: list[str]) -> str:
    text = _single(cell)
    if not text:
        return _NOT_SAID
    moment = moment_of(text)
    try:
        if moment is not None:
            return (_EPOCH + timedelta(microseconds=moment)).isoformat()
    except OverflowError:
        pass
    raise ValueError("it is no date and time, such as 2025-01-22T11:21:33Z.")


def _legislation(cell: list[str]) -> str:
    zone = _single(cell)
    if not zone:
        return _NOT_SAID
    if zone not in LEGISLATIONS:
        raise ValueError(
            f"it is no privacy legislation, such as GDPR.{nearest(zone, LEGISLATIONS)}"
        )
    return zone
