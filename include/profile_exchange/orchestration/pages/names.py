"""Names in an address are names of something that a database could know."""

from __future__ import annotations

from fastapi import HTTPException, Request

NOT_FOUND = 404


def check_names(request: Request) -> None:
    """There is no page of a name that no database can look for: with a NUL, or half a character."""
    for name in request.path_params.values():
        if "\0" in name or not _is_text(name):
            raise HTTPException(NOT_FOUND, "There is no connection of this name.")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
