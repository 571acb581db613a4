"""``exchange``: the commands, and how a failure is told.

A command's module is imported when the command is called and not before, so that help is there
at once. Every failure is one sentence and an exit code; nobody is shown a traceback.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from profile_exchange.collector import expect_objects_to_stay
from profile_exchange.domain.errors import ConfigurationError, ExchangeError, FatalError

if TYPE_CHECKING:
    from pathlib import Path

UNEXPECTED, CONFIGURATION, FATAL, TRANSIENT, INTERRUPTED = 1, 2, 3, 4, 130

#: Each command: where it is, and what the overview says of it.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up:up", "Start everything on this machine, and run the sample exchange."),
    "down": ("down:down", "Stop the installation that runs in another terminal."),
    "run": ("run:run", "Run a connection's import now, through Airflow, and follow it."),
    "preview": ("preview:preview", "Say what an import would do now, and write nothing."),
    "check": ("check:check", "Say what the other tenant exposes, and what is missing."),
    "show": ("show:show", "Show a connection as it is configured, and when it runs next."),
    "history": ("history:history", "Show what a connection's runs did."),
    "quarantine": ("quarantine:app", "Profiles that were rejected, and taking them again."),
    "connections": ("connections:app", "List the connections, and print their files' schema."),
    "doctor": ("doctor:doctor", "Check the installation, and say how to mend what is wrong."),
    "validate": ("validate:validate", "Find every mistake in the YAML files."),
    "load": ("load:load", "Load a file of profiles into a hosted tenant, all of it or nothing."),
    "credentials": ("credentials:app", "Consumer keys and secrets of those that read our tenants."),
    "migrate": ("migrate:migrate", "Bring every hosted tenant's database to this version."),
    "serve": ("serve:serve", "Serve the exposure API."),
}


def command(name: str) -> Any:
    """The command of this name, from its module."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(f"profile_exchange.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    alone.command(name)(found)
    return typer.main.get_command(alone)


class Commands(TyperGroup):
    """The group of all commands: loads the one that is called, and tells its failure."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is called, in place of the line that stands for it in the overview."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, command(name) if name in COMMANDS else found, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command. A failure becomes one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except Exception as error:
            if _is_usage(error) or _reader_has_gone(error):
                raise
            sentence, code = told(error)
            typer.echo(f"exchange: {sentence}", err=True)
            raise SystemExit(code) from None


def told(error: Exception) -> tuple[str, int]:
    """The sentence and the exit code of a failure."""
    if _disk_is_full(error):
        return "The disk is full: free some space, then start again.", FATAL
    if isinstance(error, ConfigurationError):
        return str(error), CONFIGURATION
    if isinstance(error, FatalError):
        return str(error), FATAL
    if isinstance(error, ExchangeError):
        return str(error), TRANSIENT
    return _unexpected(error), UNEXPECTED


def _is_usage(error: Exception) -> bool:
    """Typer's own errors, which it tells itself: a missing argument, an unknown option."""
    return any(base.__name__ in {"ClickException", "Abort", "Exit"} for base in type(error).__mro__)


def _reader_has_gone(error: Exception) -> bool:
    """Whoever reads what is printed has read enough, as ``| head`` has: Typer ends in silence."""
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or type(error).__name__ == "DiskFull":
            return True
        error = getattr(error, "orig", None) or error.__cause__ or error.__context__
    return False


def _unexpected(error: Exception) -> str:
    try:
        report = _write_report(error)
    except OSError:
        return f"Unexpected {type(error).__name__}, and its report could not be written."
    return f"Unexpected {type(error).__name__}: the full report is in {report}."


def _write_report(error: Exception) -> Path:
    from profile_exchange.config.settings import settings

    folder = settings().state_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / f"exchange-{os.getpid()}.error"
    with os.fdopen(os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(traceback.format_exception(error))
    return report


app = typer.Typer(
    name="exchange",
    cls=Commands,
    help="Profile Exchange: two customer data platform tenants share profile data.",
    epilog="`exchange COMMAND --help` says more. Settings are environment variables: EXCHANGE_…",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def _stand_in(name: str) -> Callable[[], None]:
    """What the overview shows for a command whose module is not imported yet."""

    def stand_in() -> None:
        raise NotImplementedError(name)

    return stand_in


for _name, (_where, _summary) in COMMANDS.items():
    app.command(_name, help=_summary)(_stand_in(_name))


def _print_whatever_there_is() -> None:
    """Names may hold what an output such as ASCII cannot: it is spelled out, and fails nothing."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper) and output.errors == "strict":
            output.reconfigure(errors="backslashreplace")


def run() -> None:
    """The entry point of the command ``exchange``."""
    expect_objects_to_stay()
    _print_whatever_there_is()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
