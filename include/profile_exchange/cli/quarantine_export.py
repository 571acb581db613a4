"""Writing the quarantine to a file, block by block: CSV, JSON lines or Parquet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
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

Block = Sequence[Mapping[str, Any]]


class Writer(Protocol):
    """Writes one block after the other to an open file."""

    def write(self, frame: pd.DataFrame) -> None:
        """Write one block; the first may be empty, so that a file has its columns."""

    def close(self) -> None:
        """Write what ends the file."""


def write(blocks: Iterable[Block], file: Path, form: str | None) -> int:
    """Write all blocks to a file, which is replaced only when that is done. Returns the rows.

    Raises `ConfigurationError` when the format is none of `FORMATS`, or the file cannot be written.
    """
    kind = WRITERS[_format(file, form)]
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        with unfinished.open("wb") as opened:
            number = _write_all(blocks, kind(opened))
        unfinished.replace(file)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(f"{file} cannot be written: {reason}.") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return number


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
