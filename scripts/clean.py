"""Remove .venv and var, unless an installation runs in them."""

from __future__ import annotations

import fcntl
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """0 when both folders are gone, 1 when one cannot be removed or an installation needs them."""
    if runs(ROOT / "var" / "installation.lock"):
        print(
            "make: an installation runs here: stop it with Ctrl-C in its terminal, "
            "or with `exchange down`.",
            file=sys.stderr,
        )
        return 1
    for folder in (ROOT / "var", ROOT / ".venv"):
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            reason = error.strerror or error
            print(f"make: {folder} cannot be removed ({reason}).", file=sys.stderr)
            return 1
    return 0


def runs(lock: Path) -> bool:
    """Whether some process holds the installation's lock."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


if __name__ == "__main__":
    sys.exit(main())
