"""Writing the quarantine to a file, block by block: CSV, JSON lines or Parquet."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from profile_exchange.config.messages import nearest
from profile_exchange.domain.errors import ConfigurationError

COLUMNS = (
    *("profile_id", "run_id", "property_id", "reason", "rule"),
    *("fingerprint", "quarantined_at", "outcome", "replay"),
)
FORMATS = ("csv", "jsonl", "parquet")
STANDARD_OUTPUT = Path("-")

Block = Sequence[Mapping[str, Any]]


class Writer(Protocol):
    """Writes one block after the other to an open file."""

    def write(self, frame: pd.DataFrame) -> None:
        """Write one block; the first may be empty, so that a file has its columns."""

    def close(self) -> None:
        """Write what ends the file."""


def write(blocks: Iterable[Block], file: Path, form: str | None) -> int:
    """Write all blocks to a file, which is replaced only when that is done. Returns the rows.

    What is no regular file, as a pipe or a device, is written to and stays what it is.
    Raises `ConfigurationError` when the format is none of `FORMATS`, or the file cannot be written.
    """
    kind = WRITERS[_format(file, form)]
    try:
        with _opened(file) as opened:
            return _write_all(blocks, kind(opened))
    except OSError as error:
        if file == STANDARD_OUTPUT and isinstance(error, BrokenPipeError):
            # Whoever reads it has read enough, which is not for this module to tell.
            raise
        what = "Standard output" if file == STANDARD_OUTPUT else file
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(f"{what} cannot be written: {reason}.") from None


def _opened(file: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    if file == STANDARD_OUTPUT:
        # Not the buffer of `sys.stdout`: what a closed pipe leaves in it fails again at the end.
        return open(sys.stdout.fileno(), "wb", closefd=False)
    if file.exists() and not file.is_file():
        return file.open("wb")
    return _replacing(Path(os.path.realpath(file)))


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[IO[bytes]]:
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with unfinished.open("wb") as opened:
            yield opened
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_all(blocks: Iterable[Block], writer: Writer) -> int:
    number = 0
    try:
        writer.write(_frame(()))
        for block in blocks:
            writer.write(_frame(block))
            number += len(block)
        writer.close()
    except BaseException:
        # The file is thrown away, but a Parquet writer left open complains when it is collected.
        with contextlib.suppress(Exception):
            writer.close()
        raise
    return number


def _frame(block: Block) -> pd.DataFrame:
    frame = pd.DataFrame(list(block), columns=list(COLUMNS))
    moments = pd.to_datetime(frame["quarantined_at"], utc=True, format="ISO8601")
    # Else pandas takes the unit that the values need, and no block fits the empty first one.
    frame["quarantined_at"] = moments.dt.as_unit("us")
    texts = {name: "string" for name in COLUMNS if name not in ("quarantined_at", "replay")}
    return frame.astype({**texts, "replay": "bool"})


def _format(file: Path, form: str | None) -> str:
    name = form or file.suffix.lstrip(".").lower()
    if name in FORMATS:
        return name
    raise ConfigurationError(
        f"{name or 'no ending'!r} is not one of {', '.join(FORMATS)}.{nearest(name, FORMATS)} "
        "Name the file so, or say --format."
    )


class _Csv:
    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._header = file, True

    def write(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self._file, index=False, header=self._header)
        self._header = False

    def close(self) -> None:
        """A CSV file just ends."""


class _JsonLines:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, frame: pd.DataFrame) -> None:
        if not frame.empty:
            text = frame.to_json(orient="records", lines=True, date_format="iso", date_unit="us")
            self._file.write(str(text).encode())

    def close(self) -> None:
        """So do JSON lines."""


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        self._writer.close()


WRITERS: dict[str, Any] = {"csv": _Csv, "jsonl": _JsonLines, "parquet": _Parquet}
