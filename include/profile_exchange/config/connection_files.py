"""Reading a connection's file to change it, and writing it without losing anybody's work."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from profile_exchange.config import registry
from profile_exchange.config.forms import ADVICE, SLUG
from profile_exchange.config.yaml_source import shown
from profile_exchange.domain.errors import ConfigurationError

READABLE = 0o644


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it was read; by its digest it is told from what it becomes later."""

    path: Path
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def load(connection_id: str, folder: Path) -> Stored | None:
    """The file of a connection, sound or not; None when there is none."""
    by_id = (path for path in registry.files(folder) if path.stem == connection_id)
    path = next(by_id, None)
    if path is None:
        return None
    try:
        return Stored(path, path.read_bytes().decode("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            f"{shown(path)} cannot be read as text: look at the file."
        ) from None


def save(connection_id: str, text: str, folder: Path, digest: str | None) -> Path:
    """Write a connection's file in one step: a new one, or instead of the one of this digest.

    Raises `ConfigurationError` when there is a file that is not the one that was changed, or the
    folder cannot be written to; what is there stays then.
    """
    if not re.fullmatch(SLUG, connection_id):
        raise ConfigurationError(f"This cannot be the name of a file: {ADVICE[SLUG]}")
    try:
        with _alone_in(folder):
            return _replaced(connection_id, text, folder, digest)
    except FileExistsError:
        raise _changed_meanwhile(connection_id, is_there=True) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(
            f"The file of {connection_id} cannot be written: {reason}. Download it, and put it "
            f"into {shown(folder)}."
        ) from None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others who save into a folder waiting: what one compared with is what they replace.

    The folder itself is locked, so that nothing is left in it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems lock no folder; a file is compared there all the same.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replaced(connection_id: str, text: str, folder: Path, digest: str | None) -> Path:
    stored = load(connection_id, folder)
    if (stored.digest if stored else None) != digest:
        raise _changed_meanwhile(connection_id, stored is not None)
    path = stored.path if stored else folder / f"{connection_id}.yaml"
    # A file may be a link to where it is kept, and stays one.
    _put(path.resolve() if stored else path, text, is_new=stored is None)
    return path


def _changed_meanwhile(connection_id: str, is_there: bool) -> ConfigurationError:
    what = "has been written" if is_there else "has been removed"
    return ConfigurationError(
        f"The file of {connection_id} {what} by somebody else meanwhile, and stays as it is. "
        "Download yours, and compare."
    )


def _put(path: Path, text: str, *, is_new: bool) -> None:
    """Write beside the file, where nobody reads (the name is hidden), and give it its name."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        mode = READABLE if is_new else path.stat().st_mode & 0o777
        Path(name).chmod(mode)
        if is_new:
            os.link(name, path)
        else:
            Path(name).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
