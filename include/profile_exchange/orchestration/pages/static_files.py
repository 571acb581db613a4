"""Style, scripts and pictures of the pages; each has its content's hash in its address."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response

FOLDER = Path(__file__).with_name("static")
NOT_FOUND = 404
FOR_EVER = "private, max-age=31536000, immutable"
FOR_A_WHILE = "private, max-age=300"

router = APIRouter(prefix="/static")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    content: bytes
    media_type: str
    version: str


@cache
def static_files() -> dict[str, StaticFile]:
    """All files, by name."""
    return {path.name: _read(path) for path in FOLDER.iterdir() if path.suffix}


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return StaticFile(content, kind, hashlib.sha256(content).hexdigest()[:12])


@router.get("/{name}")
def static_file(name: str, v: str = "") -> Response:
    """One file, kept by browsers for as long as its content stays the same."""
    found = static_files().get(name)
    if found is None:
        raise HTTPException(NOT_FOUND, "There is no such file.")
    kept = FOR_EVER if v == found.version else FOR_A_WHILE
    headers = {"Cache-Control": kept}
    return Response(found.content, media_type=found.media_type, headers=headers)
