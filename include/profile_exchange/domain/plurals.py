"""A number with its noun, as people say it."""

from __future__ import annotations


def plural(count: int, noun: str, several: str = "") -> str:
    """``1 profile``, ``2 profiles``; ``several`` are those that take more than an s."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"
