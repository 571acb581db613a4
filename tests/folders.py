"""Folders of tests that a process of another user has to reach."""

from __future__ import annotations

from pathlib import Path

#: The session's, and one for each worker of several.
_MADE_BY_PYTEST = 2
_REACHABLE = 0o055


def enterable(folder: Path) -> Path:
    """PostgreSQL runs as another user when the tests run as root: let it reach its folder."""
    for made in (folder, *folder.parents[:_MADE_BY_PYTEST]):
        mode = made.stat().st_mode
        if mode & _REACHABLE != _REACHABLE:
            made.chmod(mode | _REACHABLE)
    return folder
