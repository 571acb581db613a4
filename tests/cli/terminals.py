"""What a command shows where, without colors and styles."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console
from typer.testing import CliRunner

from profile_exchange.cli.main import app

COLUMNS = 80


def shown_in_a_terminal(*arguments: str) -> list[str]:
    """The lines that a terminal of eighty columns shows."""
    return _lines(arguments, {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)})


def shown_in_a_pipe(*arguments: str) -> list[str]:
    """The lines that another program is given, which say nothing of a width."""
    return _lines(arguments, {"FORCE_COLOR": None, "COLUMNS": None})


def _lines(arguments: tuple[str, ...], variables: dict[str, str | None]) -> list[str]:
    done = CliRunner().invoke(app, list(arguments), env={"TERM": "dumb", **variables})
    assert done.exit_code == 0, done.stderr
    return done.stdout.splitlines()


def told_in(width: int, tell: Callable[[Console], None]) -> str:
    """What is told on a terminal of some width, which takes markup where it is let."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    tell(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
