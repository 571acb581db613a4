"""What somebody sees of an installation that starts."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from profile_exchange.cli.phases import Phases


def shown(*, terminal: bool) -> str:
    written = StringIO()
    phases = Phases(Console(file=written, force_terminal=terminal, highlight=False, width=100))
    phases.begin("Preparing stores")
    phases.tell("storing 10 profiles", 0.25)
    phases.end()
    return written.getvalue()


def test_a_terminal_shows_how_far_a_phase_has_come() -> None:
    assert "Preparing stores ... storing 10 profiles, 25%" in shown(terminal=True)


def test_without_a_terminal_there_is_a_line_for_each_phase_and_no_more() -> None:
    (line,) = shown(terminal=False).splitlines()
    assert line.split()[:2] == ["Preparing", "stores"]
