"""Files of profiles, read piece by piece: CSV, JSON lines (both also gzipped), and Parquet.

Everything is text, as it is written: a leading zero survives, and so does ``1.10``. What the
columns mean is the business of `file_columns`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import msgspec

from profile_exchange.domain.errors import FatalError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: The values in one place of a file; None where the file says nothing at all.
Cell = list[str] | None

#: Read at once: enough for speed, little enough for memory to stay flat.
ROWS = 20_000

_CSV = (".csv", ".csv.gz")
_JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_PARQUET = (".parquet",)

#: Numbers that are not whole stay as they are written.
_JSON_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=str)


class FileRefused(FatalError):
    """A file of profiles cannot be loaded. Says where in it, and why, but no value."""

    def __init__(
        self, path: Path, problem: str, row: int | None = None, column: str | None = None
    ) -> None:
        place = [path.name or str(path)]
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column!r}")
        super().__init__(f"{', '.join(place)}: {problem}")


@dataclass(frozen=True)
class Rows:
    """A piece of a file. ``first`` is the number of its first row; rows are profiles, from 1.

    ``share`` is how much of the file has been read, between 0 and 1.
    """

    first: int
    columns: Mapping[str, Sequence[Cell]]
    share: float

    @property
    def number(self) -> int:
        """How many rows these are."""
        return next((len(cells) for cells in self.columns.values()), 0)


def read_rows(path: Path, separator: str) -> Iterator[Rows]:
    """The file in pieces, at least one. In CSV, ``separator`` stands between several values.

    Raises `FileRefused` when it is not, or not all the way, a file of its kind.
    """
    name = path.name.lower()
    with _readable(path):
        if name.endswith(_CSV):
            yield from _csv(path, separator)
        elif name.endswith(_JSON_LINES):
            yield from _json_lines(path)
        elif name.endswith(_PARQUET):
            yield from _parquet(path)
        else:
            endings = ", ".join((*_CSV, *_JSON_LINES, *_PARQUET))
            raise FileRefused(path, f"its name must end in one of {endings}.")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError:
        raise FileRefused(path, "it is not UTF-8 text; save it as UTF-8.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileRefused(path, "it is not, or not all of, a gzip file.") from None
    except OSError as error:
        raise FileRefused(path, f"it cannot be read: {error.strerror or 'input error'}.") from None


class _Watched:
    """A file open for reading, which knows how much of it has been read; unpacked if need be."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("rb")
        self._size = max(1, path.stat().st_size)
        packed = path.suffix.lower() == ".gz"
        self.file = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw) if packed else self._raw)

    def __enter__(self) -> _Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self._raw.close()

    @property
    def share(self) -> float:
        return min(1.0, self._raw.tell() / self._size)


def _csv(path: Path, separator: str) -> Iterator[Rows]:
    names: list[str] = []
    first = 1
    for frame, share in _frames(path):
        columns = [frame[place].tolist() for place in frame.columns]
        if not names:
            names = _names(path, [column.pop(0) for column in columns])
        cells = (_split(column, separator) for column in columns)
        rows = Rows(first, dict(zip(names, cells, strict=True)), share)
        first += rows.number
        yield rows


def _frames(path: Path) -> Iterator[tuple[pd.DataFrame, float]]:
    """The lines of a CSV file, the first one too, and how much of the file has been read."""
    import pandas as pd

    with _Watched(path) as watched:
        try:
            for frame in pd.read_csv(
                watched.file,
                # Without a header pandas neither renames columns nor drops what is too much.
                header=None,
                index_col=False,
                dtype=str,
                na_filter=False,
                encoding="utf-8-sig",
                chunksize=ROWS,
            ):
                yield frame, watched.share
        except pd.errors.EmptyDataError:
            raise FileRefused(path, "it is empty; its first line must name the columns.") from None
        except pd.errors.ParserError as error:
            raise FileRefused(path, _csv_problem(str(error))) from None


def _names(path: Path, header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    for place, name in enumerate(names, start=1):
        if not name:
            raise FileRefused(path, f"column {place} has no name in the first line.")
        if names.count(name) > 1:
            raise FileRefused(path, "two columns have this name; keep one.", column=name)
    return names


def _split(texts: Sequence[str], separator: str) -> list[Cell]:
    if not separator:
        return [[text] if text else [] for text in texts]
    return [[value for value in text.split(separator) if value] for text in texts]


def _csv_problem(message: str) -> str:
    """What pandas found, in a sentence; its own message may quote a line."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message):
        expected, line, seen = found.groups()
        return (
            f"line {line} has {seen} fields, the first line {expected}: "
            'put a value that holds a comma between quotes (").'
        )
    if "EOF inside string" in message:
        return 'a value that starts with a quote (") never ends; add the closing quote.'
    return "it is not CSV."


def _json_lines(path: Path) -> Iterator[Rows]:
    first = 1
    with _Watched(path) as watched:
        lines = (line for line in watched.file if not line.isspace())
        while True:
            profiles = [
                _json_profile(path, row, line)
                for row, line in enumerate(islice(lines, ROWS), first)
            ]
            if not profiles and first > 1:
                return
            names = dict.fromkeys(name for profile in profiles for name in profile)
            columns = {name: [profile.get(name) for profile in profiles] for name in names}
            yield Rows(first, columns, watched.share)
            first += max(1, len(profiles))


def _json_profile(path: Path, row: int, line: bytes) -> dict[str, Cell]:
    try:
        found = _JSON_OBJECT.decode(line)
    except msgspec.ValidationError:
        raise FileRefused(path, "this line is no JSON object.", row) from None
    except msgspec.DecodeError:
        raise FileRefused(path, "this line is not JSON.", row) from None
    return {name: _json_cell(path, row, name, value) for name, value in found.items()}


def _json_cell(path: Path, row: int, column: str, value: Any) -> Cell:
    if value is None:
        return None
    values = value if isinstance(value, list) else [value]
    if any(isinstance(one, (dict, list)) for one in values):
        raise FileRefused(
            path, "it must hold a value or a list of values, nothing deeper.", row, column
        )
    return [_json_text(one) for one in values if one is not None]


def _json_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _parquet(path: Path) -> Iterator[Rows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            total = max(1, file.metadata.num_rows)
            names = _names(path, file.schema_arrow.names)
            first = 1
            for batch in file.iter_batches(ROWS):
                columns = {
                    name: _arrow_cells(path, name, column)
                    for name, column in zip(names, batch.columns, strict=True)
                }
                first += batch.num_rows
                yield Rows(first - batch.num_rows, columns, (first - 1) / total)
            if first == 1:
                yield Rows(first, {name: [] for name in names}, 1.0)
    except pa.ArrowException:
        raise FileRefused(path, "it is not, or not all of, a Parquet file.") from None


def _arrow_cells(path: Path, name: str, column: pa.Array[Any]) -> list[Cell]:
    import pyarrow as pa

    several = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    try:
        if several:
            found = column.cast(pa.list_(pa.string())).to_pylist()
            return [None if one is None else [v for v in one if v is not None] for one in found]
        texts = column.cast(pa.string()).to_pylist()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise FileRefused(
            path, f"its type {column.type} is not text, nor a list of text.", column=name
        ) from None
    return [None if text is None else [text] for text in texts]
