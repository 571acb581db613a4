"""What files said when they were read, so that each is read once for every version of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from profile_exchange.domain.errors import ConfigurationError

Found = TypeVar("Found")
#: Tells two versions of a file apart: time and size, and its inode for one moved into place.
Version = tuple[int, int, int]


def version_of(path: Path) -> Version | None:
    """Which version of a file is there now; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


@dataclass(frozen=True, slots=True)
class _Reading:
    """What came of reading a version of a file: what it says, or what is wrong with it."""

    version: Version | None
    came: Any


class FileReadings:
    """Reads files, and remembers what came of it for as long as they stay the same."""

    def __init__(self) -> None:
        self._readings: dict[Path, _Reading] = {}

    def remembering(self, read: Callable[[Path], Found]) -> Callable[[Path], Found]:
        """The same function, which looks into no file a second time."""

        def read_once(path: Path) -> Found:
            version = version_of(path)
            known = self._readings.get(path)
            if known is None or known.version is None or known.version != version:
                known = self._readings[path] = _Reading(version, _read(read, path))
            if isinstance(known.came, ConfigurationError):
                raise known.came
            came: Found = known.came
            return came

        return read_once

    def forget_all_but(self, paths: set[Path]) -> None:
        """Let go of files that are not there any more."""
        for path in self._readings.keys() - paths:
            self._readings.pop(path, None)


def _read(read: Callable[[Path], Found], path: Path) -> Found | ConfigurationError:
    try:
        return read(path)
    except ConfigurationError as error:
        return error
