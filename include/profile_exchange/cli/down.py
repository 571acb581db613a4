"""``exchange down``: stop the installation that runs in another terminal."""

from __future__ import annotations

import os
import signal
import time

import typer

from profile_exchange.domain.errors import FatalError

PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.1


def down() -> None:
    """Stop the installation that runs in another terminal, and wait until it has stopped."""
    from profile_exchange.config.settings import settings
    from profile_exchange.installation import record
    from profile_exchange.installation.layout import Layout

    layout = Layout(settings().state_dir.resolve())
    last = record.read(layout)
    if last is None or not record.is_held(layout):
        typer.echo(f"No installation runs in {layout.state}.")
        return
    os.kill(last.launcher, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while record.is_held(layout):
        if time.monotonic() > deadline:
            raise FatalError(
                f"The installation in {layout.state} (process {last.launcher}) has not stopped "
                f"within {PATIENCE_SECONDS:.0f} s: look into the logs in {layout.logs}."
            )
        time.sleep(_POLL_SECONDS)
    typer.echo("Stopped.")
